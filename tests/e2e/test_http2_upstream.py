"""Upstreams that speak HTTP/2, by nginx and by a server that misbehaves: h2UpgradePolicy and what
connectionPool.http says of such connections, with one worker and with four.

Rows of istio/behaviours.md are named by their number.
"""
import hashlib
import json
import threading
import time
from collections import Counter

import pytest

from harness import proc
from harness.client import Connection, Wrk, curl, request
from harness.h2_server import REFUSED_STREAM, H2Server
from harness.lab import GW_EXT_IP
from harness.nginx import Nginx
from harness.resources import (destination_rule, documents, gateway, service, virtual_service,
                               workload)

NGINX_IP, OLD_IP, PEER_IP = "198.18.1.81", "198.18.1.82", "198.18.1.83"
OVERFLOW = "upstream connect error or disconnect/reset before headers. reset reason: overflow"
BIG = 64 << 20
MEMORY_MAX, MBUFS_MAX = 64 << 20, 12000

# Servers by name: a port of PEER_IP, and what connectionPool says.
PEERS = {
    "peer": (9300, {}),
    "refuses": (9301, {}),
    "leaves": (9302, {}),
    "three": (9303, {"http": {"http2MaxRequests": 3}}),
    "alone": (9304, {"tcp": {"maxConnections": 1}}),
    "narrow": (9305, {"http": {"maxConcurrentStreams": 2}}),
    "once": (9306, {"http": {"maxRequestsPerConnection": 1}}),
    "asked": (9307, {"http": {"http2KeepAlive": {"interval": "1s", "timeout": "1s"}}}),
    "copied": (9308, {}),
}
TO = "route: [{destination: {host: %s}}]"
RULES = {
    "refuses": "retries: {attempts: 2, retryOn: refused-stream}, " + TO % "refuses",
    "leaves": "retries: {attempts: 0}, " + TO % "leaves",
}


def upgraded(name, pool=None):
    """A DestinationRule with h2UpgradePolicy: UPGRADE."""
    pool = pool or {}
    http = {**pool.get("http", {}), "h2UpgradePolicy": "UPGRADE"}
    return destination_rule(name, policy={"connectionPool": {**pool, "http": http}})


def at(name, ip, port, rule=None, port_name="http"):
    return documents(
        service(name, port, port_name=port_name), workload(name, "v1", ip),
        virtual_service(name, [f"{name}.test"], "[{%s}]" % (rule or TO % name)))


def resources():
    policy = {"connectionPool": {"http": {"useClientProtocol": True}}}
    faults = """
    - match: [{headers: {x-fault: {exact: abort}}}]
      fault: {abort: {percentage: {value: 100}, httpStatus: 555}}
      route: [{destination: {host: faulty}}]
    - match: [{headers: {x-fault: {exact: delay}}}]
      fault: {delay: {percentage: {value: 100}, fixedDelay: 1s}}
      route: [{destination: {host: faulty}}]
    - route: [{destination: {host: faulty}}]
      mirror: {host: copied}"""
    return documents(
        gateway(),
        at("web", NGINX_IP, 9080), upgraded("web"),
        # The port's name says it, and nothing else.
        at("named", NGINX_IP, 9080, port_name="http2-web"),
        at("grpc", NGINX_IP, 9080, port_name="grpc"),
        at("kept", OLD_IP, 9080, port_name="http2"), destination_rule("kept", policy=policy),
        *(documents(at(name, PEER_IP, port, RULES.get(name)), upgraded(name, pool))
          for name, (port, pool) in PEERS.items()),
        service("faulty", 9080), workload("faulty", "v1", NGINX_IP), upgraded("faulty"),
        virtual_service("faulty", ["faulty.test"], faults))


@pytest.fixture(scope="module")
def web(lab):
    it = Nginx(lab, "web", "v1", NGINX_IP, http2=True)
    it.big = it.add_file("big", BIG, seed=11)
    yield it
    it.stop()


@pytest.fixture(scope="module")
def old(lab):
    it = Nginx(lab, "old", "v1", OLD_IP)
    yield it
    it.stop()


@pytest.fixture(scope="module")
def peers(lab):
    its = {name: H2Server(lab, PEER_IP, port, threads=True) for name, (port, _) in PEERS.items()}
    yield its
    for it in its.values():
        it.close()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, web, old, peers, start_weir, request):
    it = start_weir(lab, resources(), workers=request.param)
    it.workers = request.param
    yield it
    it.stop()


def get(lab, host, path="/", *lines):
    with Connection(lab.client) as conn:
        return conn.get(path, f"{host}.test", *lines)


def record(weir, path):
    return weir.wait_log(path, lambda r: r["path"] == path)


