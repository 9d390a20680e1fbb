"""What an answer says of trying again: group F of istio/behaviours.md, by a server that answers the
first, second, ... try of a request as its path says."""
import collections
import time

import pytest

from harness import proc
from harness.client import Connection, curl, request
from harness.lab import GW_EXT_IP
from harness.origin import Close, Origin
from harness.resources import (destination_rule, documents, gateway, service, virtual_service,
                               workload)

ORIGIN_IP, OTHER_IP, PORT = "198.18.1.90", "198.18.1.91", 8080
TO = "route: [{destination: {host: scripted}}]"

HOSTS = {
    "b111.test": "retries: {attempts: 1, retryOn: '503'}",
    "b112.test": "retries: {attempts: 1, retryOn: '503,reset'}",
    "b114.test": "retries: {attempts: 1, retryOn: unavailable}",
    "b124.test": "retries: {attempts: 3, retryOn: '5xx,reset'}",
    "b125.test": "retries: {attempts: 1, retryOn: 5xx}",
    "b125-listed.test": "retries: {attempts: 1, retryOn: 'envoy-ratelimited'}",
    "b126.test": "retries: {attempts: 3, retryOn: 5xx, backoff: 100ms}",
    "b140.test": "fault: {abort: {percentage: {value: 100}, httpStatus: 503}}, "
                 "retries: {attempts: 3, retryOn: 5xx}",
}

JASON = """
- match: [{headers: {cookie: {regex: '^(.*?;)?(user=jason)(;.*)?$'}}}]
  fault: {abort: {percentage: {value: 100}, httpStatus: 500}}
  route: [{destination: {host: both, subset: v1}}]
- route: [{destination: {host: both, subset: v1}}]
"""

HEAD = {
    "200": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "503": b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
    "limited": b"HTTP/1.1 503 No\r\nx-envoy-ratelimited: true\r\nContent-Length: 0\r\n\r\n",
    "unavailable": b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 14\r\n"
                   b"Content-Length: 0\r\n\r\n",
    "late": b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n"
            b"\r\n2\r\nok\r\n0\r\ngrpc-status: 14\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "reset": b"",
}


class Script:
    """Answers try n of a path by its n-th word: /503/200; keeps when each came, and to whom."""

    def __init__(self):
        self.came = collections.defaultdict(list)
        self.hosts = collections.defaultdict(list)

    def forget(self):
        self.came.clear()
        self.hosts.clear()

    def __call__(self, peer, head):
        path = head.split(b" ")[1].decode()
        words = path.strip("/").split("/")
        tries = self.came[path]
        tries.append(time.monotonic())
        self.hosts[path].append(peer.sock.getsockname()[0])
        word = words[min(len(tries), len(words)) - 1]
        peer.send(HEAD.get(word, HEAD["200"]))
        if word in ("reset", "half"):
            raise Close


@pytest.fixture(scope="module")
def script(lab):
    script = Script()
    origins = [Origin(lab, ip, PORT, script) for ip in (ORIGIN_IP, OTHER_IP)]
    yield script
    for origin in origins:
        origin.close()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, script, start_weir, request):
    script.forget()
    rules = [virtual_service(host.replace(".", "-"), [host], f"[{{{rule}, {TO}}}]")
             for host, rule in HOSTS.items()]
    both = [virtual_service(name, [f"{name}.test"], "[{retries: {attempts: 1, retryOn: 5xx%s}, "
                            "route: [{destination: {host: both}}]}]" % more)
            for name, more in (("b120", ""), ("b121", ", retryIgnorePreviousHosts: false"))]
    both += [service("both", PORT), workload("both", "v1", ORIGIN_IP),
             workload("both", "v2", OTHER_IP),
             destination_rule("both", "v1", policy={"loadBalancer": {"simple": "RANDOM"}})]
    it = start_weir(lab, documents(
        gateway(), service("scripted", PORT), workload("scripted", "v1", ORIGIN_IP),
        virtual_service("jason", ["b135.test"], JASON), *both, *rules), workers=request.param)
    yield it
    it.stop()


def ask(lab, host, path, *lines):
    return curl(lab.client, f"http://{GW_EXT_IP}{path}", headers=(f"Host: {host}", *lines))


def test_b111_a_reset_is_no_503(lab, weir, script):
    """The client sees one in the end, and no server has sent it. It is a POST, which is not sent
    again for a connection's sake either."""
    answer = curl(lab.client, f"http://{GW_EXT_IP}/reset/200/b111", "--request", "POST",
                  headers=("Host: b111.test",))
    assert answer.status == 503 and answer.text.startswith("upstream connect error")
    assert len(script.came["/reset/200/b111"]) == 1
    record = weir.wait_log("the request", lambda r: r["authority"] == "b111.test")
    assert record["response_flags"] == "UC"


