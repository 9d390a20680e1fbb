"""outlierDetection, through the real gateway: rows of istio/behaviours.md, group N.

Each request comes on a connection of its own, so that with four workers each of them counts a part
of the errors, and each of them must see at once who is out.
"""
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
import yaml

from harness import proc
from harness.client import Connection
from harness.counting import Counting
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = tuple(f"198.18.1.{n}" for n in (81, 82, 83, 84))
PLAIN = "retries: {attempts: 0}, route: [{destination: {host: %s}}]"


@dataclass
class Row:
    """A service whose first host fails with `status`, requests, and whether it is then out."""
    name: str
    detection: str              # outlierDetection; empty: none
    status: int                 # 0: it does not listen
    asked: int                  # requests
    out: bool
    hosts: int = 2
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
    Row("B227", "{consecutive5xxErrors: 3, %s}" % ALL, 500, 40, True),
    Row("B229 503", "{consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, %s}" % ALL, 503, 40,
        True),
    Row("B229 500", "{consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, %s}" % ALL, 500, 40,
        False),
    Row("B230 five", "{maxEjectionPercent: 100}", 500, 60, True),
    Row("B231", "{}", 500, 60, False),
    Row("half may be out", "{consecutive5xxErrors: 1, %s, maxEjectionPercent: 50}" % FAST, 500,
        20, True),
    Row("less than half may not", "{consecutive5xxErrors: 1, %s, maxEjectionPercent: 49}" % FAST,
        500, 20, False),
    Row("B235", "{http: {consecutiveErrors: 1, interval: 1s, baseEjectionTime: 3m, "
        "maxEjectionPercent: 100}}", 503, 20, True, warned=True),
    Row("B236", "{consecutiveErrors: 5, %s}" % ALL, 500, 60, True, warned=True),
    Row("B237 no connection", "{splitExternalLocalOriginErrors: true, "
        "consecutiveLocalOriginFailures: 2, consecutive5xxErrors: 0, %s}" % ALL, 0, 40, True),
    Row("B237 500", "{splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2, "
        "consecutive5xxErrors: 0, %s}" % ALL, 500, 40, False),
    Row("B237 500 by the other counter", "{splitExternalLocalOriginErrors: true, "
        "consecutiveLocalOriginFailures: 0, consecutive5xxErrors: 3, %s}" % ALL, 500, 40, True),
    Row("no connection, not split", "{consecutiveGatewayErrors: 3, consecutive5xxErrors: 0, %s}"
        % ALL, 0, 40, True),
    Row("B239", "", 500, 40, False),
    Row("B241 429", "{outlierDetectionHttpErrorCodes: [429], %s}" % ALL, 429, 60, True),
    Row("B241 500", "{outlierDetectionHttpErrorCodes: [429], %s}" % ALL, 500, 60, False),
    Row("404 is no error", "{consecutive5xxErrors: 1, %s}" % ALL, 404, 40, False),
]

TIMED = Row("B232", "{consecutive5xxErrors: 1, interval: 200ms, baseEjectionTime: 1s, "
            "maxEjectionPercent: 100}", 200, 0, True)
PANIC = Row("B234", "{consecutive5xxErrors: 1, minHealthPercent: 50, %s}" % ALL, 200, 0, True,
            hosts=4)
NO_PANIC = Row("no panic", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, True)
KEPT = Row("kept", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, True)
LIMITED = Row("B240", "{consecutive5xxErrors: 1, %s}" % ALL, 200, 0, False, hosts=1,
              pool="connectionPool: {http: {http2MaxRequests: 1}}, ")
SPECIAL = [TIMED, PANIC, NO_PANIC, KEPT, LIMITED]
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
    yield it
    it.stop()


def ask(lab, row, path="/"):
    with Connection(lab.client) as conn:
        return conn.get(path, row.host)


def backends(lab, row, n):
    """Who answered n requests, by address; those that nobody answered by status."""
    answers = [ask(lab, row) for _ in range(n)]
    return Counter(a.get("x-backend") or a.status for a in answers)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, weir, row):
    failed = row.backend(0) if row.status else 503
    seen = backends(lab, row, row.asked)
    assert seen[failed] > 0, seen
    later = backends(lab, row, 24)
    if row.out:
        assert set(later) == {row.backend(1)}, later
        assert seen[failed] < row.asked / 3, seen
    else:
        assert later[failed] > 2, later


def times_out(lab, origin, row):
    """How long the first host is out once it fails."""
    key = (IPS[0], row.port)
    origin.status[key] = 500
    proc.wait_until("it fails", lambda: ask(lab, row).status == 500, every=0)
    began = time.monotonic()
    origin.status[key] = 200
    assert set(backends(lab, row, 16)) == {row.backend(1)}, "out at once, for every worker"
    proc.wait_until("it is back", lambda: row.backend(0) in backends(lab, row, 4), timeout=8,
                    every=0.01)
    return time.monotonic() - began


def test_b232_longer_each_time(lab, weir, origin):
    """Base time 1 s, and a sweep every 200 ms. A host that fails right after its return is out for
    twice as long; one that was well for some sweeps, as if it were the first time."""
    first = times_out(lab, origin, TIMED)
    assert 1.0 <= first < 1.2 + 0.5 * proc.PATIENCE
    time.sleep(1)
    again = times_out(lab, origin, TIMED)
    assert 1.0 <= again < 1.2 + 0.5 * proc.PATIENCE


def test_b234_panic(lab, weir, origin):
    for ip in IPS[:3]:
        origin.status[ip, PANIC.port] = 500
    seen = backends(lab, PANIC, 60)
    for ip in IPS[:3]:
        origin.status[ip, PANIC.port] = 200
    assert set(seen) == {PANIC.backend(i) for i in range(4)}
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
