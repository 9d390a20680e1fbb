"""outlierDetection, through the real gateway: rows of istio/behaviours.md, group N.

Each request comes on a connection of its own, so that with four workers each of them counts a part
of the errors, and each of them must see at once who is out.
"""
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
import yaml

from harness import proc
from harness.client import Connection, request
from harness.counting import Counting
from harness.resources import documents, gateway, service, virtual_service, workload
from harness.said import said

IPS = tuple(f"198.18.1.{n}" for n in range(81, 91))
PLAIN = "retries: {attempts: 0}, route: [{destination: {host: %s}}]"


@dataclass
class Row:
    """A service whose first host fails with `status`, requests, and whether it is then out."""
    name: str
    detection: str              # outlierDetection; empty: none
    status: int                 # 0: it does not listen
    asked: int                  # requests
    out: int                    # after so many of them that failed; 0: never
    hosts: int = 2
    for_s: float = 60           # how long
    warned: bool = False
    pool: str = ""
    port: int = field(default=0)

    @property
    def service(self):
        return f"n{self.port}"

    @property
    def host(self):
        return f"{self.service}.test"

    def backend(self, i):
        return f"{IPS[i]}:{self.port}"


FAST = "interval: 500ms, baseEjectionTime: 60s"
ALL = FAST + ", maxEjectionPercent: 100"

ROWS = [
    Row("B227", "{consecutive5xxErrors: 3, maxEjectionPercent: 100}", 500, 40, 3, for_s=30),
    Row("B229 503", "{consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, %s}" % ALL, 503, 40,
        2),
    Row("B229 500", "{consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, %s}" % ALL, 500, 40,
        0),
    Row("B230 five", "{maxEjectionPercent: 100}", 500, 60, 5, for_s=30),
    Row("B230 a tenth", "{}", 500, 200, 5, hosts=10, for_s=30),
    Row("B230 not a ninth", "{}", 500, 200, 0, hosts=9),
    Row("B231", "{}", 500, 60, 0),
    Row("half may be out", "{consecutive5xxErrors: 1, %s, maxEjectionPercent: 50}" % FAST, 500,
        20, 1),
    Row("less than half may not", "{consecutive5xxErrors: 1, %s, maxEjectionPercent: 49}" % FAST,
        500, 40, 0),
    Row("B235", "{http: {consecutiveErrors: 1, interval: 1s, baseEjectionTime: 3m, "
        "maxEjectionPercent: 100}}", 503, 20, 1, for_s=180, warned=True),
    Row("B236", "{consecutiveErrors: 5, %s}" % ALL, 500, 60, 5, warned=True),
    Row("B237 no connection", "{splitExternalLocalOriginErrors: true, "
        "consecutiveLocalOriginFailures: 2, consecutive5xxErrors: 0, %s}" % ALL, 0, 40, 2),
    Row("B237 500", "{splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2, "
        "consecutive5xxErrors: 0, %s}" % ALL, 500, 40, 0),
    Row("B237 500 by the other counter", "{splitExternalLocalOriginErrors: true, "
        "consecutiveLocalOriginFailures: 0, consecutive5xxErrors: 3, %s}" % ALL, 500, 40, 3),
    Row("no connection, not split", "{consecutiveGatewayErrors: 3, consecutive5xxErrors: 0, %s}"
        % ALL, 0, 40, 3),
    Row("B239", "", 500, 40, 0),
    Row("B241 429", "{outlierDetectionHttpErrorCodes: [429], %s}" % ALL, 429, 60, 5),
    Row("B241 500", "{outlierDetectionHttpErrorCodes: [429], %s}" % ALL, 500, 60, 0),
    Row("404 is no error", "{consecutive5xxErrors: 1, %s}" % ALL, 404, 40, 0),
]

BASE_S, SWEEP_S = 0.6, 0.2
TIMED = Row("B232", "{consecutive5xxErrors: 1, interval: 200ms, baseEjectionTime: 600ms, "
            "maxEjectionPercent: 100}", 200, 0, 1)
PANIC = Row("B234", "{consecutive5xxErrors: 1, minHealthPercent: 50, %s}" % ALL, 200, 0, 1,
            hosts=4)
