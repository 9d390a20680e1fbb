"""B210: a path is matched, logged and forwarded in its normal form, whatever curl sends."""
import pytest

from harness.client import curl
from harness.lab import GW_EXT_IP
from harness.origin import Origin
from harness.resources import documents, gateway, service, virtual_service, workload
from harness.weir import Weir

ECHO = "198.18.1.77"
KINDS = ["BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES", "NONE"]
PATHS = [  # what curl sends, and what each kind makes of it
    ("/a/../b", "/b", "/b", "/b", "/a/../b"),
    ("//b", "//b", "/b", "/b", "//b"),
    ("/a/%2e%2E/b?x=/../y", "/b?x=/../y", "/b?x=/../y", "/b?x=/../y", "/a/%2e%2E/b?x=/../y"),
    ("/a\\..\\b", "/b", "/b", "/b", "/a\\..\\b"),
    ("/../../b", "/b", "/b", "/b", "/../../b"),
    ("/b%2fc", "/b%2fc", "/b%2fc", "/b/c", "/b%2fc"),
    ("/a/..%2Fb//c", "/a/..%2Fb//c", "/a/..%2Fb/c", "/b/c", "/a/..%2Fb//c"),
    ("/%62", "/b", "/b", "/b", "/%62"),
    ("/b%00", 400, 400, 400, "/b%00"),
    ("/b", "/b", "/b", "/b", "/b"),
]
# Who is asked for /b and what is below it is asked under another name by the gateway.
RULES = """
- match: [{uri: {prefix: /b}}]
  name: below-b
  route: [{destination: {host: echo}}]
- name: elsewhere
  route: [{destination: {host: echo}}]
"""
RESOURCES = documents(gateway(), service("echo", 9090), workload("echo", "v1", ECHO),
                      virtual_service("echo", ["echo.test"], RULES))


@pytest.fixture(scope="module")
def echo(lab):
    origin = Origin(lab, ECHO, 9090)
    yield origin
    origin.close()


def ask(lab, path):
    """The path that the backend is sent; the status when nothing came to it."""
    answer = curl(lab.client, f"http://{GW_EXT_IP}{path}", "--path-as-is", "--globoff",
                  headers=["Host: echo.test"])
    return answer.text.split(" ", 2)[1] if answer.status == 200 else answer.status


def check_log(weir, sent, got):
    """Refused requests have no path in the log."""
    if got == 400:
        weir.wait_log(sent, lambda r: r["response_code_details"] == "path_normalization_failed")
        return
    record = weir.wait_log(got, lambda r: r["path"] == got)
    assert record["route_name"] == ("below-b" if got.startswith("/b") else "elsewhere")


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_b210(lab, echo, kind):
    # BASE is what a node does that is told nothing.
    mesh = {"mesh": {"pathNormalization": {"normalization": KINDS[kind]}}} if kind else {}
    weir = Weir(lab, RESOURCES, name="paths", **mesh).start()
    try:
        for sent, *results in PATHS:
            assert ask(lab, sent) == results[kind], sent
            check_log(weir, sent, results[kind])
        weir.stop()
    finally:
        weir.kill()