class Asking:
    """Requests at once, each on a connection of its own, and their answers."""

    def __init__(self, lab, host, n):
        self.answers = [None] * n
        self.threads = [threading.Thread(target=self._ask, args=(lab, host, i)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def _ask(self, lab, host, i):
        self.answers[i] = get(lab, host, f"/{i}")

    def finish(self):
        for thread in self.threads:
            thread.join(30 * proc.PATIENCE)
        assert None not in self.answers, "a request waits for ever"
        return self.answers


# ---- what is spoken


def test_b225_upgrade(lab, weir):
    assert get(lab, "web", "/protocol").text == "HTTP/2.0"
    answer = curl(lab.client, f"http://{GW_EXT_IP}/", headers=["Host: web.test"])
    assert answer.status == 200 and '"service": "web"' in answer.text
    assert answer.get("x-backend") == "web-v1"


@pytest.mark.parametrize("name", ["named", "grpc"])
def test_port_says_so(lab, weir, name):
    assert get(lab, name, "/protocol").text == "HTTP/2.0"


def test_clients_protocol(lab, weir):
    """useClientProtocol: the client speaks HTTP/1.1, whatever the port says."""
    assert get(lab, "kept", "/protocol").text == "HTTP/1.1"


def test_what_weir_says_of_it(weir):
    clusters = {c["service"].split(".")[0]: c
                for c in json.loads(weir.get("/config_dump")[1])["clusters"]}
    assert clusters["kept"]["protocol"] == "HTTP/1.1"
    assert clusters["narrow"]["protocol"] == "HTTP/2"
    assert clusters["narrow"]["max_concurrent_streams"] == 2
    assert clusters["grpc"]["max_concurrent_streams"] == 1024
    assert clusters["asked"]["http2_keepalive_interval_us"] == 1000000


def test_fields(lab, weir):
    text = get(lab, "web", "/fields", "X-Mixed: One", "Connection: close, x-drop", "X-Drop: 1",
               "TE: trailers, deflate", "Cookie: a=b; c=d").text
    assert text == "web.test|One|trailers|a=b; c=d||"


@pytest.mark.parametrize("code", [201, 204, 304, 404, 503])
def test_statuses(lab, weir, code):
    with Connection(lab.client) as conn:
        for _ in range(2):
            assert conn.get(f"/status/{code}", "web.test").status == code


def test_head(lab, weir):
    with Connection(lab.client) as conn:
        for _ in range(2):
            conn.send(request("HEAD", "/files/big", "web.test"))
            answer = conn.read("HEAD")
            assert answer.status == 200 and answer.get("content-length") == str(BIG)


def test_trailers_end_a_response(lab, weir, peers):
    peers["peer"].handler = lambda s: s.respond(b"x" * 40000, trailers=[("x-sum", "1")])
    with Connection(lab.client) as conn:
        for _ in range(3):
            answer = conn.get("/", "peer.test")
            assert answer.status == 200 and answer.body == b"x" * 40000 and not answer.trailers


def test_no_upgrade(lab, weir):
    answer = get(lab, "web", "/upgrade", "Connection: upgrade", "Upgrade: websocket")
    assert answer.status == 503
    assert record(weir, "/upgrade")["response_flags"] == "LR"


# ---- content


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def read_big(conn):
    assert b"content-length: %d" % BIG in conn.read_until(b"\r\n\r\n").lower()
    return hashlib.sha256(conn.read_exactly(BIG)).hexdigest()


def test_large_response(lab, weir, web):
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("GET", "/files/big", "web.test"))
        assert read_big(conn) == digest_of(web.big)


def test_slow_reader(lab, weir, web):
    """It holds up the server and nobody else, and the gateway keeps next to nothing for it."""
    get(lab, "web")
    before = weir.process.rss()
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("GET", "/files/big", "web.test"))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert get(lab, "web").status == 200
            assert weir.process.rss() - before < MEMORY_MAX
            assert weir.metrics().sum("weir_mbuf_in_use") < MBUFS_MAX * weir.workers
            time.sleep(0.1)
        assert read_big(conn) == digest_of(web.big)


def test_large_requests(lab, weir, peers):
    peers["peer"].handler = lambda s: s.respond(f"{s.size} {s.sha.hexdigest()}".encode())
    body = bytes(range(256)) * (8 << 12)
    expected = f"{len(body)} {hashlib.sha256(body).hexdigest()}"
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("POST", "/", "peer.test", f"Content-Length: {len(body)}"))
        conn.send(body)
        assert conn.read().text == expected
        conn.send(request("POST", "/", "peer.test", "Transfer-Encoding: chunked"))
        for i in range(0, len(body), 1 << 20):
            conn.send(b"100000\r\n" + body[i:i + (1 << 20)] + b"\r\n")
        conn.send(b"0\r\n\r\n")
        assert conn.read().text == expected


# ---- connections and limits


def opened(weir):
    return weir.metrics().sum("weir_upstream_connects_total")


def slow(seconds):
    def handler(stream):
        time.sleep(seconds)
        stream.respond(b"ok")

    return handler


