"""TCP servers and VirtualService tcp[]: rows of istio/behaviours.md, groups K, M and Q, with one and with
four workers."""
import os
import socket
import threading
import time
from collections import Counter

import pytest
import yaml

from harness import proc
from harness.client import Connection
from harness.lab import CLIENT_IP, GW_EXT_IP, GW_EXT_IP6
from harness.resources import NETWORKING, documents, gateway, virtual_service
from harness.streams import PostProxy, Streams, echo, keep, say
from harness.weirctl import Weirctl

ECHO, ONE, TWO, DEAD, PROXY, POST = (f"198.18.1.{n}" for n in range(130, 136))
OTHER_CLIENTS = [f"198.18.0.{n}" for n in range(80, 92)]
ECHO6 = "2001:2:0:1::130"
ECHO_PORT, NAME_PORT, KEEP_PORT = 7000, 7001, 7002
PROXY_PORT, POST_PORT = 8888, 8889
FORBIDDEN_PORT = 7003  # nobody may be connected to it

TINYPROXY = """\
Port {port}
Listen {ip}
Timeout 60
MaxClients 100
LogLevel Error
ConnectPort {allowed}
"""


class World:
    """A Gateway of TCP servers, one for each thing to be shown, and what is behind them."""

    def __init__(self, name="tcp", first=5000, annotations=None):
        self.name, self.next, self.annotations = name, first, annotations or {}
        self.servers, self.docs, self.ports = [], [], {}

    def add(self, name, endpoints, rules=None, policy=None, subsets=None, port=ECHO_PORT):
        """A TCP port of the gateway, and a service with endpoints {address: version}; rules are its
        tcp rules, where they are not just for the service."""
        number = self.ports[name] = self.next
        self.next += 1
        self.servers.append({"port": {"number": number, "name": f"tcp-{name}", "protocol": "TCP"},
                             "hosts": ["*"]})
        host = f"{name}.test"
        self._dump("ServiceEntry", name, {
            "hosts": [host], "resolution": "STATIC",
            "ports": [{"number": port, "name": "tcp", "protocol": "TCP"}],
            "endpoints": [{"address": ip, "labels": {"version": version}}
                          for ip, version in endpoints.items()]})
        if policy or subsets:
            self._dump("DestinationRule", name, {
                "host": host, **({"trafficPolicy": policy} if policy else {}),
                "subsets": subsets or []})
        rules = rules or [{"route": [{"destination": {"host": host}}]}]
        for rule in rules:
            rule.setdefault("match", [{"port": number}])
        self._dump("VirtualService", name, {"hosts": ["*"], "gateways": [self.name],
                                            "tcp": rules})
        return self

    def _dump(self, kind, name, spec, **meta):
        self.docs.append(yaml.safe_dump({
            "apiVersion": NETWORKING, "kind": kind,
            "metadata": {"name": name, "namespace": "default", **meta}, "spec": spec},
            sort_keys=False))

    def text(self):
        whole = World()
        whole._dump("Gateway", self.name, {"selector": {"istio": "ingressgateway"},
                                           "servers": self.servers}, annotations=self.annotations)
        return documents(*whole.docs, *self.docs)


def to(name, *subsets):
    """A rule's destinations: with weights when there are several subsets."""
    if not subsets:
        return [{"route": [{"destination": {"host": f"{name}.test"}}]}]
    return [{"route": [{"destination": {"host": f"{name}.test", "subset": subset}, "weight": weight}
                       for subset, weight in subsets]}]


def pool(**tcp):
    return {"connectionPool": {"tcp": tcp}}


def tunnel(**more):
    return {"tunnel": {"targetHost": ECHO, "targetPort": ECHO_PORT, **more}}