NO_PANIC = Row("no panic", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, 1)
KEPT = Row("kept", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, 1)
AT_ONCE = Row("at once", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, 1, hosts=10)
LIMITED = Row("B240", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, 0, hosts=1,
              pool="connectionPool: {http: {http2MaxRequests: 1}}, ")
SPECIAL = [TIMED, PANIC, NO_PANIC, KEPT, AT_ONCE, LIMITED]
for at, row in enumerate(ROWS + SPECIAL):
    row.port = 11000 + at


def resources(row):
    spec = {"host": row.service, "subsets": [{"name": "v1"}]}
    if row.detection:
        spec["trafficPolicy"] = yaml.safe_load(
            "{%soutlierDetection: %s}" % (row.pool, row.detection))
    rule = yaml.safe_dump({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                           "metadata": {"name": row.service}, "spec": spec})
    return documents(
        service(row.service, 9080, target_port=row.port), rule,
        *(workload(row.service, "v1", ip, suffix=f"-{i}")
          for i, ip in enumerate(IPS[:row.hosts])),
        virtual_service(row.service, [row.host], "[{%s}]" % (PLAIN % row.service)))


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for row in ROWS + SPECIAL:
        for i, ip in enumerate(IPS[:row.hosts]):
            if row.status or i:
                it.listen(ip, row.port)
        it.status[IPS[0], row.port] = row.status
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    for row in SPECIAL:
        for ip in IPS[:row.hosts]:
            origin.status[ip, row.port] = 200
    it = start_weir(lab, documents(gateway(), *map(resources, ROWS + SPECIAL)),
                    workers=request.param)
    it.n_workers = request.param
    yield it
    it.stop()


def ask(lab, row, path="/"):
    with Connection(lab.client) as conn:
        return conn.get(path, row.host)


def backends(lab, row, n):
    """Who answered n requests, by address; those that nobody answered by status."""
    answers = [ask(lab, row) for _ in range(n)]
    return Counter(a.get("x-backend") or a.status for a in answers)


def ejected(weir, row):
    """Who is out, and for how many seconds yet, by address; all of its subsets' too."""
    status, text = weir.get("/clusters?name=" + row.service)
    assert status == 200
    return {e["address"]: e["ejected_for_ms"] / 1e3 for c in json.loads(text)["clusters"]
            for e in c["endpoints"] if e.get("ejected")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, weir, row):
    """Errors in a row are counted over all workers: the last of them ejects, and no other."""
    failed = row.backend(0) if row.status else 503
    others = {row.backend(i) for i in range(1, row.hosts)}
    seen = backends(lab, row, row.asked)
    again = 16 * row.hosts
    if row.out:
        assert seen[failed] == row.out, seen
        (host, left), = ejected(weir, row).items()
        assert host == row.backend(0)
        assert row.for_s - 5 * proc.PATIENCE < left <= row.for_s
        assert set(backends(lab, row, again)) <= others
    else:
        assert seen[failed] > 2 and set(seen) <= others | {failed}, seen
        assert backends(lab, row, again)[failed] > 2 and not ejected(weir, row)
    problems = said(weir.log(), "resources.yaml").get(row.service, [])
    assert {code for _, code, _ in problems} == ({"WEIR0121"} if row.warned else set()), problems


def fail(lab, origin, row):
    """Lets the first host fail until it is seen to; returns when that was."""
    origin.status[IPS[0], row.port] = 500
    proc.wait_until("it fails", lambda: ask(lab, row).status == 500, timeout=20, every=0)
    return time.monotonic()


def comes_back(lab, origin, row):
    """When the first host, which has failed, is asked again."""
    origin.status[IPS[0], row.port] = 200
    assert set(backends(lab, row, 16)) == {row.backend(1)}, "out at once, for every worker"
    proc.wait_until("it is back", lambda: row.backend(0) in backends(lab, row, 4), timeout=8,
                    every=0.01)
    return time.monotonic()


def check_time_out(seconds, times):
    """So many times the base, and then the next sweep lets it in."""
    assert times * BASE_S - 0.01 <= seconds < times * BASE_S + SWEEP_S + 0.3 * proc.PATIENCE


