"""The gateway's own TCP, seen from a kernel's and from a hostile one."""
import hashlib
import random
import threading

import pytest

from conftest import conformance
from harness.client import Connection, request
from harness.crowd import Crowd
from harness.lab import GW_EXT_IP
from harness.nginx import Nginx
from harness.origin import Origin, ok
from harness.resources import documents, gateway, single

GROUPS = ("syn", "closed", "listen", "synrcvd", "est", "ooo", "ack", "wnd", "close", "xfer", "many", "ip")
FILES_IP, FILES_PORT = "198.18.1.19", 8080
SINK_IP, SINK_PORT = "198.18.1.20", 9200
CONNECTIONS = 10000
BAD_WIRES = {
    "loss-reorder": ("--loss", 1, "--reorder", 3, "--reorder-by", 1),
    "bursts": ("--burst-start", 0.3, "--burst-end", 30, "--delay", 1, "--jitter", 1),
    "corrupt-duplicate": ("--corrupt", 0.5, "--duplicate", 1, "--reorder", 1),
}


def digest_sink(peer, head):
    """Answers an upload with the digest of what arrived."""
    peer.send(ok(hashlib.sha256(peer.body(head)).hexdigest().encode()))


def resources():
    return documents(gateway(), single("files", FILES_IP, FILES_PORT, "files.example.com"),
                     single("sink", SINK_IP, SINK_PORT, "sink.example.com"))


@pytest.fixture(scope="module")
def weir(lab, start_weir):
    files = Nginx(lab, "files", "v1", FILES_IP, FILES_PORT)
    files.add_file("big", 4 << 20)
    yield start_weir(lab, resources())
    files.stop()


def test_black_box(lab, weir):
    program = conformance("tcp_blackbox.py")
    only = [word for group in GROUPS for word in ("--only", f"{group}.*")]
    done = lab.client.run(
        "/usr/bin/python3", "-B", program, "--iface", "c0", "--src-ip", "198.18.0.100",
        "--dst-ip", GW_EXT_IP, "--dst-port", 80, "--host", "files.example.com", "--small-path", "/",
        "--big-path", "/files/big", "--big-byte", "x", "--closed-port", 81, *only, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:]


def test_ten_thousand_connections(lab, weir):
    crowd = Crowd(lab.client, CONNECTIONS, "files.example.com")
    try:
        assert not crowd.errors
        for _ in range(2):
            assert crowd.round() == CONNECTIONS
            assert not crowd.errors
        # Only now: a handshake by SYN cookie is complete for the client before it is for weir.
        assert weir.metrics().sum("weir_tcp_curr_estab") >= CONNECTIONS
    finally:
        crowd.close()


@pytest.fixture(scope="module")
def bad(wire_lab, start_weir):
    """A gateway whose clients are at the far end of a bad wire."""
    files = Nginx(wire_lab, "bad-files", "v1", FILES_IP, FILES_PORT)
    path = files.add_file("random", 4 << 20, seed=1)
    sink = Origin(wire_lab, SINK_IP, SINK_PORT, digest_sink)
    wire_lab.start_wire()
    start_weir(wire_lab, resources())
    with open(path, "rb") as f:
        yield wire_lab, hashlib.sha256(f.read()).hexdigest()
    sink.close()
    files.stop()


@pytest.mark.parametrize("options", BAD_WIRES.values(), ids=BAD_WIRES)
def test_transfers_over_a_bad_wire(bad, options):
    lab, expected = bad
    lab.start_wire(*options, "--seed", 3)
    with Connection(lab.client, timeout=60) as conn:
        answer = conn.get("/files/random", "files.example.com")
        assert hashlib.sha256(answer.body).hexdigest() == expected
        data = random.Random(2).randbytes(4 << 20)
        conn.send(request("POST", "/", "sink.example.com", f"Content-Length: {len(data)}", body=data))
        assert conn.read().text == hashlib.sha256(data).hexdigest()
    did = lab.stop_wire()
    lab.start_wire()
    assert "lost=0 burst_lost=0 duplicated=0 corrupted=0 reordered=0" not in did


def test_many_short_exchanges_over_a_bad_wire(bad):
    """Handshakes and closes are lost like everything else."""
    lab, _ = bad
    lab.start_wire("--loss", 3, "--reorder", 5, "--seed", 5)
    statuses = []

    def client():
        for _ in range(10):
            with Connection(lab.client, timeout=60) as conn:
                statuses.append(conn.get("/", "files.example.com").status)

    threads = [threading.Thread(target=client) for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [200] * 200