def make_world():
    world = World()
    both = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
    world.add("echo", {ECHO: "v1"})
    world.add("echo6", {ECHO6: "v1"})
    world.add("b181", {ONE: "v1", TWO: "v2"}, to("b181", ("v1", 80), ("v2", 20)), subsets=both,
              port=NAME_PORT)
    world.add("b224", {ECHO: "v1"}, policy=pool(maxConnections=1))
    world.add("b249", {ONE: "v1", TWO: "v2"}, port=NAME_PORT,
              policy={"loadBalancer": {"consistentHash": {"useSourceIp": True}}})
    world.add("idle", {ECHO: "v1"}, policy=pool(idleTimeout="1s"))
    world.add("old", {ECHO: "v1"}, policy=pool(maxConnectionDuration="2s"))
    world.add("dead", {DEAD: "v1"}, policy=pool(connectTimeout="2s"))
    world.add("silent", {"198.18.1.254": "v1"}, policy=pool(connectTimeout="1s"))
    world.add("empty", {ECHO: "v1"}, to("empty", ("none", 1)),
              subsets=[{"name": "none", "labels": {"version": "none"}}])
    world.add("gone", {ECHO: "v1"}, to("nobody"))
    world.add("outlier", {ONE: "v1", DEAD: "v2"}, port=NAME_PORT, policy={
        "loadBalancer": {"simple": "ROUND_ROBIN"},
        "outlierDetection": {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "60s",
                             "maxEjectionPercent": 100}})
    for version in ("V1", "V2"):
        world.add(f"b270-{version.lower()}", {ECHO: "v1"}, policy={"proxyProtocol": {"version": version}})
    world.add("tunnel", {PROXY: "v1"}, policy=tunnel(), port=PROXY_PORT)
    world.add("tunnel-refused", {PROXY: "v1"}, policy=tunnel(targetPort=FORBIDDEN_PORT), port=PROXY_PORT)
    world.add("tunnel-post", {POST: "v1"}, policy=tunnel(protocol="POST"), port=POST_PORT)
    world.add("tunnel-deaf", {ECHO: "v1"}, port=KEEP_PORT,
              policy={**tunnel(), **pool(connectTimeout="1s")})
    world.add("subnets", {ECHO: "v1"}, [
        {"match": [{"port": world.next, "sourceSubnet": "192.0.2.0/24",
                    "destinationSubnets": ["192.0.2.0/24"], "sourceLabels": {"app": "other"}}],
         "route": [{"destination": {"host": "subnets.test"}}]},
        {"route": [{"destination": {"host": "nobody.test"}}]}])
    return world


WORLD = make_world()


@pytest.fixture(scope="module")
def servers(lab):
    streams = Streams(lab)
    lab.add_backend_ip(DEAD)
    for ip in (ECHO, ECHO6):
        streams.listen(ip, ECHO_PORT, echo)
    streams.listen(ECHO, KEEP_PORT, keep)
    for ip in (ONE, TWO):
        streams.listen(ip, NAME_PORT, say(ip.encode()))
    streams.post = PostProxy()
    streams.listen(POST, POST_PORT, streams.post)
    for ip in OTHER_CLIENTS:
        lab.client.ip("addr", "add", f"{ip}/24", "dev", "c0")
    yield streams
    for ip in OTHER_CLIENTS:
        lab.client.ip("addr", "del", f"{ip}/24", "dev", "c0")
    streams.stop()


@pytest.fixture(scope="module")
def tinyproxy(lab):
    lab.add_backend_ip(PROXY)
    conf = os.path.join(proc.scratch(), "tinyproxy.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(TINYPROXY.format(port=PROXY_PORT, ip=PROXY, allowed=ECHO_PORT))
    it = proc.Process("tinyproxy", ["tinyproxy", "-d", "-c", conf], ns=lab.back)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, servers, tinyproxy, start_weir, request):
    it = start_weir(lab, documents(WORLD.text(), gateway(port=80)), workers=request.param)
    yield it
    it.stop()


def connect(lab, name, ip=GW_EXT_IP, source=None):
    conn = Connection(lab.client, ip=ip, port=WORLD.ports[name], source=source)
    conn.ends = [written(*end[:2]) for end in (conn.sock.getsockname(), conn.sock.getpeername())]
    return conn


