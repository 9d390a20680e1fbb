"""weir-load against the kernel's TCP and programs that are not ours: its client against nginx, its
backend against curl."""
import json
import os
import re

import pytest

from harness import proc
from harness.lab import built
from harness.nginx import Nginx
from harness.weir import DRIVERS, driver, leak_suppressions, SANITIZERS

NGINX_IP, NGINX_PORT = "198.18.1.90", 8090
LOAD_IP, BACKEND_PORT = "198.18.1.200", 8000
SIZES = (1, 64, 1448, 200000)
FILES = "/files/bytes"


def load_bin():
    return built("weir-load", "WEIR_LOAD_BIN", "bench/load")


def start(lab, *args, name="load"):
    """weir-load on the gateway's inner cable."""
    argv = [load_bin(), "--device", f"{driver()},iface=int", *args]
    return proc.Process(name, argv, ns=lab.gw, env={**SANITIZERS, **leak_suppressions()})


@pytest.fixture(scope="module", autouse=True)
def working_driver(lab):
    """As weir does it: af_packet where af_xdp cannot be opened."""
    it = start(lab, "--backend", f"{LOAD_IP}:1", "--duration", "0.1")
    if it.wait(20) and "WEIR_E2E_DRIVER" not in os.environ and re.search("(?i)af_xdp", it.log()):
        os.environ["WEIR_E2E_DRIVER"] = DRIVERS[1]


def pattern(lab, n):
    path = os.path.join(proc.scratch(), f"pattern-{n}")
    lab.gw.run("sh", "-c", f"{load_bin()} --print-pattern {n} > {path}")
    with open(path, "rb") as f:
        return f.read()


@pytest.fixture(scope="module")
def nginx(lab):
    it = Nginx(lab, "pattern", "v1", NGINX_IP, NGINX_PORT)
    os.mkdir(os.path.join(it.files, "bytes"))
    for n in SIZES:
        with open(os.path.join(it.files, "bytes", str(n)), "wb") as f:
            f.write(pattern(lab, n))
    with open(os.path.join(it.files, "bytes", "1000"), "wb") as f:
        f.write(pattern(lab, 700) + b"?" + pattern(lab, 1000)[701:])
    yield it
    it.stop()


def run_client(lab, *args):
    """A client's result."""
    path = os.path.join(proc.scratch(), "load.json")
    it = start(lab, "--clients", f"{LOAD_IP}/24", "--target", f"{NGINX_IP}:{NGINX_PORT}", "--json",
               path, "--duration", "0.5", "--warmup", "0.1", *args)
    assert it.wait(40) == 0, it.log()
    with open(path, encoding="utf-8") as f:
        return json.load(f)


@pytest.mark.parametrize("mode", [(), ("--pipeline", "4"), ("--close",), ("--no-timestamps",)],
                         ids=lambda mode: " ".join(mode) or "keep-alive")
@pytest.mark.parametrize("size", SIZES)
def test_right_answers_of_nginx(lab, nginx, size, mode):
    d = run_client(lab, "--path", f"{FILES}/{size}", "--connections", "16", *mode)
    assert d["wrong"] == d["wrong_before"] == d["resets"] == d["timeouts"] == 0, d["wrong_examples"]
    assert d["responses"] > 0 and d["status"] == {"200": d["responses"]}
    assert d["connect_failures"] == d["checksum_errors"] == 0


def test_a_wrong_byte_is_found(lab, nginx):
    d = run_client(lab, "--path", f"{FILES}/1000")
    assert d["wrong"] == d["responses"] > 0
    assert "differs at byte 700 of 1000" in d["wrong_examples"][0]


def test_another_status_is_wrong(lab, nginx):
    d = run_client(lab, "--path", f"{FILES}/5")
    assert d["wrong"] == d["status"]["404"] == d["responses"] > 0


def test_chunked_answers(lab, nginx):
    """nginx's echo module has no length to tell: framing is checked, not the text."""
    d = run_client(lab, "--path", "/headers", "--expect-bytes", "10")
    assert d["wrong"] == d["responses"] > 0
    assert "the body differs at byte 0" in d["wrong_examples"][0]


def test_open_and_idle(lab, nginx):
    d = run_client(lab, "--path", f"{FILES}/64", "--idle-hold", "--connections", "300")
    assert d["wrong"] == 0
    assert d["idle"] == {"connections_held": 300, "served_again": 300, "lost": 0}


def test_flood_is_answered(lab, nginx):
    d = run_client(lab, "--path", f"{FILES}/64", "--syn-flood", "20000", "--flood-count", "2000",
                   "--duration", "5")
    assert d["flood"]["syns_sent"] == 2000 and d["flood"]["syn_acks"] > 0


def test_nobody_there(lab):
    it = start(lab, "--clients", f"{LOAD_IP}/24", "--target", f"{NGINX_IP}:1")
    assert it.wait(40) == 1 and "not one connection could be opened" in it.log()


@pytest.fixture(scope="module")
def backend(lab):
    it = start(lab, "--backend", f"{LOAD_IP}:{BACKEND_PORT}", name="backend")
    proc.wait_until("the backend is ready", lambda: "ready" in it.log().split())
    yield f"http://{LOAD_IP}:{BACKEND_PORT}"
    assert it.stop() == 0, it.log()
    assert not it.sanitizer_reports()


def curl(lab, *args):
    """(status, body) of one request with curl."""
    out = os.path.join(proc.scratch(), "curl.out")
    done = lab.back.run("curl", "-s", "-m", "10", "-o", out, "-w", "%{http_code}", *args)
    with open(out, "rb") as f:
        return done.stdout, f.read()


@pytest.mark.parametrize("size", [0, *SIZES, 3000000])
def test_backend_serves_the_pattern(lab, backend, size):
    assert curl(lab, f"{backend}/bytes/{size}") == ("200", pattern(lab, size) if size else b"")


def test_backend_checks_uploads(lab, backend):
    path = os.path.join(proc.scratch(), "upload")
    for change, status in ((b"", "200"), (b"?", "400")):
        with open(path, "wb") as f:
            f.write(pattern(lab, 300000) + change)
        # Without a length: curl sends chunks.
        for how in ((), ("-H", "Transfer-Encoding: chunked")):
            assert curl(lab, "-H", "Expect:", "--data-binary", f"@{path}", *how,
                        f"{backend}/up")[0] == status


def test_backend_errors_and_closes(lab, backend):
    assert curl(lab, f"{backend}/bytes/5?errors=1")[0] == "503"
    assert curl(lab, f"{backend}/nothing")[0] == "404"
    assert curl(lab, "-H", "Connection: close", f"{backend}/bytes/70000") == \
        ("200", pattern(lab, 70000))
