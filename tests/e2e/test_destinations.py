"""Where a route sends requests, in which shares, and what is answered where it cannot: group D of
istio/behaviours.md and the names of group B that decide it, by number, in one gateway."""
import re
from dataclasses import dataclass

import pytest
import yaml

from harness import bookinfo
from harness.client import tally
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, virtual_service, workload

V1, V2, V3 = "reviews-v1", "reviews-v2", "reviews-v3"
NO_HEALTHY = "no healthy upstream"

# A service with two ports, both of the same backends: 80 and 9080.
TWO = """
apiVersion: v1
kind: Service
metadata: {name: two, namespace: default}
spec:
  selector: {app: two}
  ports: [{name: http, port: 80, targetPort: 9080}, {name: http-x, port: 9080}]
"""
EMPTY_SUBSET = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: default}
spec:
  host: ratings
  subsets: [{name: v3, labels: {version: v3}}]
"""


@dataclass
class Row:
    name: str
    route: str                 # the list of destinations
    who: dict                  # backend -> share of the answers, or status -> 1
    flags: str = "-"
    port: int = 80
    cluster: str = None        # in the access log
    n: int = 40

    @property
    def host(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower()) + ".test"


def to(host, subset=None, weight=None, port=None):
    d = {"destination": {"host": host}}
    if subset:
        d["destination"]["subset"] = subset
    if port:
        d["destination"]["port"] = {"number": port}
    if weight is not None:
        d["weight"] = weight
    return d


ROWS = [
    Row("B011 short name", [to("ratings")], {"ratings-v1": 1},
        cluster="outbound|9080||ratings.default.svc.cluster.local"),
    Row("B012 dotted name", [to("ratings.default")], {503: 1}, flags="NC"),
    Row("B059 75 and 25", [to("reviews", "v1", 75), to("reviews", "v2", 25)],
        {V1: 0.75, V2: 0.25}, n=2000),
    Row("B060 one destination, weight 0", [to("reviews", "v1", 0)], {V1: 1}),
    Row("B060 one destination, no weight", [to("reviews", "v1")], {V1: 1}),
    Row("B061 weights 0 and 100", [to("reviews", "v1", 0), to("reviews", "v2", 100)], {V2: 1}),
    Row("B062 weights 1 and 1", [to("reviews", "v1", 1), to("reviews", "v2", 1)],
        {V1: 0.5, V2: 0.5}, n=200),
    Row("weights of three", [to("reviews", "v1", 2), to("reviews", "v2", 3),
                             to("reviews", "v3", 5)], {V1: 0.2, V2: 0.3, V3: 0.5}, n=200),
    Row("B065 single port", [to("reviews", "v3")], {V3: 1},
        cluster="outbound|9080|v3|reviews.default.svc.cluster.local"),
    Row("B066 the listener's port", [to("two")], {"ratings-v1": 1},
        cluster="outbound|80||two.default.svc.cluster.local"),
    Row("B066 another listener's port", [to("two")], {503: 1}, flags="NC", port=9999),
    Row("given port", [to("two", port=9080)], {"ratings-v1": 1}, port=9999,
        cluster="outbound|9080||two.default.svc.cluster.local"),
    Row("B067 port not offered", [to("ratings", port=1234)], {503: 1}, flags="NC"),
    Row("B069 unknown subset", [to("reviews", "v9")], {503: 1}, flags="NC"),
    Row("B070 subset without endpoints", [to("ratings", "v3")], {503: 1}, flags="UH"),
    Row("B071 no subset", [to("reviews")], {V1: None, V2: None, V3: None}, n=60),
]


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, bookinfo_servers, start_weir, request):
    rules = (virtual_service(row.host.replace(".", "-"), [row.host],
                             yaml.safe_dump([{"route": row.route}]), ("public", "other"))
             for row in ROWS)
    it = start_weir(lab, documents(
        bookinfo.registry(), TWO, EMPTY_SUBSET, gateway("other", port=9999),
        workload("two", "v1", bookinfo_servers["ratings-v1"].ip), *rules), workers=request.param)
    it.n_workers = request.param
    yield it
    it.stop()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, weir, row):
    seen = tally(lab.client, row.n, row.host, ip=GW_EXT_IP, port=row.port,
                 connections=2 * weir.n_workers)
    got = {(backend if status == 200 else status): n for (status, backend), n in seen.items()}
    assert set(got) == set(row.who)
    for who, share in row.who.items():
        # Shares are exact over a cycle, which is no longer than the weights' sum; each worker has
        # a cycle of its own, and ends somewhere in it.
        slack = 0.02 * row.n + 2 * (weir.n_workers - 1) * (share not in (None, 0, 1))
        assert share is None or abs(got[who] - share * row.n) <= slack, got
    record = weir.wait_log(row.name, lambda r: r["authority"] == row.host)
    assert (record["response_flags"] or "-") == row.flags
    if row.cluster:
        assert record["upstream_cluster"] == row.cluster