@pytest.mark.parametrize("row", ["503", "reset"])
def test_b112_each_of_the_list(lab, weir, script, row):
    path = f"/{row}/200/b112"
    assert ask(lab, "b112.test", path).status == 200
    assert len(script.came[path]) == 2


def test_b114_status_in_the_head(lab, weir, script):
    answer = ask(lab, "b114.test", "/unavailable/200/b114", "Content-Type: application/grpc")
    assert answer.text == "ok"
    assert len(script.came["/unavailable/200/b114"]) == 2


def test_b114_status_after_the_data(lab, weir, script):
    answer = ask(lab, "b114.test", "/late/200/b114", "Content-Type: application/grpc")
    assert answer.text == "ok"
    assert len(script.came["/late/200/b114"]) == 1


def hosts_of_tries(lab, script, host):
    path = f"/503/503/{time.monotonic_ns()}"
    ask(lab, host, path)
    assert len(script.hosts[path]) == 2
    return script.hosts[path]


def test_b121_the_same_host_again(lab, weir, script):
    """Two hosts, drawn at random: one that failed may be drawn again, or never."""
    may, never = ([hosts_of_tries(lab, script, host) for _ in range(40)]
                  for host in ("b121.test", "b120.test"))
    assert any(first == again for first, again in may)
    assert all(first != again for first, again in never)


def test_b124_not_after_the_head(lab, weir, script):
    with Connection(lab.client) as c:
        c.send(request("GET", "/half/200/b124", "b124.test"))
        assert c.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert c.read_to_end() == b"half"
    assert len(script.came["/half/200/b124"]) == 1


def test_b125_limited(lab, weir, script):
    assert ask(lab, "b125.test", "/limited/200/b125").status == 503
    assert len(script.came["/limited/200/b125"]) == 1
    assert ask(lab, "b125-listed.test", "/limited/200/listed").status == 200
    assert len(script.came["/limited/200/listed"]) == 2


def test_b126_waits_between_tries(lab, weir, script):
    waits = []
    for i in range(8):
        path = f"/503/503/503/200/b126-{i}"
        assert ask(lab, "b126.test", path).status == 200
        came = script.came[path]
        assert len(came) == 4
        waits += [b - a for a, b in zip(came, came[1:])]
    assert max(waits) < 1.0 * proc.PATIENCE
    assert max(waits) > 0.1 and len({round(w, 2) for w in waits}) > 5  # grows, and is drawn


def test_b135_only_jason(lab, weir, script):
    """Everybody else is served, by v1."""
    for cookie in ("user=jason", "a=b;user=jason"):
        answer = ask(lab, "b135.test", "/200/b135", f"Cookie: {cookie}")
        assert (answer.status, answer.text) == (500, "fault filter abort")
    assert script.came["/200/b135"] == []
    for lines in ((), ("Cookie: user=jasonx",), ("Cookie: user=anna",)) * 4:
        assert ask(lab, "b135.test", "/200/b135", *lines).status == 200
    assert script.hosts["/200/b135"] == 12 * [ORIGIN_IP]


def test_b140_own_answers_are_not_tried_again(lab, weir, script):
    answer = ask(lab, "b140.test", "/200/b140")
    assert (answer.status, answer.text) == (503, "fault filter abort")
    assert script.came["/200/b140"] == []
    record = weir.wait_log("the request", lambda r: r["authority"] == "b140.test")
    assert record["response_flags"] == "FI"


@pytest.mark.parametrize("rule, problem", [
    ("timeout: 0s, " + TO, "WEIR"),
    ("directResponse: {status: 200, body: {string: '%s'}}" % ("x" * ((1 << 20) + 1)), "WEIR"),
], ids=["b104 timeout 0s", "b090 body of 1 MiB and 1"])
def test_refused_and_nothing_lost(lab, weir, script, rule, problem):
    before = weir.generation()
    weir.write("refused.yaml", virtual_service("refused", ["refused.test"], f"[{{{rule}}}]"))
    failed = lambda: weir.metrics().sum("weir_config_errors") > 0  # noqa: E731
    proc.wait_until("a refusal", failed)
    assert problem in weir.log() and "refused.yaml" in weir.log()
    assert weir.generation() == before
    assert ask(lab, "b125.test", "/200/kept").status == 200
    weir.remove("refused.yaml")
    proc.wait_until("no error is left", lambda: not failed())
