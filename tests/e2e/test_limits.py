"""connectionPool, through the real gateway: rows of istio/behaviours.md, groups M and O.

Limits are one for all workers, so everything is asked of one worker and of four on two cores.
"""
import json
import threading
import time
from dataclasses import dataclass, field

import pytest
import yaml

from harness import proc
from harness.client import Connection, Wrk
from harness.counting import Counting
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = ("198.18.1.71", "198.18.1.72")
OVERFLOW = "upstream connect error or disconnect/reset before headers. reset reason: overflow"


@dataclass
class Row:
    """A service with limits, requests that come at once, and what becomes of them."""
    name: str
    policy: str                 # trafficPolicy of the DestinationRule, or its subsets' list
    parallel: int
    served: int                 # of them; the rest overflow
    seconds: float = 0.5        # a request's time at the backend
    hosts: int = 1
    peak: int = None            # requests in progress at all hosts, at most
    took: tuple = (0, 20)       # until the last answer
    rule: str = "route: [{destination: {host: %s}}]"
    connections: int = None     # that were opened in all
    above: str = None           # trafficPolicy of the rule whose subsets these are
    port: int = field(default=0)

    @property
    def service(self):
        return self.name.split(" ")[0].lower() + "-" + str(self.port)

    @property
    def host(self):
        return f"{self.service}.test"


SEED = "{connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1, " \
       "maxRequestsPerConnection: 1}}}"
# The whole of the circuit breaking task, in the words of its time.
TASK = SEED[:-1] + ", outlierDetection: {http: {consecutiveErrors: 1, interval: 1s, " \
       "baseEjectionTime: 3m, maxEjectionPercent: 100}}}"
ONE = "{connectionPool: {tcp: {maxConnections: 1}}}"
AT_PORT = "{portLevelSettings: [{port: {number: 9080}, connectionPool: {http: " \
          "{http2MaxRequests: 2}}}]}"
TO_V1 = "route: [{destination: {host: %s, subset: v1}}]"

ROWS = [
    Row("B215 two", SEED, parallel=2, served=2, peak=1, took=(1.0, 20), connections=2),
    Row("B215 three", SEED, parallel=3, served=2, peak=1, connections=2),
    Row("B215 twenty", SEED, parallel=20, served=2, peak=1),
    Row("task", TASK, parallel=3, served=2, peak=1, connections=2),
    Row("B216", "{connectionPool: {http: {maxRequestsPerConnection: 1}}}", parallel=4, served=4,
        connections=4),
    Row("B217", "{connectionPool: {http: {http2MaxRequests: 1}}}", parallel=2, served=1),
    Row("B217 three of eight", "{connectionPool: {http: {http2MaxRequests: 3}}}", parallel=8,
        served=3),
    Row("B220", ONE, parallel=3, served=3, hosts=2, peak=1, took=(1.5, 20)),
    Row("B222", SEED, parallel=6, served=2,
        rule="retries: {attempts: 3, retryOn: 5xx}, route: [{destination: {host: %s}}]"),
    Row("one connection", ONE, parallel=8, served=8, seconds=0.1, peak=1, took=(0.8, 20)),
    Row("three connections", "{connectionPool: {tcp: {maxConnections: 3}}}", parallel=12,
        served=12, seconds=0.2, peak=3, took=(0.8, 20)),
    Row("three connections, two hosts", "{connectionPool: {tcp: {maxConnections: 3}}}",
        parallel=12, served=12, seconds=0.2, hosts=2, peak=3, took=(0.8, 20)),
    Row("hundred connections", "{connectionPool: {tcp: {maxConnections: 100}}}", parallel=150,
        served=150, seconds=0.3, peak=100, took=(0.6, 20)),
    Row("pending alone", "{connectionPool: {tcp: {maxConnections: 2}, "
        "http: {http1MaxPendingRequests: 3}}}", parallel=12, served=5, peak=2),
    Row("B254", "[{name: v1, trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}}}}]",
        parallel=6, served=6, seconds=0.2, peak=2, took=(0.6, 20), rule=TO_V1,
        above="{connectionPool: {http: {http1MaxPendingRequests: 1}}}"),
    Row("B219", "[{name: v1, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}, "
        "{name: v2}]", parallel=6, served=6, seconds=1, took=(1, 3),
        rule="route: [{destination: {host: %s, subset: v2}}]"),
    Row("B256", "[{name: v1, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 3}}}}]",
        parallel=5, served=3, rule=TO_V1, above=AT_PORT),
    Row("B256 no subset", AT_PORT, parallel=5, served=2),
]
BUDGETS = [
    # Two may be tried again at once, whatever the others do.
    Row("minimum", "{retryBudget: {percent: 0, minRetryConcurrency: 2}}", parallel=12, served=2),
    # As many as there are requests: half of them make way for the other half.
    Row("share", "{retryBudget: {percent: 100, minRetryConcurrency: 1}}", parallel=12, served=6),
]
for row in BUDGETS:
    row.rule = "retries: {attempts: 1, retryOn: 5xx}, route: [{destination: {host: %s}}]"
