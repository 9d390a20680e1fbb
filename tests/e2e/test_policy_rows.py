"""Rows of istio/behaviours.md about one service's policy that have no group of their own."""
import contextlib
import threading
import time
from collections import Counter

import pytest
import yaml

from harness import proc
from harness.client import Connection, request
from harness.counting import Counting
from harness.lab import GW_INT_IP
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = [f"198.18.1.{n}" for n in range(80, 90)]
HASH = {"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user"}}}


def app(name, port, ips, policy=None, more="retries: {attempts: 0}"):
    """A service of these endpoints, its policy and the route to it."""
    rule = yaml.safe_dump({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": name}, "spec": {"host": name, "trafficPolicy": policy}})
    return documents(
        service(name, port), *([rule] if policy else []),
        *(workload(name, "v1", ip, suffix="-" + ip.split(".")[-1]) for ip in ips),
        virtual_service(name, [f"{name}.test"],
                        "[{%s, route: [{destination: {host: %s}}]}]" % (more, name)))


APPS = {
    "patient": (8080, IPS[:1]),
    "quick": (8081, IPS[:1], {"connectionPool": {"tcp": {"connectTimeout": "1s"}}}),
    "least": (8082, IPS[:2], {"loadBalancer": {"simple": "LEAST_REQUEST"}}),
    "unsaid": (8085, IPS[:2]),
    "late": (8086, IPS[:1], None, "name: no-timeout"),
    "faithful": (8083, IPS[:3], HASH, "retries: {attempts: 2, retryOn: 5xx}"),
}
RING_PORT = 8084


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for port, ips, *_ in APPS.values():
        for ip in ips:
            it.listen(ip, port)
    for ip in IPS:
        it.listen(ip, RING_PORT)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, documents(
        gateway(), *(app(name, *what) for name, what in APPS.items())), workers=request.param)
    it.n_workers = request.param
    it.late = begin_late(lab, origin)
    yield it
    it.late.close()
    it.stop()


def begin_late(lab, origin):
    """The connection of a request that is with the server for 20 s, while other tests run."""
    tally, conn = origin.tallies[APPS["late"][0]], Connection(lab.client, timeout=40)
    before = tally.requests
    conn.send(request("GET", "/20/x", "late.test"))
    proc.wait_until("it is with the server", lambda: tally.requests > before)
    return conn


def ask(lab, name, *lines):
    with Connection(lab.client, timeout=30) as conn:
        return conn.get("/x", f"{name}.test", *lines)


@contextlib.contextmanager
def deaf(lab):
    """The backends' kernels answer, and their answers to the gateway are lost."""
    lab.back.ip("route", "add", "blackhole", f"{GW_INT_IP}/32")
    try:
        yield
    finally:
        lab.back.ip("route", "del", "blackhole", f"{GW_INT_IP}/32")


def test_b221_connect_timeout(lab, weir):
    """1 s where the policy says so, 10 s where nobody says anything."""
    took = {}

    def one(name):
        began = time.monotonic()
        answer = ask(lab, name)
        took[name] = time.monotonic() - began
        assert answer.status == 503
        assert answer.text.endswith("reset reason: connection timeout")

    with deaf(lab):
        threads = [threading.Thread(target=one, args=(n,)) for n in ("patient", "quick")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 0.9 <= took["quick"] < 3 and 9.9 <= took["patient"] < 13

    def flags():
        return [(r["response_flags"], r["response_code_details"]) for r in weir.access_log()
                if r["authority"] == "quick.test"]

    proc.wait_until("it is logged", flags)
    assert flags()[-1] == ("UF", "upstream_reset_before_response_started{connection_timeout}")


def test_b245_least_request(lab, weir, origin):
    """Both hosts get requests; while one is busy with its own, new ones go to the other, also where
    nobody says how to balance. Each worker counts its own requests, so there must be some for
    each."""
    names, n = ("least", "unsaid"), 20 if weir.n_workers == 1 else 60
    other = {name: f"{IPS[1]}:{APPS[name][0]}" for name in names}
    origin.wait = {(ip, APPS[name][0]): wait for name in names
                   for ip, wait in ((IPS[0], 4), (IPS[1], 0.3))}
    threads = [threading.Thread(target=ask, args=(lab, name)) for name in n * names]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    for name in names:
        del origin.wait[IPS[1], APPS[name][0]]
    for name in names:
        assert backends(lab, name, 30) == {other[name]: 30}
    origin.wait = {}
    for thread in threads:
        thread.join()
    for name in names:
        assert 15 <= backends(lab, name, 60)[other[name]] <= 45


def backends(lab, name, n):
    return Counter(ask(lab, name).get("x-backend") for _ in range(n))


def test_b122_a_retry_goes_to_the_same_host(lab, weir, origin):
    port = APPS["faithful"][0]
    owner = ask(lab, "faithful", "x-user: u1").get("x-backend")
    origin.status[(owner.split(":")[0], port)] = 503
    before = origin.tallies[port].requests
    answer = ask(lab, "faithful", "x-user: u1")
    assert answer.status == 503 and answer.get("x-backend") == owner
    assert origin.tallies[port].requests == before + 3
    origin.status.clear()


def test_b251_one_of_ten_hosts_goes(lab, weir):
    """Its keys move, and no others; they are about a tenth."""
    keys = [f"x-user: key{i}" for i in range(300)]

    def owners(ips):
        weir.apply("ring.yaml", app("ring", RING_PORT, ips, HASH))
        with Connection(lab.client) as conn:
            return [conn.get("/", "ring.test", key).get("x-backend") for key in keys]

    before = owners(IPS)
    gone = f"{IPS[4]}:{RING_PORT}"
    after = owners(IPS[:4] + IPS[5:])
    moved = [a for a, b in zip(before, after) if a != b]
    assert set(moved) == {gone}
    assert 10 <= len(moved) <= 60
    assert owners(IPS) == before
    weir.withdraw("ring.yaml")


def test_b101_no_timeout(lab, weir):
    """Nobody says anything of one: whoever takes 20 s is waited for."""
    assert weir.late.read().status == 200
    record = weir.wait_log("it", lambda r: r["authority"] == "late.test")
    assert record["response_code"] == 200 and record["duration"] > 19000