def test_b232_longer_each_time(lab, weir, origin):
    """A host that fails right after its return is out for twice as long, then three times; one that
    was well for some sweeps, as if it were the first time."""
    times = [fail(lab, origin, TIMED) for _ in range(3)] + [comes_back(lab, origin, TIMED)]
    for i in range(3):
        check_time_out(times[i + 1] - times[i], i + 1)
    time.sleep(5 * SWEEP_S)
    began = fail(lab, origin, TIMED)
    check_time_out(comes_back(lab, origin, TIMED) - began, 1)


def test_b234_panic(lab, weir, origin):
    for ip in IPS[:3]:
        origin.status[ip, PANIC.port] = 500
    seen = backends(lab, PANIC, 60)
    for ip in IPS[:3]:
        origin.status[ip, PANIC.port] = 200
    assert set(seen) == {PANIC.backend(i) for i in range(4)}
    assert set(ejected(weir, PANIC)) == {PANIC.backend(i) for i in range(3)}
    later = backends(lab, PANIC, 60)
    assert set(later) == {PANIC.backend(i) for i in range(4)}, later


def test_all_out(lab, weir, origin):
    for ip in IPS[:2]:
        origin.status[ip, NO_PANIC.port] = 500
    seen = backends(lab, NO_PANIC, 12)
    assert seen[NO_PANIC.backend(0)] == seen[NO_PANIC.backend(1)] == 1, seen
    answer = ask(lab, NO_PANIC, "/all-out")
    assert answer.status == 503 and answer.text == "no healthy upstream"
    record = weir.wait_log("/all-out", lambda r: r["path"] == "/all-out")
    assert record["response_flags"] == "UH"


def by_worker(weir):
    return {labels["worker"]: value
            for labels, value in weir.metrics().all("weir_worker_requests_total")}


def one_each(lab, weir, host):
    """A connection to each worker."""
    conns = {}

    def another():
        conn, before = Connection(lab.client), by_worker(weir)
        conn.get("/", host)
        worker = proc.wait_until("it is counted", lambda: next(
            (w for w, n in by_worker(weir).items() if n > before[w]), None))
        if conns.setdefault(worker, conn) is not conn:
            conn.close()
        return len(conns) == weir.n_workers

    proc.wait_until("each worker has one", another, every=0)
    return list(conns.values())


def test_every_worker_knows_within_a_millisecond(lab, weir, origin):
    """One host after the other fails, once. What is sent to all workers as soon as that is seen goes
    to the others: not one request comes to it any more."""
    conns, data = one_each(lab, weir, AT_ONCE.host), request("GET", "/", AT_ONCE.host)
    turn, out, took = itertools.cycle(conns), set(), []
    for i in range(AT_ONCE.hosts - 1):
        origin.status[IPS[i], AT_ONCE.port] = 500
        proc.wait_until("it fails", lambda: next(turn).get("/", AT_ONCE.host).status == 500,
                        every=0)
        seen = time.monotonic()
        for conn in conns:
            conn.send(data)
        took.append(time.monotonic() - seen)
        out.add(AT_ONCE.backend(i))
        answers = {conn.read().get("x-backend") for conn in conns}
        assert not answers & out, (out, answers)
    assert sorted(took)[len(took) // 2] < 0.001 * proc.PATIENCE, took
    for conn in conns:
        conn.close()


def test_b240_overflow_does_not_count(lab, weir, origin):
    slow = Connection(lab.client)
    slow.send(b"GET /1.5/x HTTP/1.1\r\nHost: %s\r\n\r\n" % LIMITED.host.encode())
    time.sleep(0.3)
    for _ in range(8):
        answer = ask(lab, LIMITED)
        assert answer.status == 503 and answer.get("x-envoy-overloaded") == "true"
    assert slow.read().status == 200
    slow.close()
    assert set(backends(lab, LIMITED, 4)) == {LIMITED.backend(0)}


def test_reloads_keep_it_out(lab, weir, origin):
    origin.status[IPS[0], KEPT.port] = 500
    backends(lab, KEPT, 8)
    origin.status[IPS[0], KEPT.port] = 200
    for i in range(100):
        weir.apply("other.yaml", virtual_service("other", [f"other{i}.test"],
                                                 "[{directResponse: {status: 204}}]"))
        if i % 10 == 0:
            assert set(backends(lab, KEPT, 4)) == {KEPT.backend(1)}
    weir.withdraw("other.yaml")
    assert set(backends(lab, KEPT, 24)) == {KEPT.backend(1)}