for at, row in enumerate(ROWS + BUDGETS):
    row.port = 10000 + at


def resources(row):
    policy = yaml.safe_load(row.policy)
    spec = {"host": row.service}
    if isinstance(policy, list):
        spec["subsets"] = policy
        if row.above:
            spec["trafficPolicy"] = yaml.safe_load(row.above)
    else:
        spec["trafficPolicy"] = policy
    rule = yaml.safe_dump({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                           "metadata": {"name": row.service}, "spec": spec})
    return documents(
        service(row.service, 9080, target_port=row.port), rule,
        *(workload(row.service, "v1", ip, suffix=f"-{i}")
          for i, ip in enumerate(IPS[:row.hosts])),
        virtual_service(row.service, [row.host], "[{%s}]" % (row.rule % row.service)))


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for row in ROWS + BUDGETS:
        for ip in IPS[:row.hosts]:
            it.listen(ip, row.port)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, documents(gateway(), *map(resources, ROWS + BUDGETS)), workers=request.param)
    yield it
    it.stop()


class Asking:
    """Requests at once, each on a connection of its own: (seconds, answer) of all of them."""

    def __init__(self, lab, host, paths):
        self.answers = [None] * len(paths)
        self.conns = [Connection(lab.client, timeout=30) for _ in paths]
        self.threads = [threading.Thread(target=self._ask, args=(i, host, path))
                        for i, path in enumerate(paths)]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def _ask(self, i, host, path):
        answer = self.conns[i].get(path, host)
        self.answers[i] = (time.monotonic() - self.began, answer)

    def finish(self):
        for thread in self.threads:
            thread.join(30 * proc.PATIENCE)
        for conn in self.conns:
            conn.close()
        assert None not in self.answers, "a request waits for ever"
        return self.answers


def reset(origin, row):
    tally = origin.tallies[row.port]
    tally.connections = tally.requests = 0
    tally.peak = tally.busy
    tally.order.clear()
    return tally


def check_overflow(weir, row, answer):
    assert answer.status == 503
    assert answer.text == OVERFLOW
    assert answer.get("x-envoy-overloaded") == "true"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, weir, origin, row):
    tally = reset(origin, row)
    seen = Asking(lab, row.host, [f"/{row.seconds}/{i}" for i in range(row.parallel)]).finish()
    good = [t for t, a in seen if a.status == 200]
    assert len(good) == row.served, [(t, a.status) for t, a in seen]
    assert row.took[0] <= max(good) <= row.took[1] * proc.PATIENCE
    for took, answer in seen:
        if answer.status != 200:
            check_overflow(weir, row, answer)
            assert took < row.seconds, "an overflow is told at once"
    assert tally.requests == row.served
    if row.peak is not None:
        assert tally.peak <= row.peak
    if row.connections is not None:
        assert tally.connections == row.connections

    def logged():
        return [r for r in weir.access_log() if r["authority"] == row.host]

    proc.wait_until("all are logged", lambda: len(logged()) >= row.parallel)
    flags = [r["response_flags"] for r in logged()][-row.parallel:]
    assert flags.count("UO") == row.parallel - row.served
    assert flags.count("-") + flags.count("") + flags.count(None) == row.served


@pytest.mark.parametrize("row", BUDGETS, ids=lambda row: row.name)
def test_retry_budget(lab, weir, origin, row):
    """Requests that fail together: the budget says how many of them come again."""
    origin.status[(IPS[0], row.port)] = 503
    tally = reset(origin, row)
    seen = Asking(lab, row.host, [f"/0.7/{i}" for i in range(row.parallel)]).finish()
    assert all(a.status == 503 and a.text.startswith(IPS[0]) for _, a in seen)
    again = tally.requests - row.parallel
    if row.name == "minimum":
        assert again == row.served
    else:
        assert row.served <= again < row.parallel

    def logged():
        return [r["response_flags"] for r in weir.access_log() if r["authority"] == row.host]

    proc.wait_until("all are logged", lambda: len(logged()) >= row.parallel)
    flags = logged()[-row.parallel:]
    assert flags.count("URX") == again and flags.count("UO") == row.parallel - again


def row_of(name):
    return next(row for row in ROWS if row.name == name)


def test_order(lab, weir, origin):
    """One connection, requests one after the other: served as they came, on any worker."""
    row = row_of("one connection")
    tally = reset(origin, row)
    asking = []
    for i in range(12):
        asking.append(Asking(lab, row.host, [f"/0.15/{i}"]))
        time.sleep(0.03)
    for it in asking:
        assert it.finish()[0][1].status == 200
    assert tally.order == [f"/0.15/{i}" for i in range(12)]


