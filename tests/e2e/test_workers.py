"""One to eight workers on two cores, on a port without RSS: steering in software."""
import pytest

from harness import bookinfo
from harness.client import Connection, Wrk
from harness.crowd import Crowd
from harness.lab import GW_EXT_IP
from harness.resources import virtual_service

HOST = "reviews.example.com"
N, CONNECTIONS = 10000, 200


@pytest.fixture(scope="module", params=[(1, "adaptive"), (2, "adaptive"), (4, "adaptive"),
                                        (8, "adaptive"), (4, "poll")],
                ids=lambda param: "-".join(map(str, param)))
def weir(lab, bookinfo_servers, start_weir, request):
    it = start_weir(lab, bookinfo.registry() + "---\n" + virtual_service("reviews", [HOST], """
- route:
  - {destination: {host: reviews, subset: v1}, weight: 75}
  - {destination: {host: reviews, subset: v2}, weight: 25}
"""), workers=request.param[0], idle=request.param[1])
    it.n_workers = request.param[0]
    yield it
    it.stop()


def test_weights(lab, weir):
    before = by_worker(weir)
    seen = answers(lab, N)
    assert sum(seen.values()) == N
    assert abs(seen[200, "reviews-v1"] - 0.75 * N) <= 0.005 * N
    assert abs(seen[200, "reviews-v2"] - 0.25 * N) <= 0.005 * N
    after = by_worker(weir)
    assert len(after) == weir.n_workers
    assert all(after[w] > before[w] for w in after), "every worker had a share"


def answers(lab, n):
    """Who answered n requests, CONNECTIONS of them at a time."""
    crowd = Crowd(lab.client, CONNECTIONS, HOST, in_flight=CONNECTIONS)
    try:
        for _ in range(n // CONNECTIONS):
            crowd.round()
        assert not crowd.errors
        return crowd.seen
    finally:
        crowd.close()


def by_worker(weir):
    return {labels["worker"]: value
            for labels, value in weir.metrics().all("weir_worker_requests_total")}


def test_load(lab, weir):
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, 3, connections=64).finish()
    assert report.non_2xx == 0 and report.socket_errors == 0, report.text


def test_a_thousand_connections(lab, weir):
    crowd = Crowd(lab.client, 1000, HOST, in_flight=100)
    try:
        assert crowd.round() == 1000 and not crowd.errors
    finally:
        crowd.close()


def test_reload_reaches_every_worker(lab, weir):
    """After the generation has changed, no worker answers by the old one."""
    weir.apply("resources.yaml", bookinfo.registry() + "---\n" + virtual_service(
        "reviews", [HOST], "[{route: [{destination: {host: reviews, subset: v3}}]}]"))
    assert set(answers(lab, 2 * CONNECTIONS)) == {(200, "reviews-v3")}
    with Connection(lab.client) as conn:
        assert conn.get("/", "nobody").status == 404
