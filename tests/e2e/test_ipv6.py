"""IPv6 as equal to IPv4: clients, backends, VIPs, neighbours, whose addresses are whose."""
import contextlib
import hashlib
import time

import pytest

from conftest import conformance
from harness import proc
from harness.client import Connection, curl, ping6, request, tally
from harness.lab import CLIENT_IP, CLIENT_IP6, GW_EXT_IP, GW_EXT_IP6, GW_INT_IP6
from harness.nginx import Nginx
from harness.origin import Origin, fields
from harness.resources import documents, gateway, single, virtual_service
from harness.weir import Weir

BACK4, BACK6, ECHO6 = "198.18.1.61", "2001:2:0:1::61", "2001:2:0:1::62"
NOBODY6 = "2001:2:0:1::dead"
VIP6 = "2001:2:0:ff::10"
PORT = 8080
GROUPS = ("syn", "closed", "listen", "synrcvd", "est", "ooo", "ack", "wnd", "close", "xfer", "many",
          "ip", "icmp")
HOSTS = {"v4": "four.example.com", "v6": "six.example.com"}
CLIENTS = {"v4": (GW_EXT_IP, GW_EXT_IP), "v6": (GW_EXT_IP6, f"[{GW_EXT_IP6}]")}

SLICES = """\
apiVersion: v1
kind: Service
metadata: {name: sliced, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: sliced-v6
  namespace: default
  labels: {kubernetes.io/service-name: sliced}
addressType: IPv6
ports: [{name: http, port: %d}]
endpoints: [{addresses: ["%s"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: entry, namespace: default}
spec:
  hosts: [entry.internal]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: %d}]
  endpoints: [{address: "%s"}]
""" % (PORT, BACK6, PORT, BACK6)


def to(host):
    return f"[{{route: [{{destination: {{host: {host}}}}}]}}]"


@pytest.fixture(scope="module")
def weir(lab, start_weir):
    four, six = (Nginx(lab, name, "v1", ip, PORT) for name, ip in (("four", BACK4), ("six", BACK6)))
    echo = Origin(lab, ECHO6, PORT)
    for server in four, six:
        server.add_file("big", 4 << 20, seed=7)
    weir = start_weir(lab, documents(
        gateway(), single("four", BACK4, PORT, HOSTS["v4"], cluster_ip="2001:2:0:ff::4"),
        single("six", BACK6, PORT, HOSTS["v6"], cluster_ip=VIP6),
        single("echo", ECHO6, PORT, "echo.example.com"),
        single("nobody", NOBODY6, PORT, "nobody.example.com"),
        virtual_service("literal", [GW_EXT_IP6], to("six")),
        SLICES, virtual_service("sliced", ["sliced.example.com"], to("sliced")),
        virtual_service("entry", ["entry.example.com"], to("entry.internal"))))
    proc.wait_until("IPv6 addresses count", lambda: ping6(lab.client, GW_EXT_IP6, 1, wait=0.2))
    yield weir
    for server in four, six:
        server.stop()
    echo.close()