def written(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def record(weir, conn):
    """The access log's of this connection, which is over."""
    return weir.wait_log("the connection", lambda r: conn.ends == [
        r["downstream_remote_address"], r["downstream_local_address"]])


def check_nothing_of_http(it):
    assert it["response_code"] == 0
    for key in ("method", "path", "protocol", "authority", "user_agent", "request_id", "route_name",
                "response_code_details", "upstream_service_time", "x_forwarded_for"):
        assert it[key] is None, key


def check_echo(conn):
    conn.send(b"\x16\x03\x01GET / HTTP/1.1\r\n\r\n")
    assert conn.read_exactly(21) == b"\x16\x03\x01GET / HTTP/1.1\r\n\r\n"


def check_half_close(conn):
    """The end goes there, the answer behind it comes back."""
    conn.send(b"last")
    conn.sock.shutdown(socket.SHUT_WR)
    assert conn.read_to_end() == b"lastbye"


@pytest.mark.parametrize("name, ip", [("echo", GW_EXT_IP), ("echo", GW_EXT_IP6),
                                      ("echo6", GW_EXT_IP), ("echo6", GW_EXT_IP6)])
def test_bytes_pass_and_halves_close(lab, weir, name, ip):
    with connect(lab, name, ip) as conn:
        check_echo(conn)
        check_half_close(conn)
        it = record(weir, conn)
    check_nothing_of_http(it)
    assert it["response_flags"] == "-"
    assert it["bytes_received"] == 21 + 4 and it["bytes_sent"] == 21 + 7
    assert it["upstream_cluster"] == f"outbound|{ECHO_PORT}||{name}.test"
    assert it["upstream_host"].endswith(f":{ECHO_PORT}") and it["upstream_local_address"]
    assert it["downstream_local_address"].endswith(f":{WORLD.ports[name]}")


def test_megabytes_both_ways(lab, weir):
    """More than all windows on the way: neither side is held up by the other's."""
    data = os.urandom(1 << 20) * 24

    def pour():
        conn.send(data)
        conn.sock.shutdown(socket.SHUT_WR)

    with connect(lab, "echo") as conn:
        conn.sock.settimeout(60 * proc.PATIENCE)
        sender = threading.Thread(target=pour)
        sender.start()
        assert conn.read_to_end() == data + b"bye"
        sender.join()
        it = record(weir, conn)
    assert it["bytes_received"] == len(data) and it["bytes_sent"] == len(data) + 3


def test_a_slow_reader_holds_up_its_sender(lab, weir):
    with connect(lab, "echo") as conn:
        conn.sock.setblocking(False)
        sent, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            try:
                sent += conn.sock.send(bytes(1 << 16))
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 64 << 20
        conn.sock.settimeout(30 * proc.PATIENCE)
        assert conn.read_exactly(sent) == bytes(sent)


def test_b181_weights(lab, weir):
    seen = Counter()
    for _ in range(1000):
        with connect(lab, "b181") as conn:
            seen[conn.read_to_end().decode()] += 1
    assert set(seen) == {ONE, TWO}
    # Each worker deals them out exactly over a cycle.
    assert abs(seen[ONE] - 800) <= 20, seen


def test_b182_without_a_rule_the_port_is_not_open(lab, weir):
    extra = World("b182", WORLD.next).add("b182", {ECHO: "v1"}, [
        {"match": [{"port": 1}], "route": [{"destination": {"host": "b182.test"}}]}])
    weir.apply("b182.yaml", extra.text())
    with pytest.raises(ConnectionRefusedError):
        Connection(lab.client, port=WORLD.next)
    weir.withdraw("b182.yaml")


def test_b224_second_connection_is_closed(lab, weir):
    before = weir.metrics().sum("istio_tcp_connections_closed_total", response_flags="UO")
    with connect(lab, "b224") as first:
        check_echo(first)
        for _ in range(8):  # whichever worker they come to
            with connect(lab, "b224") as second:
                assert second.closed()
                assert record(weir, second)["response_flags"] == "UO"
        check_echo(first)
    assert weir.metrics().sum("istio_tcp_connections_closed_total", response_flags="UO") == before + 8

    def served():
        with connect(lab, "b224") as conn:
            conn.send(b"x")
            return conn.sock.recv(1) == b"x"

    proc.wait_until("its place is free", served)


def test_b249_a_source_stays_where_it_is(lab, weir):
    seen = {}
    for source in (CLIENT_IP, *OTHER_CLIENTS):
        for _ in range(4):
            with connect(lab, "b249", source=source) as conn:
                seen.setdefault(source, set()).add(conn.read_to_end().decode())
    assert all(len(names) == 1 for names in seen.values()), seen
    assert set.union(*seen.values()) == {ONE, TWO}


def test_idle_timeout(lab, weir):
    with connect(lab, "idle") as conn:
        for _ in range(4):
            time.sleep(0.5)
            check_echo(conn)
        begun = time.monotonic()
        assert conn.closed(5)
        assert 0.8 < time.monotonic() - begun < 3 * proc.PATIENCE
        assert record(weir, conn)["response_flags"] == "SI"


def test_max_connection_duration(lab, weir):
    with connect(lab, "old") as conn:
        begun = time.monotonic()
        with pytest.raises((EOFError, ConnectionError)):
            while time.monotonic() < begun + 10 * proc.PATIENCE:
                check_echo(conn)
                time.sleep(0.1)
        assert 1.8 < time.monotonic() - begun < 5 * proc.PATIENCE
        assert record(weir, conn)["response_flags"] == "DT"


@pytest.mark.parametrize("name, flags", [("dead", "UF,URX"), ("silent", "UF,URX"), ("empty", "UH"),
                                         ("gone", "NC")])
def test_nowhere_to_go(lab, weir, name, flags):
    with connect(lab, name) as conn:
        assert conn.closed(5)
        it = record(weir, conn)
    check_nothing_of_http(it)
    assert it["response_flags"] == flags
    if flags == "UF,URX":
        assert it["upstream_transport_failure_reason"] and it["upstream_host"]


def test_a_dead_backend_is_ejected(lab, weir):
    def served():
        with connect(lab, "outlier") as conn:
            return conn.read_to_end() == ONE.encode()

    proc.wait_until("both were tried", lambda: not served())
    assert all(served() for _ in range(20))


def test_conditions_that_a_gateway_does_not_look_at(lab, weir):
    with connect(lab, "subnets") as conn:
        check_echo(conn)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_b270_backend_learns_the_client(lab, weir, version):
    """The echo server sends back the header that it was sent."""
    with connect(lab, f"b270-{version}") as conn:
        ip, port = conn.sock.getsockname()
        conn.send(b"hello")
        if version == "v1":
            want = f"PROXY TCP4 {ip} {GW_EXT_IP} {port} {WORLD.ports['b270-v1']}\r\n".encode()
        else:
            want = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton(ip) +
                    socket.inet_aton(GW_EXT_IP) + port.to_bytes(2, "big") +
                    WORLD.ports["b270-v2"].to_bytes(2, "big"))
        assert conn.read_exactly(len(want) + 5) == want + b"hello"


