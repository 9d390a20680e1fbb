"""The PROXY protocol on both sides, with nginx behind and haproxy and curl in front: B270."""
import os
import socket
import time

import pytest
import yaml

from harness import proc
from harness.client import Connection, curl, request
from harness.lab import CLIENT_IP, GW_EXT_IP, GW_EXT_IP6
from harness.resources import (destination_rule, documents, gateway, single,
                               virtual_service)

IP, OTHER_CLIENT = "198.18.1.91", "198.18.0.77"
PORTS = {"V1": 9181, "V2": 9182}
HAPROXY_PORTS = {"send-proxy": 8001, "send-proxy-v2": 8002}
BEHIND = 81  # the gateway's port that wants headers

NGINX = """\
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr error;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  {servers}
}}
"""
SERVER = """server {{ listen {ip}:{port} proxy_protocol;
  location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr \
$proxy_protocol_server_port $connection $http_x_forwarded_for"; }} }}"""

HAPROXY = """\
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
"""
LISTEN = """\
listen {option}
  bind {ip}:{port}
  server gw {gw}:{behind} {option}
"""


@pytest.fixture(scope="module")
def nginx(lab):
    lab.add_backend_ip(IP)
    place = os.path.join(proc.scratch(), "nginx-proxy-protocol")
    os.makedirs(place, exist_ok=True)
    conf = os.path.join(place, "nginx.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write(NGINX.format(dir=place, servers="\n".join(
            SERVER.format(ip=IP, port=port) for port in PORTS.values())))
    it = proc.Process("nginx-pp", ["nginx", "-e", "stderr", "-c", conf], ns=lab.back)
    yield it
    it.stop()


@pytest.fixture(scope="module")
def haproxy(lab):
    lab.client.ip("addr", "add", f"{OTHER_CLIENT}/24", "dev", "c0")
    conf = os.path.join(proc.scratch(), "haproxy.cfg")
    with open(conf, "w", encoding="ascii") as f:
        f.write(HAPROXY + "".join(
            LISTEN.format(option=option, ip=CLIENT_IP, port=port, gw=GW_EXT_IP, behind=BEHIND)
            for option, port in HAPROXY_PORTS.items()))
    it = proc.Process("haproxy", ["haproxy", "-db", "-f", conf], ns=lab.client)
    yield it
    it.stop()


def behind_proxy(text):
    doc = yaml.safe_load(text)
    doc["metadata"]["annotations"] = {"weir.io/proxy-protocol": "true"}
    return yaml.safe_dump(doc)


def checked(version):
    """A ServiceEntry that is checked at the port that wants the header."""
    name = f"checked-{version.lower()}"
    entry = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
             "metadata": {"name": name, "annotations": {
                 "weir.io/health-check": "http", "weir.io/health-check-interval": "200ms"}},
             "spec": {"hosts": [f"{name}.test"], "resolution": "STATIC",
                      "ports": [{"number": PORTS[version], "name": "http", "protocol": "HTTP"}],
                      "endpoints": [{"address": IP}]}}
    rule = destination_rule(f"{name}.test", policy={"proxyProtocol": {"version": version}})
    return [yaml.safe_dump(entry), rule.replace(f"name: {name}\n", f"name: {name}-rule\n"),
            virtual_service(name, [f"{name}.test"],
                            f"[{{route: [{{destination: {{host: {name}.test}}}}]}}]")]


def resources():
    docs = [gateway(), behind_proxy(gateway("public-behind", port=BEHIND))]
    for version, port in PORTS.items():
        name = version.lower()
        docs += [single(name, IP, port, f"{name}.test").replace("- public", "- public\n  - public-behind"),
                 destination_rule(name, policy={"proxyProtocol": {"version": version}})]
        docs += checked(version)
    return documents(*docs)


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, nginx, haproxy, start_weir, request):
    it = start_weir(lab, resources(), workers=request.param)
    yield it
    it.stop()


def announced(response):
    """What nginx was told: client, its port, where it came to, and the number of the connection."""
    assert response.status == 200, response.text
    addr, port, to, to_port, number, xff = response.text.split()
    return addr, int(port), to, int(to_port), int(number), xff


def count(weir, name, **labels):
    return weir.metrics().sum(name, **labels)


