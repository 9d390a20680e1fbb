"""weir.io/rate-limit through the real gateway: how many get through, and what the others are told.

A bucket is one for all workers, so everything is asked of one worker and of four on two cores.
"""
import time

import pytest

from harness import proc
from harness.client import Connection, Wrk, curl
from harness.counting import Counting
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, service, virtual_service, workload

IP, PORT = "198.18.1.73", 8080
OK = "directResponse: {status: 200}"
LIMIT = "weir.io/rate-limit"


def limited(name, rates, http, gateways=("public",)):
    return virtual_service(name, [f"{name}.test"], http, gateways, annotations={LIMIT: rates})


RESOURCES = documents(
    gateway(), gateway("strict", port=81, annotations={LIMIT: "1/h burst=30"}),
    service("app", PORT), workload("app", "v1", IP),
    limited("steady", "100/s burst=10", "[{%s}]" % OK),
    limited("fixed", "1/h burst=25", "[{%s}]" % OK),
    limited("rules", "slow=1/h burst=3; *=1/h burst=7",
            "[{name: slow, match: [{uri: {prefix: /slow}}], %s},"
            " {name: fast, match: [{uri: {prefix: /fast}}], %s}, {%s}]" % (OK, OK, OK)),
    limited("forwarded", "1/h burst=4", "[{route: [{destination: {host: app}}]}]"),
    virtual_service("one", ["one.test"], "[{%s}]" % OK, ("strict",)),
    limited("two", "1/h burst=10", "[{%s}]" % OK, ("strict",)))


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    it.listen(IP, PORT)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, RESOURCES, workers=request.param)
    yield it
    it.stop()


def ask(lab, host, n, path="/", port=80, conns=12):
    """The statuses of n requests, dealt to connections that several workers serve."""
    open_ = [Connection(lab.client, port=port) for _ in range(conns)]
    answers = [open_[i % conns].get(path, host).status for i in range(n)]
    for conn in open_:
        conn.close()
    return answers


def test_exactly_the_burst(lab, weir):
    """All at once from many connections, on every worker: so many pass and not one more."""
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/", "fixed.test", 2, connections=40,
                 threads=2).finish()
    assert report.socket_errors == 0, report.text
    assert report.requests - report.non_2xx == 25, report.text
    assert report.non_2xx > 500


def test_the_rate(lab, weir):
    """100/s burst=10 for three seconds, at many times that."""
    before = time.monotonic()
    report = Wrk(lab.client, f"http://{GW_EXT_IP}/", "steady.test", 3, connections=40,
                 threads=2).finish()
    took = time.monotonic() - before
    passed = report.requests - report.non_2xx
    assert report.rate > 500, "too slow a client to say anything"
    assert passed <= 10 + 100 * took
    assert passed >= 10 + 100 * (report.seconds - 0.2) * 0.97, report.text


def test_rules_of_one_object(lab, weir):
    """A rule with a limit of its own, and the others that share theirs."""
    assert ask(lab, "rules.test", 10, "/slow").count(200) == 3
    fast, rest = ask(lab, "rules.test", 5, "/fast"), ask(lab, "rules.test", 10, "/")
    assert fast.count(200) == 5 and rest.count(200) == 2


def test_what_a_client_is_told(lab, weir, origin):
    """429 as Envoy's local rate limit gives it; the backend hears nothing of it."""
    before, heard = weir.metrics(), origin.tallies[PORT].requests
    assert ask(lab, "forwarded.test", 10).count(200) == 4
    assert origin.tallies[PORT].requests == heard + 4
    answer = curl(lab.client, f"http://{GW_EXT_IP}/x", headers=["Host: forwarded.test"])
    assert answer.status == 429 and answer.text == "local_rate_limited"
    assert answer.get("x-envoy-ratelimited") == "true"
    assert answer.get("content-type") == "text/plain"

    def logged():
        return [r for r in weir.access_log() if r["authority"] == "forwarded.test"]

    proc.wait_until("all are logged", lambda: len(logged()) >= 11)
    record = logged()[-1]
    assert record["response_flags"] == "RL" and record["response_code"] == 429
    assert record["response_code_details"] == "local_rate_limited"
    after = weir.metrics()
    for name, labels in (("weir_http_rate_limited_total", {}),
                         ("istio_requests_total", {"response_code": "429",
                                                   "response_flags": "RL"})):
        assert after.sum(name, **labels) - before.sum(name, **labels) == 7


def test_a_gateway_has_one_for_all_its_hosts(lab, weir):
    """What a rule refuses does not count at the Gateway."""
    assert ask(lab, "two.test", 40, port=81).count(200) == 10
    assert ask(lab, "one.test", 40, port=81).count(200) == 20
    assert ask(lab, "two.test", 5, port=81).count(200) == 0


def test_reloads_do_not_refill(lab, weir):
    """Twenty of them; a limit that is changed is another one, and full."""
    ask(lab, "forwarded.test", 10)
    for i in range(20):
        weir.apply("other.yaml", virtual_service("other", [f"other{i}.test"], "[{%s}]" % OK))
    assert ask(lab, "forwarded.test", 5).count(200) == 0
    weir.apply("forwarded.yaml",
               limited("changed", "1/h burst=6", "[{route: [{destination: {host: app}}]}]"))
    assert ask(lab, "changed.test", 10).count(200) == 6
    weir.withdraw("other.yaml")
    weir.withdraw("forwarded.yaml")
