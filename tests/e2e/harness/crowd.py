"""Thousands of keep-alive connections from one kernel client, all open at once."""
import re
import select
import socket
import time
from collections import Counter

from . import proc
from .client import request
from .lab import GW_EXT_IP


BACKEND = re.compile(r"\r\nx-backend: (\S+)", re.I)


class Crowd:
    """n connections; each round sends one request on every one of them."""

    def __init__(self, ns, n, host, in_flight=500, port=80):
        self.n, self.in_flight = n, in_flight
        self.data = request("GET", "/", host)
        self.poll = select.epoll()
        self.socks = {}
        self.errors = []
        self.seen = Counter()  # (status, x-backend) of every answer so far
        with ns.entered():
            for sock in (socket.socket() for _ in range(n)):
                sock.setblocking(False)
                self.socks[sock.fileno()] = sock
        self._connect((GW_EXT_IP, port))

    def _connect(self, address):
        """Opens them in waves: a listener's backlog is not what is under test."""
        waiting, pending = list(self.socks), set()
        end = time.monotonic() + 60 * proc.PATIENCE
        while (waiting or pending) and time.monotonic() < end:
            while waiting and len(pending) < self.in_flight:
                fd = waiting.pop()
                self.socks[fd].connect_ex(address)
                self.poll.register(fd, select.EPOLLOUT)
                pending.add(fd)
            for fd, _ in self.poll.poll(0.5):
                error = self.socks[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    self.errors.append(error)
                pending.discard(fd)
                self.poll.modify(fd, select.EPOLLIN)
        if waiting or pending:
            raise TimeoutError(f"{len(waiting) + len(pending)} of {self.n} did not connect")

    def round(self, timeout=60):
        """How many were answered with 200."""
        waiting, pending, good = list(self.socks), {}, 0
        end = time.monotonic() + timeout * proc.PATIENCE
        while (waiting or pending) and time.monotonic() < end:
            while waiting and len(pending) < self.in_flight:
                fd = waiting.pop()
                self.socks[fd].send(self.data)
                pending[fd] = b""
            for fd, _ in self.poll.poll(0.5):
                if fd not in pending:
                    self.errors.append("unasked")
                    self.poll.unregister(fd)
                    continue
                good += self._read(fd, pending)
        return good

    def _read(self, fd, pending):
        """Takes what came; 1 when that completes a 200. The backends' bodies end in a newline."""
        try:
            data = self.socks[fd].recv(65536)
        except OSError as problem:
            data = b""
            self.errors.append(problem)
        pending[fd] += data
        if data and not pending[fd].endswith(b"}\n"):
            return 0
        answer = pending.pop(fd).decode("latin-1")
        status, backend = answer[9:12], BACKEND.search(answer)
        self.seen[int(status or 0), backend and backend.group(1)] += 1
        return status == "200"

    def close(self):
        self.poll.close()
        for sock in self.socks.values():
            sock.close()
