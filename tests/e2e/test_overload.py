"""Memory that does not suffice: what is given up first, through the real gateway, and that it ends."""
import socket
import threading
import time

import pytest

from harness import proc
from harness.client import Connection, request
from harness.counting import Counting
from harness.lab import GW_EXT_IP
from harness.nginx import Nginx
from harness.resources import documents, gateway, single

FILES_IP, FILES_PORT, FILES = "198.18.1.22", 8080, "files.test"
ASK_IP, ASK_PORT, ASK = "198.18.1.78", 8081, "ask.test"
IDLE, BUSY, READERS, SIZE = 20, 10, 600, 3 << 18

# In the order in which they may be used (docs/operations.md).
REFUSED = ("weir_tcp_drops_total", {"reason": "memory_new"})
CLOSED = ("weir_http_shed_total", {"what": "connection"})
NOT_SERVED = ("weir_http_shed_total", {"what": "request"})
RESET = ("weir_tcp_shed_total", {})


@pytest.fixture(scope="module")
def weir(lab, start_weir):
    files, asked = Nginx(lab, "overload", "v1", FILES_IP, FILES_PORT), Counting(lab)
    files.add_file("big", SIZE, seed=5)
    asked.listen(ASK_IP, ASK_PORT)
    it = start_weir(
        lab, documents(gateway(), single("files", FILES_IP, FILES_PORT, FILES),
                       single("ask", ASK_IP, ASK_PORT, ASK)),
        dataplane={"memory": "64MiB", "hugepages": "off", "connections": 3000})
    with Connection(lab.client) as conn:
        conn.get("/", FILES)
    yield it
    files.stop()
    asked.stop()


class Deaf:
    """Clients that ask for a large file and never read; more of them until it is enough, without
    a pause in which the gateway would have nobody to refuse."""

    def __init__(self, ns):
        self.ns, self.socks = ns, []

    def more(self, n):
        with self.ns.entered():
            for _ in range(n):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex((GW_EXT_IP, 80))
                self.socks.append(sock)
                time.sleep(0.004)
                self._ask(self.socks[-min(len(self.socks), 10)])

    @staticmethod
    def _ask(sock):
        try:
            sock.send(request("GET", "/files/big", FILES))
        except OSError:
            pass  # it was not let in, which is the point

    def close(self):
        for sock in self.socks:
            sock.close()


class Busy(threading.Thread):
    """Asks on one connection, again and again, until it is told 503 or cut off."""

    def __init__(self, ns):
        super().__init__(daemon=True)
        self.conn, self.seen, self.ended = Connection(ns, timeout=30), [], False
        self.start()

    def run(self):
        try:
            while not self.ended and 503 not in self.seen:
                self.seen.append(self.conn.get("/0.05/x", ASK).status)
        except (OSError, EOFError):
            pass
        self.conn.close()


class Watch(threading.Thread):
    """When each counter was first seen to move."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.first, self.ended = weir, {}, False
        self.before = self._read()
        self.start()

    def _read(self):
        metrics = self.weir.metrics()
        return {n + str(labels): metrics.sum(n, **labels)
                for n, labels in (REFUSED, CLOSED, NOT_SERVED, RESET)}

    def run(self):
        while not self.ended:
            now = time.monotonic()
            for name, value in self._read().items():
                if value > self.before[name]:
                    self.first.setdefault(name, now)
            time.sleep(0.02)

    def at(self, what):
        return self.first.get(what[0] + str(what[1]))


def is_closed(conn):
    """Has the gateway ended it? Nobody sends anything else."""
    conn.sock.setblocking(False)
    try:
        return conn.sock.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_in_this_order_and_then_it_is_over(lab, weir):
    idle = [Connection(lab.client) for _ in range(IDLE)]
    for conn in idle:
        assert conn.get("/", ASK).status == 200
    busy = [Busy(lab.client) for _ in range(BUSY)]
    buffers = weir.metrics().sum("weir_mbuf_in_use")
    watch, deaf = Watch(weir), Deaf(lab.client)
    try:
        end = time.monotonic() + 20 * proc.PATIENCE
        while watch.at(RESET) is None and time.monotonic() < end:
            deaf.more(READERS // 10)
        assert watch.at(RESET), watch.first
        assert weir.ready()
    finally:
        watch.ended = True
        watch.join()
        deaf.close()
    assert watch.at(CLOSED) and watch.at(NOT_SERVED), watch.first
    # A scrape sees what happened since the last one, so the same moment is in order, too.
    assert watch.at(REFUSED) <= watch.at(CLOSED) <= watch.at(NOT_SERVED) <= watch.at(RESET)
    assert all(map(is_closed, idle))
    for it in busy:
        it.ended = True
        it.join(30)
        assert not it.is_alive(), "a request hangs"
        assert set(it.seen) <= {200, 503}
    assert any(503 in it.seen for it in busy)
    proc.wait_until("the buffers are back",
                    lambda: weir.metrics().sum("weir_mbuf_in_use") < buffers + 600)
    proc.wait_until("it is over", lambda: weir.metrics().sum("weir_tcp_memory_pressure") == 0)
    with Connection(lab.client) as conn:
        for _ in range(20):
            assert conn.get("/", ASK).status == 200
    flags = [r for r in weir.access_log() if r["response_code_details"] == "overload"]
    assert flags and all(r["response_flags"] == "UO" for r in flags)
