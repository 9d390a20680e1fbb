"""Configuration changes under load: nobody notices, nothing leaks, the last one counts."""
import time

import pytest

from harness import bookinfo, proc
from harness.client import Wrk, tally
from harness.lab import GW_EXT_IP
from harness.resources import virtual_service

HOST = "reviews.example.com"
RELOADS, EVERY_S, SECONDS = 200, 0.05, 10


def weighted(v1, generation):
    """Another split, and another route name, each time."""
    return virtual_service("reviews", [HOST], f"""
- name: r{generation}
  route:
  - {{destination: {{host: reviews, subset: v1}}, weight: {v1}}}
  - {{destination: {{host: reviews, subset: v2}}, weight: {100 - v1}}}
""")


LAST = virtual_service("reviews", [HOST],
                       "[{name: last, route: [{destination: {host: reviews, subset: v3}}]}]")


@pytest.fixture(scope="module")
def weir(lab, bookinfo_servers, start_weir):
    return start_weir(lab, bookinfo.registry() + "---\n" + weighted(50, 0))


def reload_often(weir):
    """RELOADS changes, one each EVERY_S; the last one is LAST."""
    start = time.monotonic()
    for i in range(1, RELOADS + 1):
        text = LAST if i == RELOADS else weighted(i % 99 + 1, i)
        weir.write("resources.yaml", bookinfo.registry() + "---\n" + text)
        time.sleep(max(0, start + i * EVERY_S - time.monotonic()))


def test_reloads_under_load(lab, weir):
    # Once before measuring: caches and pools fill up.
    with_load(lab, weir, 2, lambda: time.sleep(1))
    rss, mbufs = weir.process.rss(), weir.metrics().sum("weir_mbuf_in_use")
    generation = weir.generation()

    report = with_load(lab, weir, SECONDS, lambda: reload_often(weir))
    assert report.non_2xx == 0 and report.socket_errors == 0, report.text
    assert report.requests > 1000
    proc.wait_until("the last configuration rules", lambda: only_v3(lab))
    assert weir.generation() - generation >= RELOADS / 4 / proc.PATIENCE

    proc.wait_until("one snapshot is left",
                    lambda: weir.metrics().sum("weir_snapshots_alive") == 1)
    assert weir.process.rss() < rss + (48 << 20) * proc.PATIENCE
    assert weir.metrics().sum("weir_mbuf_in_use") < mbufs + 2048


def with_load(lab, weir, seconds, work):
    wrk = Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, seconds, connections=64)
    work()
    return wrk.finish()


def only_v3(lab):
    return set(tally(lab.client, 100, HOST)) == {(200, "reviews-v3")}
