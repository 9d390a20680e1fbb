"""Large bodies: whole, and never held in the gateway."""
import hashlib
import time

import pytest

from harness import proc
from harness.client import Connection, request
from harness.nginx import Nginx
from harness.origin import Origin, ok
from harness.resources import documents, gateway, single

SIZE = 1 << 30
BLOCK = 1 << 20
FILES_IP, FILES_PORT = "198.18.1.19", 8080
SINK_IP, SINK_PORT = "198.18.1.20", 9200
READER_SLEEPS_S = 5
# What one stalled transfer may hold: windows and send queues of two connections, not the body.
MEMORY_MAX = 64 << 20
MBUFS_MAX = 12000


def sink(peer, head):
    """Answers an upload with the digest of what arrived."""
    size = int(head.lower().partition(b"content-length:")[2].split()[0])
    if b"/lazy" in head:
        time.sleep(READER_SLEEPS_S)
    peer.send(ok(peer.digest(size).encode()))


@pytest.fixture(scope="module")
def weir(lab, start_weir):
    files = Nginx(lab, "transfer", "v1", FILES_IP, FILES_PORT)
    files.path = files.add_file("big", SIZE, seed=7)
    upload = Origin(lab, SINK_IP, SINK_PORT, sink)
    it = start_weir(lab, documents(
        gateway(), single("files", FILES_IP, FILES_PORT, "files.example.com"),
        single("sink", SINK_IP, SINK_PORT, "sink.example.com")))
    it.big, it.idle_mbufs = files.path, it.metrics().sum("weir_mbuf_in_use")
    yield it
    upload.close()
    files.stop()


def digest_of(path):
    sha = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


@pytest.fixture(scope="module")
def expected(weir):
    return digest_of(weir.big)


def download(conn):
    """The digest of the body that follows on this connection."""
    head = conn.read_until(b"\r\n\r\n").lower()
    left = int(head.partition(b"content-length:")[2].split()[0])
    begun = conn.read_exactly(len(conn.buffer))
    sha, left = hashlib.sha256(begun), left - len(begun)
    while left and (block := conn.sock.recv(BLOCK)):
        sha.update(block)
        left -= len(block)
    assert not left
    return sha.hexdigest()


def test_download(lab, weir, expected):
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("GET", "/files/big", "files.example.com"))
        assert download(conn) == expected


def upload(conn, path, file, size=SIZE):
    conn.send(request("POST", path, "sink.example.com", f"Content-Length: {size}"))
    with open(file, "rb") as f:
        conn.sock.sendfile(f, count=size)
    return conn.read().text


def test_upload(lab, weir, expected):
    with Connection(lab.client, timeout=60) as conn:
        assert upload(conn, "/", weir.big) == expected


def bounded(weir, before):
    """Samples memory while somebody sleeps."""
    end = time.monotonic() + READER_SLEEPS_S - 1
    while time.monotonic() < end:
        assert weir.process.rss() - before < MEMORY_MAX
        assert weir.metrics().sum("weir_mbuf_in_use") < MBUFS_MAX
        time.sleep(0.1)


def test_memory_while_the_client_sleeps(lab, weir, expected):
    before = weir.process.rss()
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("GET", "/files/big", "files.example.com"))
        time.sleep(0.5)
        bounded(weir, before)
        assert download(conn) == expected


def test_memory_while_the_origin_sleeps(lab, weir):
    size = 64 << 20
    before = weir.process.rss()
    with open(weir.big, "rb") as f:
        expected = hashlib.sha256(f.read(size)).hexdigest()
    with Connection(lab.client, timeout=60) as conn:
        conn.send(request("POST", "/lazy", "sink.example.com", f"Content-Length: {size}"))
        conn.sock.setblocking(False)
        with open(weir.big, "rb") as f:
            sent = conn.sock.send(f.read(8 << 20))
        bounded(weir, before)
        conn.sock.settimeout(60 * proc.PATIENCE)
        with open(weir.big, "rb") as f:
            conn.sock.sendfile(f, offset=sent, count=size - sent)
        assert conn.read().text == expected


def test_nothing_is_held_afterwards(lab, weir):
    proc.wait_until("the buffers are back",
                    lambda: weir.metrics().sum("weir_mbuf_in_use") < weir.idle_mbufs + 512)
