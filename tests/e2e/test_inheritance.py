"""Which of several policies a cluster gets, through the real gateway: portLevelSettings beside the
rest of a trafficPolicy, and several DestinationRules for one host. Rows of istio/behaviours.md,
group O."""
import threading
from collections import Counter

import pytest
import yaml

from harness.client import Connection
from harness.counting import Counting
from harness.resources import documents, gateway, virtual_service, workload

IPS = ("198.18.1.61", "198.18.1.62")
EDGE = "edge"               # where the gateway lives; not istio-system, whose rules come last
ONE_CONNECTION_EACH = {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}}
ONE_AT_A_TIME = {"connectionPool": {"http": {"http2MaxRequests": 1}}}


def app(name, *ports):
    """A service with these ports, a workload of each version, and a route to each port and subset:
    PORT.NAME.test, V1.NAME.test ..."""
    spec = {"selector": {"app": name},
            "ports": [{"name": f"http-{p}", "port": p} for p in ports]}
    to = {"destination": {"host": f"{name}.default.svc.cluster.local"}}

    def route(label, **destination):
        rule = {"retries": {"attempts": 0},
                "route": [{"destination": {**to["destination"], **destination}}]}
        return virtual_service(f"{name}-{label}", [f"{label}.{name}.test"],
                               yaml.safe_dump([rule]))

    return documents(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Service",
                        "metadata": {"name": name, "namespace": "default"}, "spec": spec}),
        *(workload(name, f"v{i + 1}", ip) for i, ip in enumerate(IPS)),
        *(route(p, port={"number": p}) for p in ports),
        *(route(v, subset=v, port={"number": ports[0]}) for v in ("v1", "v2")))


def rule(name, host, ns="default", created=None, **spec):
    meta = {"name": name, "namespace": ns}
    if created:
        meta["creationTimestamp"] = created
    return yaml.safe_dump({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                           "metadata": meta,
                           "spec": {"host": f"{host}.default.svc.cluster.local", **spec}})


def subset(name, version):
    return {"name": name, "labels": {"version": version}}


PORTS, MERGED, FOREIGN = (12001, 12002), 12003, 12004
RESOURCES = documents(
    gateway(),
    app("ports", *PORTS),
    rule("ports", "ports", trafficPolicy={
        "outlierDetection": {"consecutive5xxErrors": 1, "baseEjectionTime": "60s",
                             "maxEjectionPercent": 100},
        "portLevelSettings": [{"port": {"number": PORTS[0]},
                               "loadBalancer": {"simple": "RANDOM"}}]}),
    app("merged", MERGED),
    # By their names the newer one would come first.
    rule("b-older", "merged", created="2020-01-01T00:00:00Z", trafficPolicy=ONE_AT_A_TIME,
         subsets=[subset("v1", "v1")]),
    rule("a-newer", "merged", created="2021-01-01T00:00:00Z", trafficPolicy=ONE_CONNECTION_EACH,
         subsets=[subset("v1", "v2"), subset("v2", "v2")]),
    app("foreign", FOREIGN),
    rule("of-the-gateway", "foreign", ns=EDGE, trafficPolicy=ONE_AT_A_TIME,
         subsets=[subset("v1", "v1")]),
    rule("of-the-service", "foreign", trafficPolicy=ONE_CONNECTION_EACH,
         subsets=[subset("v2", "v2")]))


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for port in (*PORTS, MERGED, FOREIGN):
        for ip in IPS:
            it.listen(ip, port)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, RESOURCES, workers=request.param, node={
        "name": "gw-1", "namespace": EDGE, "labels": {"istio": "ingressgateway"}})
    yield it
    it.stop()


def ask(lab, host, path="/"):
    with Connection(lab.client) as conn:
        return conn.get(path, host)


def backends(lab, host, n=24):
    """Who answered, by address; what nobody answered by status."""
    seen = Counter()
    for _ in range(n):
        answer = ask(lab, host)
        backend = answer.get("x-backend")
        seen[backend.split(":")[0] if backend else answer.status] += 1
    return seen


def together(lab, host, n=4):
    """Statuses of n requests that come at once and take their time."""
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(ask(lab, host, "/1/x").status))
               for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


def connections_of(lab, origin, host, port, n=4):
    """Upstream connections that n requests after each other on one connection opened."""
    tally = origin.tallies[port]
    before = tally.connections
    with Connection(lab.client) as conn:
        for _ in range(n):
            assert conn.get("/", host).status == 200
    return tally.connections - before


def test_b255_a_port_has_its_own_settings_only(lab, weir, origin):
    """One host fails on both ports: where the port has settings, nobody is ejected."""
    for port in PORTS:
        origin.status[IPS[0], port] = 500
    seen = {port: (backends(lab, f"{port}.ports.test", 12),
                   backends(lab, f"{port}.ports.test")) for port in PORTS}
    origin.status.clear()
    assert all(IPS[0] in first for first, _ in seen.values()), seen
    assert seen[PORTS[0]][1][IPS[0]] > 2, seen
    assert set(seen[PORTS[1]][1]) == {IPS[1]}, seen


def test_b257_the_older_rule_wins_and_the_newer_adds(lab, weir, origin):
    """Two rules of one namespace: the older one's policy and v1, and the newer one's v2."""
    assert set(backends(lab, "v1.merged.test")) == {IPS[0]}
    assert set(backends(lab, "v2.merged.test")) == {IPS[1]}
    for host in (f"{MERGED}.merged.test", "v1.merged.test"):
        assert together(lab, host) == {200: 1, 503: 3}
    assert connections_of(lab, origin, "v1.merged.test", MERGED) <= 1


def test_b259_only_the_gateways_own_rule(lab, weir, origin):
    """A rule beside the gateway and one beside the service: they are not merged."""
    assert set(backends(lab, "v1.foreign.test")) == {IPS[0]}
    assert set(backends(lab, "v2.foreign.test", 4)) == {503}
    record = weir.wait_log("v2", lambda r: r["authority"] == "v2.foreign.test")
    assert record["response_flags"] == "NC"
    assert together(lab, f"{FOREIGN}.foreign.test") == {200: 1, 503: 3}
    assert connections_of(lab, origin, "v1.foreign.test", FOREIGN) <= 1
