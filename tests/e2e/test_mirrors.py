"""Copies of requests to other services: group H of istio/behaviours.md, with real backends."""
import contextlib
import math
import time

import pytest

from harness import bookinfo, proc
from harness.client import Wrk, curl, tally
from harness.lab import GW_EXT_IP
from harness.origin import Origin
from harness.resources import documents, service, virtual_service, workload

V1 = "{destination: {host: reviews, subset: v1}}"
V2 = "{host: reviews, subset: v2}"
ROWS = [
    # name, what the rule says besides its route, share of the requests that v2 and v3 get
    ("B142 mirror", f"mirror: {V2}", 1, 0),
    ("B144 nothing", f"mirror: {V2}, mirrorPercentage: {{value: 0}}", 0, 0),
    ("B144 ten percent", f"mirror: {V2}, mirrorPercentage: {{value: 10}}", 0.1, 0),
    ("B145 old percent", f"mirror: {V2}, mirrorPercent: 50", 0.5, 0),
    ("B146 several", f"mirrors: [{{destination: {V2}}}, {{destination: "
     "{host: reviews, subset: v3}, percentage: {value: 50}}]", 1, 0.5),
    ("B150 unknown service", "mirror: {host: nowhere}", 0, 0),
]
SHADOW_IP, WHOLE_IP = "198.18.1.77", "198.18.1.78"


def host_of(name):
    return name.lower().replace(" ", "-") + ".test"


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, bookinfo_servers, start_weir, request):
    rules = (virtual_service(host_of(name).replace(".", "-"), [host_of(name)],
                             f"[{{route: [{V1}], {more}}}]") for name, more, _, _ in ROWS)
    shadow = documents(service("shadow", bookinfo.PORT), workload("shadow", "v1", SHADOW_IP),
                       virtual_service("shadow", ["shadow.test"], f"[{{route: [{V1}], "
                                       "mirror: {host: shadow}}]"),
                       service("whole", bookinfo.PORT), workload("whole", "v1", WHOLE_IP),
                       virtual_service("whole", ["whole.test"], "[{route: [{destination: "
                                       "{host: whole}}], mirror: {host: shadow}}]"),
                       virtual_service("plain", ["plain.test"], f"[{{route: [{V1}]}}]"))
    it = start_weir(lab, documents(bookinfo.registry(), shadow, *rules), workers=request.param)
    it.n_workers = request.param
    yield it
    it.stop()


def served(weir, version):
    """Requests that a version of reviews has answered, copies included."""
    return weir.metrics().sum("istio_requests_total", destination_version=version,
                              response_code="200", destination_service_name="reviews")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_row(lab, weir, row):
    name, _, v2, v3 = row
    n, before = 400, [served(weir, f"v{k}") for k in (1, 2, 3)]
    seen = tally(lab.client, n, host_of(name), connections=2 * weir.n_workers)
    assert seen == {(200, "reviews-v1"): n}
    got = []

    def settled():
        got[:] = [served(weir, f"v{k}") - before[k - 1] for k in (1, 2, 3)]
        return got[0] == n and (v2 != 1 or got[1] == n)

    proc.wait_until("all copies are answered", settled)
    for copies, share in zip(got[1:], (v2, v3)):
        assert abs(copies - share * n) <= 5 * math.sqrt(n * share * (1 - share)), got


class Shadow:
    """The mirror, in the test's hands: what it gets, and how it behaves."""

    def __init__(self, lab, answer=True, pause=0):
        self.heads, self.bodies = [], []
        self.answer, self.pause = answer, pause
        self.origin = Origin(lab, SHADOW_IP, bookinfo.PORT, self.serve)

    def serve(self, peer, head):
        self.heads.append(head.decode())
        self.bodies.append(peer.body(head))
        time.sleep(self.pause)
        if self.answer:
            peer.send(b"HTTP/1.1 500 Bad\r\nContent-Length: 3\r\n\r\nbad")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.origin.close()


def test_the_copy_is_whole(lab, weir, tmp_path):
    """Head after all changes, host as it was, every byte of the body; its answer is not seen."""
    body = bytes(range(256)) * 1200
    upload = tmp_path / "body"
    upload.write_bytes(body)
    whole = Origin(lab, WHOLE_IP, bookinfo.PORT)  # which reads all of it before it answers
    with contextlib.closing(whole), Shadow(lab) as shadow:
        answer = curl(lab.client, f"http://{GW_EXT_IP}/up?q", "--data-binary", f"@{upload}", "-H",
                      "Expect:", headers=("Host: whole.test",))
        assert answer.status == 200
        proc.wait_until("the copy has come", lambda: shadow.bodies)
    assert shadow.bodies == [body]
    head = shadow.heads[0].lower()
    assert head.startswith("post /up?q http/1.1\r\n")
    assert "\r\nhost: whole.test\r\n" in head and "\r\nx-forwarded-for: " in head


@pytest.mark.parametrize("state", ["dead", "slow", "silent"])
def test_the_request_does_not_notice(lab, weir, state):
    """A mirror that refuses, sleeps or never answers: every request is served, and fast."""
    lab.add_backend_ip(SHADOW_IP)

    def load(host):
        return Wrk(lab.client, f"http://{GW_EXT_IP}/", host, 2, connections=8).finish()

    plain = load("plain.test")
    if state == "dead":
        mirrored = load("shadow.test")
    else:
        with Shadow(lab, answer=state == "slow", pause=0.05):
            mirrored = load("shadow.test")
    assert mirrored.non_2xx == 0 and mirrored.socket_errors == 0, mirrored.text
    if state == "dead":
        # Only the first few, and some later, are worth a connection that is refused.
        assert weir.metrics().sum("weir_mirror_rested_total") > mirrored.requests / 2
    # A copy costs its sending, and a mirror in Python costs the machine.
    assert mirrored.rate > plain.rate * (0.4 if state == "dead" else 0.05)