# ---- tunnels

def test_tunnel_through_a_proxy(lab, weir):
    with connect(lab, "tunnel") as conn:
        check_echo(conn)
        data = os.urandom(1 << 20) * 4
        sender = threading.Thread(target=conn.send, args=(data,))
        sender.start()
        assert conn.read_exactly(len(data)) == data
        sender.join()
    it = weir.wait_log("the tunnel", lambda r: r["upstream_cluster"] ==
                       f"outbound|{PROXY_PORT}||tunnel.test")
    check_nothing_of_http(it)
    assert it["upstream_host"] == f"{PROXY}:{PROXY_PORT}"
    assert it["bytes_sent"] == it["bytes_received"] == 21 + len(data)


def test_tunnel_that_the_proxy_forbids(lab, weir):
    before = weir.metrics().sum("weir_tunnels_refused_total")
    with connect(lab, "tunnel-refused") as conn:
        conn.send(b"hello")
        assert conn.closed(5), "nothing of the proxy's answer is passed on"
        it = record(weir, conn)
    assert it["response_flags"] == "UF,URX"
    assert it["upstream_transport_failure_reason"] == "tunnel: refused"
    assert weir.metrics().sum("weir_tunnels_refused_total") == before + 1


def test_tunnel_without_an_answer(lab, weir):
    with connect(lab, "tunnel-deaf") as conn:
        assert conn.closed(5)
        assert record(weir, conn)["upstream_transport_failure_reason"] == "tunnel: no answer in time"