def test_nobody_waits_for_ever(lab, weir, origin):
    """Many short requests for few connections: every one is answered, none is turned away, and the
    limit holds at every moment."""
    row = row_of("three connections, two hosts")
    tally = reset(origin, row)
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/x", row.host, 4, connections=40,
                 threads=2).finish()
    assert report.non_2xx == 0 and report.socket_errors == 0, report.text
    assert report.requests > 200
    assert tally.peak <= 3
    # Then silence: the last ones do not wait either.
    seen = Asking(lab, row.host, ["/0.01/x"] * 20).finish()
    assert all(a.status == 200 for _, a in seen)


def test_hundred_connections_under_wrk(lab, weir, origin):
    """The seed's other limit: more clients than connections, and all are served."""
    row = row_of("hundred connections")
    tally = reset(origin, row)
    wrk = Wrk(lab.client, f"http://{GW_EXT_IP}/0.05/x", row.host, 3, connections=200, threads=2)
    time.sleep(2)
    # Not later: once wrk hangs up, the backend still works on what nobody waits for any more.
    peak = tally.peak
    report = wrk.finish()
    assert report.non_2xx == 0 and report.socket_errors == 0, report.text
    assert 50 < peak <= 100
    assert weir.metrics().sum("weir_cluster_waits_total", cluster=cluster_name(row)) > 100


def test_clients_that_leave(lab, weir, origin):
    """Those who give up free their place, and what they held."""
    row = row_of("B215 two")
    for _ in range(20):
        conns = [Connection(lab.client) for _ in range(3)]
        for conn in conns:
            conn.send(b"GET /0.2/x HTTP/1.1\r\nHost: %s\r\n\r\n" % row.host.encode())
        for conn in conns:
            conn.close()

    def two_are_served():
        seen = Asking(lab, row.host, ["/0.1/x"] * 2).finish()
        return all(a.status == 200 for _, a in seen)

    proc.wait_until("all places are free again", two_are_served, timeout=5)


def test_reloads_keep_the_count(lab, weir, origin):
    """A hundred reloads that do not touch the cluster, while its one connection is busy."""
    row = row_of("B215 three")
    tally = reset(origin, row)
    first = Asking(lab, row.host, ["/6/a"])
    proc.wait_until("the one connection is busy", lambda: tally.requests == 1)
    second = Asking(lab, row.host, ["/0.1/b"])
    proc.wait_until("another request waits", lambda: weir.metrics().sum(
        "weir_cluster_pending_requests", cluster=cluster_name(row)) == 1)
    for i in range(100):
        weir.apply("other.yaml", virtual_service("other", [f"other{i}.test"],
                                                 "[{directResponse: {status: 204}}]"))
        if i % 20 == 0 and time.monotonic() - first.began < 5:
            took, answer = Asking(lab, row.host, ["/0.1/c"]).finish()[0]
            check_overflow(weir, row, answer)
    weir.withdraw("other.yaml")
    assert [a.status for _, a in first.finish() + second.finish()] == [200, 200]


def cluster_name(row):
    return f"outbound|9080||{row.service}.default.svc.cluster.local"


def test_tutorial_under_wrk(lab, weir, origin):
    """The circuit breaking task: three clients, one connection, one place to wait. Who overflows is
    told so, and that ejects nobody; the first error of the host itself does, for three minutes."""
    row = row_of("task")
    before = weir.metrics().sum("weir_cluster_overflows_total", cluster=cluster_name(row))
    tally = reset(origin, row)
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/0.01/x", row.host, 3, connections=3).finish()
    assert report.socket_errors == 0, report.text
    assert 0 < report.non_2xx < report.requests, report.text
    assert tally.peak == 1
    after = weir.metrics().sum("weir_cluster_overflows_total", cluster=cluster_name(row))
    # wrk does not count those that were under way when it ended.
    assert 0 <= after - before - report.non_2xx <= 3
    (shown,) = json.loads(weir.get("/clusters?name=" + row.service)[1])["clusters"]
    assert shown["limits"] == {"max_connections": 1, "max_pending_requests": 1}
    assert shown["overflows"] == after
    flags = {(r["response_code"], r["response_flags"]) for r in weir.access_log()
             if r["authority"] == row.host and r["path"] == "/0.01/x" and r["response_code"]}
    assert {f for code, f in flags if code == 503} == {"UO"}, flags
    assert [f for code, f in flags if code == 200] in (["-"], [""], [None])
    check_ejection(lab, weir, origin, row)


def check_ejection(lab, weir, origin, row):
    """One 503 of the host, and there is nobody left."""
    key = (IPS[0], row.port)
    origin.status[key] = 503
    assert Asking(lab, row.host, ["/0.01/bad"]).finish()[0][1].get("x-backend")
    del origin.status[key]
    for _ in range(2 * 4):
        (_, answer), = Asking(lab, row.host, ["/0.01/out"]).finish()
        assert (answer.status, answer.text) == (503, "no healthy upstream")
    record = weir.wait_log("/0.01/out", lambda r: r["path"] == "/0.01/out")
    assert record["response_flags"] == "UH"
