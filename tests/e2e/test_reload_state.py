"""A hundred reloads that do not touch a cluster, and what is known of it stays: who is ejected, how
full its breaker is, which connections are kept."""
import threading
from collections import Counter

import pytest
import yaml

from harness import proc
from harness.client import Connection, request
from harness.counting import Counting
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = ("198.18.1.65", "198.18.1.66")
RELOADS = 100
EJECTING, FULL, POOLED, OTHER = "ejecting", "full", "pooled", "other"
PORTS = {EJECTING: 12101, FULL: 12102, POOLED: 12103, OTHER: 12104}
POLICIES = {
    EJECTING: {"outlierDetection": {"consecutive5xxErrors": 1, "baseEjectionTime": "600s",
                                    "maxEjectionPercent": 100}},
    FULL: {"connectionPool": {"tcp": {"maxConnections": 1},
                              "http": {"http1MaxPendingRequests": 1}}},
    POOLED: {},
}


def app(name, policy, hosts=1):
    """A service with its policy, and the route from NAME.test; another number of hosts, another
    policy: another cluster to compile."""
    rule = yaml.safe_dump({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                           "metadata": {"name": name},
                           "spec": {"host": name, "trafficPolicy": policy}})
    return documents(
        service(name, PORTS[name]), *([rule] if policy else []),
        *(workload(name, "v1", ip, suffix=f"-{i}") for i, ip in enumerate(IPS[:hosts])),
        virtual_service(name, [f"{name}.test"], "[{retries: {attempts: 0}, route: "
                        "[{destination: {host: %s}}]}]" % name))


class Holding(Counting):
    """Answers /hold when it is told to."""

    def __init__(self, lab):
        super().__init__(lab)
        self.told = threading.Event()

    def answer(self, key, path, head):
        if path == "/hold":
            self.told.wait(300)
        return super().answer(key, path, head)


@pytest.fixture(scope="module")
def origin(lab):
    it = Holding(lab)
    for port in PORTS.values():
        for ip in IPS:
            it.listen(ip, port)
    yield it
    it.told.set()
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, documents(gateway(), *(
        app(name, policy, 2 if name == EJECTING else 1) for name, policy in POLICIES.items())),
        workers=request.param)
    yield it
    it.stop()


def ask(lab, name):
    with Connection(lab.client) as conn:
        return conn.get("/", f"{name}.test")


def who(lab, n=12):
    return Counter(ask(lab, EJECTING).get("x-backend") for _ in range(n))


def eject(lab, origin):
    """Lets the first host fail once; returns who is left."""
    key = (IPS[0], PORTS[EJECTING])
    origin.status[key] = 500
    proc.wait_until("it fails", lambda: ask(lab, EJECTING).status == 500, every=0)
    del origin.status[key]
    return f"{IPS[1]}:{PORTS[EJECTING]}"


def fill(lab, origin):
    """Takes the one connection and the one place to wait."""
    origin.told.clear()
    tally = origin.tallies[PORTS[FULL]]
    tally.requests = 0
    held = [Connection(lab.client, timeout=60) for _ in range(2)]
    for conn in held:
        conn.send(request("GET", "/hold", f"{FULL}.test"))
    proc.wait_until("one is with the server", lambda: tally.requests)
    proc.wait_until("the other waits", lambda: is_full(lab))
    return held


def is_full(lab):
    answer = ask(lab, FULL)
    return answer.status == 503 and answer.get("x-envoy-overloaded") == "true"


def keep(lab, n=8):
    """Clients that stay, each having been served once: each worker keeps one connection."""
    conns = [Connection(lab.client, timeout=60) for _ in range(n)]
    serve(conns)
    return conns


def serve(conns):
    for conn in conns:
        assert conn.get("/", f"{POOLED}.test").status == 200


def test_a_hundred_reloads_elsewhere(lab, weir, origin):
    left, held, kept = eject(lab, origin), fill(lab, origin), keep(lab)
    opened = origin.tallies[PORTS[POOLED]].connections
    before = weir.generation()
    for i in range(RELOADS):
        # Hosts, limits and routes of another cluster come and go.
        weir.apply("other.yaml", app(OTHER, {"connectionPool": {"tcp": {"maxConnections": 1 + i}}},
                                     hosts=1 + i % 2))
        if i % 10 == 0:
            assert set(who(lab, 4)) == {left} and is_full(lab)
            serve(kept)
    assert weir.generation() >= before + RELOADS
    assert ask(lab, OTHER).status == 200
    assert set(who(lab)) == {left}
    assert is_full(lab)
    serve(kept)
    assert origin.tallies[PORTS[POOLED]].connections == opened, "kept connections are used again"
    assert origin.tallies[PORTS[FULL]].requests == 1
    origin.told.set()
    assert [conn.read().status for conn in held] == [200, 200]
    assert not is_full(lab)
    for conn in held + kept:
        conn.close()
    weir.withdraw("other.yaml")