def digest_of(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("behind", HOSTS)
@pytest.mark.parametrize("front", CLIENTS)
def test_every_mix_of_families(lab, weir, front, behind):
    """Small answers, and 4 MiB through segments of two sizes, by curl and by keep-alive."""
    ip, url = CLIENTS[front]
    answer = curl(lab.client, f"http://{url}/", headers=[f"Host: {HOSTS[behind]}"])
    assert (answer.status, answer.get("x-backend")) == (200, {"v4": "four-v1", "v6": "six-v1"}[behind])
    with Connection(lab.client, ip) as conn:
        digests = {digest_of(conn.get("/files/big", HOSTS[behind]).body) for _ in range(2)}
    assert len(digests) == 1
    assert sum(tally(lab.client, 300, HOSTS[behind], ip=ip, connections=30).values()) == 300


def test_digests_are_those_of_the_file(lab, weir):
    """Both backends serve the same noise: whatever way it came, it is the same."""
    seen = set()
    for ip, _ in CLIENTS.values():
        for host in HOSTS.values():
            with Connection(lab.client, ip) as conn:
                seen.add(digest_of(conn.get("/files/big", host).body))
    assert len(seen) == 1


def test_no_mix_needs_more_segments(lab, weir):
    """What an IPv4 backend sends fits the segments of an IPv6 client."""
    def segments(ip, host):
        before = weir.metrics().sum("weir_tcp_out_segs_total")
        with Connection(lab.client, ip) as conn:
            conn.get("/files/big", host)
        return weir.metrics().sum("weir_tcp_out_segs_total") - before

    needed = [segments(ip, host) for ip, _ in CLIENTS.values() for host in HOSTS.values()]
    assert max(needed) < 1.2 * min(needed)


def test_uploads(lab, weir):
    data = bytes(range(256)) * 4096
    with Connection(lab.client, GW_EXT_IP6) as conn:
        conn.send(request("POST", "/", "echo.example.com", f"Content-Length: {len(data)}",
                          body=data))
        assert conn.read().body.endswith(b"\r\n\r\n" + data)


def test_addresses_in_headers_and_log(lab, weir):
    with Connection(lab.client, GW_EXT_IP6) as conn:
        head = conn.get("/who", "echo.example.com").body
        port = conn.sock.getsockname()[1]
    assert dict(fields(head))["x-forwarded-for"] == CLIENT_IP6
    record = weir.wait_log("of /who", lambda r: r["path"] == "/who")
    assert record["downstream_remote_address"] == f"[{CLIENT_IP6}]:{port}"
    assert record["downstream_local_address"] == f"[{GW_EXT_IP6}]:80"
    assert record["upstream_host"] == f"[{ECHO6}]:{PORT}"
    assert record["upstream_local_address"].startswith(f"[{GW_INT_IP6}]:")


def test_an_address_is_a_host(lab, weir):
    for host in (f"[{GW_EXT_IP6}]", f"[{GW_EXT_IP6}]:80"):
        with Connection(lab.client, GW_EXT_IP6) as conn:
            assert conn.get("/", host).get("x-backend") == "six-v1"


@pytest.mark.parametrize("vip,host", [(VIP6, "six"), ("2001:2:0:ff::4", "four")])
def test_vips(lab, weir, vip, host):
    with Connection(lab.client, vip, PORT) as conn:
        assert conn.get("/", f"{host}.default.svc.cluster.local").get("x-backend") == f"{host}-v1"


@pytest.mark.parametrize("host", ["sliced.example.com", "entry.example.com"])
def test_endpoints_of_the_registry(lab, weir, host):
    with Connection(lab.client, GW_EXT_IP) as conn:
        assert conn.get("/", host).get("x-backend") == "six-v1"


def link_local(ns, dev):
    """The address that a kernel interface's neighbour must have made of its MAC."""
    mac = [int(b, 16) for b in ns.ip("link", "show", dev).split("link/ether ")[1][:17].split(":")]
    b = [mac[0] ^ 2, mac[1], mac[2], 0xFF, 0xFE, *mac[3:]]
    return "fe80::" + ":".join(f"{b[i] << 8 | b[i + 1]:x}" for i in range(0, 8, 2))


def test_ping(lab, weir):
    for size in (0, 56, 1452):
        assert ping6(lab.client, GW_EXT_IP6, 20, size) == 20
    assert ping6(lab.back, GW_INT_IP6, 5) == 5
    # Each side by its own link.
    assert ping6(lab.client, link_local(lab.gw, "ext"), 5, dev="c0") == 5
    assert ping6(lab.back, link_local(lab.gw, "int"), 5, dev="b0") == 5
    assert ping6(lab.client, link_local(lab.gw, "int"), 1, dev="c0", wait=0.3) == 0


def test_over_link_local_addresses(lab, weir):
    scope = f"{link_local(lab.gw, 'ext')}%c0"
    answer = curl(lab.client, f"http://[{scope}]/", headers=[f"Host: {HOSTS['v6']}"])
    assert (answer.status, answer.get("x-backend")) == (200, "six-v1")


def test_a_neighbour_that_is_not_there(lab, weir):
    start = time.monotonic()
    with Connection(lab.client, GW_EXT_IP6) as conn:
        answer = conn.get("/", "nobody.example.com")
    assert answer.status == 503
    assert time.monotonic() - start < 8 * proc.PATIENCE
    assert weir.metrics().sum("weir_drops_total", reason="neigh_unreachable") > 0


def test_a_neighbour_that_moves(lab, weir):
    """The backend's address comes up at another MAC: its own announcement is enough."""
    def served():
        return tally(lab.client, 1, HOSTS["v6"], ip=GW_EXT_IP6)[200, "six-v1"] == 1

    assert served()
    lab.back.sysctl("ipv6/conf/b0/ndisc_notify", "1")  # by itself Linux does not announce
    mac = lab.back.ip("link", "show", "b0").split("link/ether ")[1][:17]
    lab.back.ip("link", "set", "b0", "address", "02:00:00:00:61:61")
    try:
        proc.wait_until("served from the new MAC", served, timeout=40)
    finally:
        lab.back.ip("link", "set", "b0", "address", mac)
    proc.wait_until("served from the old MAC again", served, timeout=40)


def test_linux_must_not_take_our_address(lab, weir):
    """Its duplicate address detection hears of us."""
    lab.client.sysctl("ipv6/conf/c0/accept_dad", "1")
    lab.client.ip("addr", "add", f"{GW_EXT_IP6}/64", "dev", "c0")
    try:
        proc.wait_until("Linux gives it up", lambda: "dadfailed" in
                        lab.client.ip("-6", "addr", "show", "dev", "c0", "to", GW_EXT_IP6))
    finally:
        lab.client.ip("addr", "del", f"{GW_EXT_IP6}/64", "dev", "c0")
    assert ping6(lab.client, GW_EXT_IP6, 1) == 1
    assert weir.metrics().sum("weir_net_duplicate_addresses_total") == 0


def test_black_box(lab, weir):
    program = conformance("tcp_blackbox.py")
    only = [word for group in GROUPS for word in ("--only", f"{group}.*")]
    done = lab.client.run(
        "/usr/bin/python3", "-B", program, "--iface", "c0", "--src-ip", "2001:2::100",
        "--dst-ip", GW_EXT_IP6, "--dst-port", 80, "--host", HOSTS["v4"], "--small-path", "/",
        "--big-path", "/files/big", "--closed-port", 81, *only, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:]


def test_client_is_seen_over_either_family(lab, weir):
    for ip, seen in ((GW_EXT_IP, CLIENT_IP), (GW_EXT_IP6, CLIENT_IP6)):
        with Connection(lab.client, ip) as conn:
            head = conn.get("/", "echo.example.com").body
        assert dict(fields(head))["x-forwarded-for"] == seen


@contextlib.contextmanager
def another(lab, weir, addresses=(), **node):
    """A gateway in the place of the first one, with further addresses outside."""
    resources = documents(gateway(), single("four", BACK4, PORT, HOSTS["v4"]),
                          single("six", BACK6, PORT, HOSTS["v6"]))
    other = Weir(lab, resources, **node)
    other.node["interfaces"][0]["addresses"] += [f"{ip}/64" for ip in addresses]
    weir.stop()
    try:
        other.start()
        proc.wait_until("IPv6 counts", lambda: ping6(lab.client, GW_EXT_IP6, 1, wait=0.2))
        yield other
        other.stop()
    finally:
        other.kill()
        weir.start()


@pytest.mark.parametrize("workers", [2, 4])
def test_many_workers(lab, weir, workers):
    """Connections of both families come home to the worker that opened them."""
    with another(lab, weir, workers=workers) as other:
        for ip, _ in CLIENTS.values():
            for host in HOSTS.values():
                seen = tally(lab.client, 400, host, ip=ip, connections=40)
                assert {status for status, _ in seen} == {200}
        assert len(other.metrics().all("weir_worker_requests_total")) == workers


def test_an_address_that_linux_has(lab, weir):
    """Another host's address is not used, said and counted; the others are."""
    taken = "2001:2::3"
    lab.client.ip("addr", "add", f"{taken}/64", "dev", "c0", "nodad")
    try:
        with another(lab, weir, [taken]) as other:
            proc.wait_until("weir says so", lambda: f"another host has the address {taken}" in
                            other.log())
            assert other.metrics().sum("weir_net_duplicate_addresses_total") == 1
            assert tally(lab.client, 1, HOSTS["v6"], ip=GW_EXT_IP6)[200, "six-v1"] == 1
            lab.client.ip("addr", "del", f"{taken}/64", "dev", "c0")
            assert ping6(lab.client, taken, 1, wait=0.5) == 0
    finally:
        if f"{taken}/" in lab.client.ip("-6", "addr", "show", "dev", "c0"):
            lab.client.ip("addr", "del", f"{taken}/64", "dev", "c0")
