"""What is tried again, how often and for how long: group F of istio/behaviours.md, by real servers.

The answers are nginx's: /status/N answers N, /delay/S after S seconds.
"""
import re
import time
from dataclasses import dataclass

import pytest

from harness import bookinfo, proc
from harness.client import curl
from harness.lab import GW_EXT_IP
from harness.resources import documents, service, virtual_service, workload

TO = "route: [{destination: {host: ratings}}]"
SILENT_IP = "198.18.1.99"  # nothing listens there


@dataclass
class Row:
    """One rule, one request, and how it ends."""
    name: str
    rule: str                 # besides the route
    path: str
    status: int
    tries: int = 1
    flags: str = "-"
    took: tuple = (0, 3)      # seconds, at least and at most
    lines: tuple = ()
    options: tuple = ()
    details: str = None
    body: str = None

    @property
    def host(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower()) + ".test"


def retries(text):
    return "retries: {%s}" % text


ROWS = [
    Row("B101 no timeout", "name: x", "/delay/2", 200, took=(2, 9)),
    Row("B102 timeout", "timeout: 1s", "/delay/9", 504, flags="UT", took=(1, 3),
        details="response_timeout", body="upstream request timeout"),
    Row("B105 capped", "timeout: 1s", "/delay/9", 200, flags="UT", took=(1, 3),
        lines=("content-type: application/grpc", "grpc-timeout: 10S")),
    Row("B105 shorter", "timeout: 5s", "/delay/9", 200, flags="UT", took=(1, 3),
        lines=("content-type: application/grpc", "grpc-timeout: 1S")),
    Row("B107 no retries block", "name: x", "/status/503", 503),
    Row("B109 every try fails", retries("attempts: 3, retryOn: 5xx"), "/status/500", 500,
        tries=4, flags="URX"),
    *[Row(f"B110 gateway error {code}", retries("attempts: 1, retryOn: gateway-error"),
          f"/status/{code}", code, tries=tries, flags=flags)
      for code, tries, flags in ((502, 2, "URX"), (503, 2, "URX"), (504, 2, "URX"),
                                 (500, 1, "-"))],
    Row("B111 status", retries("attempts: 2, retryOn: '503'"), "/status/503", 503, tries=3,
        flags="URX"),
    Row("B111 another status", retries("attempts: 2, retryOn: '503'"), "/status/502", 502),
    Row("retriable 4xx", retries("attempts: 1, retryOn: retriable-4xx"), "/status/409", 409,
        tries=2, flags="URX"),
    Row("retriable 4xx, another", retries("attempts: 1, retryOn: retriable-4xx"), "/status/404",
        404),
    Row("B116 every try hangs", retries("attempts: 2, perTryTimeout: 500ms, retryOn: 5xx"),
        "/delay/9", 504, tries=3, flags="UT,URX", took=(1.5, 4),
        details="upstream_per_try_timeout", body="upstream request timeout"),
    Row("B117 default list", retries("attempts: 2, perTryTimeout: 500ms"), "/delay/9", 504,
        flags="UT", took=(0.5, 2)),
    Row("B119 the whole time", "timeout: 1s, " + retries(
        "attempts: 10, perTryTimeout: 400ms, retryOn: 5xx"), "/delay/9", 504, tries=3,
        flags="UT", took=(1, 2.5), details="response_timeout"),
    Row("upload is sent again", retries("attempts: 2, retryOn: 5xx"), "/status/500", 500, tries=3,
        flags="URX", options=("--data-binary", "x" * 100000)),
]


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, bookinfo_servers, start_weir, request):
    lab.add_backend_ip(SILENT_IP)
    rules = (virtual_service(row.host.replace(".", "-"), [row.host], f"[{{{row.rule}, {TO}}}]")
             for row in ROWS)
    both = documents(service("both", bookinfo.PORT), workload("both", "v1", SILENT_IP),
                     workload("both", "v2", bookinfo_servers["ratings-v1"].ip),
                     virtual_service("both", ["both.test"],
                                     "[{route: [{destination: {host: both}}]}]"),
                     virtual_service("once", ["once.test"], "[{retries: {attempts: 0}, route: "
                                     "[{destination: {host: both}}]}]"))
    it = start_weir(lab, documents(bookinfo.registry(), both, *rules), workers=request.param)
    yield it
    it.stop()


def retried(weir):
    return weir.metrics().sum("weir_upstream_retries_total")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, weir, row):
    before, began = retried(weir), time.monotonic()
    answer = curl(lab.client, f"http://{GW_EXT_IP}{row.path}", "-H", "Expect:", *row.options,
                  headers=(f"Host: {row.host}", *row.lines), timeout=15)
    took = time.monotonic() - began
    assert answer.status == row.status
    assert row.took[0] <= took <= row.took[1] * proc.PATIENCE
    if row.body is not None:
        assert answer.text == row.body
    record = weir.wait_log(row.name, lambda r: r["authority"] == row.host)
    assert set((record["response_flags"] or "-").split(",")) == set(row.flags.split(","))
    if row.details:
        assert record["response_code_details"] == row.details
    assert retried(weir) - before == row.tries - 1


def test_b106_b120_refused_then_another(lab, weir):
    """Every second pick is a host where nobody listens: nobody notices, but the server does."""
    seen = set()
    for _ in range(20):
        answer = curl(lab.client, f"http://{GW_EXT_IP}/", headers=("Host: both.test", "X-Show: 1"))
        assert answer.status == 200
        seen.add(re.search(r"x-envoy-attempt-count: (\d)", answer.text).group(1))
    assert seen == {"1", "2"}


def test_attempts_0_switches_retries_off(lab, weir):
    answers = [curl(lab.client, f"http://{GW_EXT_IP}/", headers=("Host: once.test",)).status
               for _ in range(30)]
    assert set(answers) == {200, 503}
