"""Memory that does not suffice: what slow readers hold, who pays, and that it passes."""
import select
import socket
import time

import pytest

from harness import proc
from harness.client import Connection, request
from harness.lab import GW_EXT_IP
from harness.nginx import Nginx
from harness.resources import documents, gateway, single

FILES_IP, FILES_PORT = "198.18.1.21", 8080
HOST = "files.example.com"
READERS, SIZE = 400, 3 << 18  # at 64 KiB of window each they can hold more than there is
SLEEP_S = 3


@pytest.fixture(scope="module")
def weir(lab, start_weir):
    files = Nginx(lab, "memory", "v1", FILES_IP, FILES_PORT)
    files.add_file("big", SIZE, seed=3)
    it = start_weir(
        lab, documents(gateway(), single("files", FILES_IP, FILES_PORT, HOST)),
        dataplane={"memory": "64MiB", "hugepages": "off", "connections": 2000})
    # Slabs and caches fill with the first requests.
    with Connection(lab.client) as conn:
        conn.get("/", HOST)
    yield it
    files.stop()


class Readers:
    """Clients that ask for a large file and read when they are told to."""

    def __init__(self, ns, n):
        self.left, self.broken, self.done = {}, 0, 0
        self.socks = {}
        with ns.entered():
            for _ in range(n):
                sock = socket.socket()
                sock.settimeout(10 * proc.PATIENCE)
                self.socks[sock.fileno()] = sock
        for fd, sock in self.socks.items():
            sock.connect((GW_EXT_IP, 80))
            sock.sendall(request("GET", "/files/big", HOST, "Connection: close"))
            sock.setblocking(False)
            self.left[fd] = SIZE

    def read(self, timeout):
        """Reads until each is through or broken, or for so long."""
        poll = select.epoll()
        for fd in self.left:
            poll.register(fd, select.EPOLLIN)
        end = time.monotonic() + timeout * proc.PATIENCE
        while self.left and time.monotonic() < end:
            for fd, _ in poll.poll(0.5):
                if not self._read_some(fd):
                    poll.unregister(fd)
                    del self.left[fd]
        poll.close()

    def _read_some(self, fd):
        """False at the end, good or bad. The head is a few hundred bytes more than the size."""
        try:
            data = self.socks[fd].recv(1 << 16)
        except ConnectionResetError:
            self.broken += 1
            return False
        self.left[fd] -= len(data)
        if not data:
            self.done += self.left[fd] <= 0
            self.broken += self.left[fd] > 0
        return bool(data)

    def close(self):
        for sock in self.socks.values():
            sock.close()


def shed(metrics):
    return metrics.sum("weir_tcp_shed_total") + metrics.sum("weir_http_shed_total")


def test_slow_readers_do_not_take_it_all(lab, weir):
    """They hold more than there is, for a while; then they read, and all is as before."""
    idle = weir.metrics().sum("weir_mbuf_in_use")
    readers = Readers(lab.client, READERS)
    try:
        time.sleep(SLEEP_S)
        assert weir.ready()
        # A few may still wait for a backend's retransmission, which had backed off for long.
        readers.read(60)
        assert len(readers.left) <= READERS // 20, f"{len(readers.left)} of {READERS} hang"
    finally:
        readers.close()
    metrics = weir.metrics()
    # Who was cut off was cut off for want of memory, and that is the exception. nginx gives up
    # itself when its kernel's retransmissions have backed off beyond its send_timeout.
    impatient = metrics.sum("weir_upstream_resets_total")
    assert readers.broken <= shed(metrics) + impatient, metrics
    assert readers.done >= READERS // 2
    proc.wait_until("the buffers are back",
                    lambda: weir.metrics().sum("weir_mbuf_in_use") < idle + 600)
    assert weir.metrics().sum("weir_tcp_memory_pressure") == 0


def test_readers_that_never_read_are_outlived(lab, weir):
    """Who comes later is served, at the cost of those who hold everything and take nothing."""
    readers = Readers(lab.client, READERS)
    try:
        for _ in range(5):
            with Connection(lab.client, timeout=15) as conn:
                answer = conn.get("/files/big", HOST)
                assert answer.status == 200 and len(answer.body) == SIZE
            time.sleep(1)
    finally:
        readers.close()