def test_tunnel_by_post(lab, weir, servers):
    with connect(lab, "tunnel-post") as conn:
        check_echo(conn)
        data = os.urandom(1 << 20)
        sender = threading.Thread(target=conn.send, args=(data,))
        sender.start()
        assert conn.read_exactly(len(data)) == data
        sender.join()
        conn.sock.shutdown(socket.SHUT_WR)
        assert conn.read_to_end() == b""
        it = record(weir, conn)
    assert it["response_flags"] == "-"
    assert it["bytes_sent"] == it["bytes_received"] == 21 + len(data)
    assert servers.post.heads[-1].startswith(b"POST / HTTP/1.1\r\nhost: %s:%d\r\n" %
                                             (ECHO.encode(), ECHO_PORT))


# ---- configuration

def test_connections_outlive_their_route(lab, weir):
    with connect(lab, "echo") as conn:
        check_echo(conn)
        weir.apply("later.yaml", World("later", WORLD.next).add("later", {ECHO: "v1"}).text())
        with Connection(lab.client, port=WORLD.next) as later:
            check_echo(later)
            weir.withdraw("later.yaml")
            with pytest.raises(ConnectionRefusedError):
                Connection(lab.client, port=WORLD.next)
            check_echo(later)
            check_half_close(later)
        check_echo(conn)


def test_connection_limit_of_a_gateway(lab, weir):
    few = World("few", WORLD.next, {"weir.io/max-connections": "2"}).add("few", {ECHO: "v1"})
    weir.apply("few.yaml", few.text())
    conns = [Connection(lab.client, port=WORLD.next) for _ in range(2)]
    for conn in conns:
        check_echo(conn)
    try:
        with Connection(lab.client, port=WORLD.next) as third:
            assert third.closed()
    except ConnectionResetError:
        pass  # before connect() had returned
    for conn in conns:
        check_half_close(conn)
        conn.close()
    weir.withdraw("few.yaml")


def test_what_is_shown(lab, weir):
    ctl = Weirctl(f"unix:{weir.admin_socket}")
    routes = ctl.json("proxy-config", "route", "--port", str(WORLD.ports["b181"]))
    assert [t["percent"] for t in routes[0]["routes"][0]["targets"]] == [80.0, 20.0]
    assert "spec.tcp[0]" in ctl.text("proxy-config", "route")
    listeners = ctl.json("proxy-config", "listener", "--port", str(WORLD.ports["echo"]))
    assert [it["protocol"] for it in listeners] == ["tcp"]
    it = ctl.explain(f"http://{GW_EXT_IP}:{WORLD.ports['tunnel']}/")
    assert it["tcp_route"]["field"] == "spec.tcp[0]"
    assert it["tcp_route"]["targets"][0]["details"]["tunnel"] == f"{ECHO}:{ECHO_PORT}"
    assert it["verdict"]["result"] == "forward"
    text = ctl.text("explain", f"http://{GW_EXT_IP}:{WORLD.ports['empty']}/")
    assert "closed, UH" in text


def test_metrics(lab, weir):
    def count(name, **labels):
        return weir.metrics().sum(name, destination_service="echo.test", request_protocol="tcp",
                                  **labels)

    before = {name: count(f"istio_tcp_{name}_total") for name in
              ("connections_opened", "connections_closed", "received_bytes", "sent_bytes")}
    with connect(lab, "echo") as conn:
        check_echo(conn)
        assert count("istio_tcp_connections_opened_total") == before["connections_opened"] + 1
        assert weir.metrics().sum("weir_sessions_open") >= 1
        check_half_close(conn)
        record(weir, conn)
    assert count("istio_tcp_connections_closed_total") == before["connections_closed"] + 1
    assert count("istio_tcp_received_bytes_total") == before["received_bytes"] + 25
    assert count("istio_tcp_sent_bytes_total") == before["sent_bytes"] + 28


def test_http_beside_it(lab, weir):
    weir.apply("http.yaml", virtual_service("h", ["h.test"],
                                            "[{directResponse: {status: 200}}]"))
    with Connection(lab.client) as conn:
        assert conn.get("/", "h.test").status == 200
    weir.withdraw("http.yaml")