@pytest.mark.parametrize("version", PORTS)
def test_b270_backend_learns_the_client(lab, weir, version):
    host = f"{version.lower()}.test"
    with Connection(lab.client) as conn:
        mine = conn.sock.getsockname()
        seen = [announced(conn.get("/", host)) for _ in range(5)]
    assert {s[:4] for s in seen} == {(*mine[:2], GW_EXT_IP, 80)}
    assert len({s[4] for s in seen}) == 1, "one upstream connection is enough for one client"


@pytest.mark.parametrize("version", PORTS)
def test_b270_ipv6(lab, weir, version):
    with Connection(lab.client, ip=GW_EXT_IP6) as conn:
        mine = conn.sock.getsockname()
        assert announced(conn.get("/", f"{version.lower()}.test"))[:4] == (
            *mine[:2], GW_EXT_IP6, 80)


def test_b270_each_client_has_its_own_connection(lab, weir):
    """Twenty clients, mixed: nobody's request goes over what announced somebody else."""
    conns = [Connection(lab.client) for _ in range(20)]
    numbers = {}
    try:
        for _ in range(4):
            for conn in conns:
                addr, port, *_, number, _ = announced(conn.get("/", "v1.test"))
                assert (addr, port) == conn.sock.getsockname()[:2]
                assert numbers.setdefault(number, port) == port
    finally:
        for conn in conns:
            conn.close()
    assert len(numbers) == 20
    proc.wait_until("they are closed with their clients",
                    lambda: count(weir, "weir_upstream_idle_connections") == 0)


@pytest.mark.parametrize("option", HAPROXY_PORTS)
def test_haproxy_in_front(lab, weir, option):
    answer = curl(lab.client, f"http://{CLIENT_IP}:{HAPROXY_PORTS[option]}/", "--interface",
                  OTHER_CLIENT, headers=("Host: v1.test",))
    addr, port, to, to_port, _, xff = announced(answer)
    assert (addr, to, to_port) == (OTHER_CLIENT, CLIENT_IP, HAPROXY_PORTS[option])
    assert xff == OTHER_CLIENT
    record = weir.wait_log("the request", lambda r: r["x_forwarded_for"] == OTHER_CLIENT and
                           r["downstream_remote_address"] == f"{OTHER_CLIENT}:{port}")
    assert record["downstream_direct_remote_address"].startswith(f"{CLIENT_IP}:")


def test_curl_in_front(lab, weir):
    answer = curl(lab.client, f"http://{GW_EXT_IP}:{BEHIND}/", "--haproxy-protocol",
                  headers=("Host: v2.test",))
    addr, _, to, to_port, *_ = announced(answer)
    assert (addr, to, to_port) == (CLIENT_IP, GW_EXT_IP, BEHIND)


def test_v1_over_ipv6_names_an_ipv4_client(lab, weir):
    """The announced family need not be the connection's own."""
    with Connection(lab.client, ip=GW_EXT_IP6, port=BEHIND) as conn:
        conn.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 8443\r\n" + request("GET", "/", "v2.test"))
        assert announced(conn.read())[:4] == ("192.0.2.9", 1234, "192.0.2.1", 8443)


def test_byte_by_byte(lab, weir):
    whole = b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 80\r\n" + request("GET", "/", "v1.test")
    with Connection(lab.client, port=BEHIND) as conn:
        conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(whole)):
            conn.send(whole[i:i + 1])
            time.sleep(0.001)
        assert announced(conn.read())[:2] == ("192.0.2.9", 1234)


@pytest.mark.parametrize("text", [
    request("GET", "/", "v1.test"),
    b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 70000\r\n" + request("GET", "/", "v1.test"),
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\0",
], ids=["none", "port", "udp"])
def test_without_valid_header_there_is_no_answer(lab, weir, text):
    before = count(weir, "weir_proxy_headers_refused_total", reason="malformed")
    with Connection(lab.client, port=BEHIND) as conn:
        conn.send(text)
        assert conn.closed()
    assert count(weir, "weir_proxy_headers_refused_total", reason="malformed") == before + 1


def test_a_header_where_none_is_expected_is_no_request(lab, weir):
    with Connection(lab.client) as conn:
        conn.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 80\r\n" + request("GET", "/", "v1.test"))
        assert conn.read().status == 400


@pytest.mark.parametrize("version", PORTS)
def test_checks_announce_themselves(lab, weir, version):
    """nginx answers nothing that does not begin with a header: the endpoint would never be in."""
    def served():
        with Connection(lab.client) as conn:
            return conn.get("/", f"checked-{version.lower()}.test").status == 200

    proc.wait_until("the checks passed", served)