def test_many_share_few(lab, weir):
    before = opened(weir)
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/", "web.test", 2, connections=64).finish()
    assert report.requests > 500 and report.non_2xx == 0 and report.socket_errors == 0, report.text
    assert opened(weir) - before <= weir.workers


def test_streams_of_a_connection(lab, weir, peers):
    peer = peers["narrow"]
    peer.reset()
    peer.handler = slow(0.5)
    assert all(a.status == 200 for a in Asking(lab, "narrow", 8).finish())
    assert 4 <= peer.connections <= 4 + weir.workers - 1


def test_most_requests(lab, weir, peers):
    """http2MaxRequests is one limit for all workers and connections."""
    peer = peers["three"]
    peer.reset()
    peer.handler = slow(1)
    answers = Asking(lab, "three", 8).finish()
    assert sorted(a.status for a in answers) == [200] * 3 + [503] * 5
    assert all(a.text == OVERFLOW and a.get("x-envoy-overloaded") == "true"
               for a in answers if a.status == 503)
    assert peer.peak == 3 and peer.requests == 3


def test_one_connection(lab, weir, peers):
    """maxConnections: 1 is one, and nobody waits for ever, whichever worker has it. The server may
    hear of the next one before it hears the last one end: requests say which is in use."""
    peer = peers["alone"]
    peer.reset()
    in_use, most, lock = Counter(), [], threading.Lock()

    def handler(stream):
        with lock:
            in_use[stream.conn] += 1
            most.append(sum(n > 0 for n in in_use.values()))
        time.sleep(0.05)
        with lock:
            in_use[stream.conn] -= 1
        stream.respond(b"ok")

    peer.handler = handler
    for _ in range(3):
        assert all(a.status == 200 for a in Asking(lab, "alone", 20).finish())
    assert max(most) == 1 and len(most) == 60


def test_requests_of_a_connection(lab, weir, peers):
    peer = peers["once"]
    peer.reset()
    assert all(a.status == 200 for a in Asking(lab, "once", 6).finish())
    assert peer.connections == peer.requests == 6
    proc.wait_until("they are closed", lambda: peer.open == 0)


def test_keepalive(lab, weir, peers):
    peer = peers["asked"]
    peer.reset()
    peer.answers_pings = True
    assert get(lab, "asked").status == 200
    proc.wait_until("it is asked", lambda: peer.pings >= 2)
    assert peer.open == 1
    peer.answers_pings = False
    proc.wait_until("it is given up", lambda: peer.open == 0)
    peer.answers_pings = True
    assert get(lab, "asked").status == 200


# ---- what goes wrong


def test_b115_refused_stream(lab, weir, peers):
    peer = peers["refuses"]
    peer.reset()

    def handler(stream):
        if stream.server.requests % 2:
            stream.reset(REFUSED_STREAM)
        else:
            stream.respond(str(stream.size).encode())

    peer.handler = handler
    assert get(lab, "refuses").status == 200
    with Connection(lab.client) as conn:
        conn.send(request("POST", "/", "refuses.test", "Content-Length: 5", body=b"hello"))
        answer = conn.read()
        assert answer.status == 200 and answer.text == "5"
    assert peer.requests == 4
    peer.handler = lambda stream: stream.reset(REFUSED_STREAM)
    assert get(lab, "refuses", "/never").status == 503
    assert set(record(weir, "/never")["response_flags"].split(",")) == {"UR", "URX"}
    assert peer.requests == 7


def test_goaway_under_load(lab, weir, peers):
    """A server that goes away all the time loses no request: not those it has begun, nor those that
    were on their way."""
    peer = peers["leaves"]
    peer.reset()

    def handler(stream):
        if stream.number > 40 and stream.conn.leaving is None:
            stream.conn.goaway(stream.conn.last)
        stream.respond(b"ok")

    peer.handler = handler
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/", "leaves.test", 3, connections=16).finish()
    assert report.requests > 200 and report.non_2xx == 0 and report.socket_errors == 0, report.text
    assert peer.connections > 5


def test_server_is_killed_and_back(lab, weir, web):
    assert get(lab, "web").status == 200
    with Connection(lab.client) as conn:
        conn.send(request("GET", "/delay/5", "web.test"))
        time.sleep(0.3)
        web.kill()
        assert conn.read().status == 503
    assert get(lab, "web").status == 503
    web.start()
    assert get(lab, "web").status == 200


def test_faults_and_mirrors(lab, weir, peers):
    peer = peers["copied"]
    peer.reset()
    assert get(lab, "faulty", "/", "x-fault: abort").status == 555
    began = time.monotonic()
    assert get(lab, "faulty", "/", "x-fault: delay").status == 200
    assert time.monotonic() - began >= 1
    assert peer.requests == 0
    for _ in range(5):
        assert get(lab, "faulty").status == 200
    proc.wait_until("all copies have come", lambda: peer.requests == 5)


def test_nothing_is_held_afterwards(lab, weir):
    proc.wait_until("requests are over",
                    lambda: weir.metrics().sum("weir_http_active_requests") == 0)
