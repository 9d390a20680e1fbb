"""Servers that count, by port: connections, requests, and the most of those at once."""
import re
import socket
import threading
import time
from dataclasses import dataclass, field

from .netns import family_of


@dataclass
class Tally:
    """What one port has seen, at all addresses."""
    connections: int = 0
    requests: int = 0
    busy: int = 0               # requests in progress
    peak: int = 0               # the most of them
    order: list = field(default_factory=list)   # the paths, as they came


def response(key, status, fields=b""):
    """Says which (ip, port) it is from; fields are whole lines."""
    body = f"{key[0]}:{key[1]}".encode()
    return (b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nx-backend: %s\r\n%s\r\n%s"
            % (status, len(body), body, fields, body))


class Counting:
    """Answers on every (ip, port) it is asked to listen on. /SECONDS/... waits before it answers;
    `status` is what a port answers with, `wait` how many seconds it takes otherwise."""

    def __init__(self, lab):
        self.lab, self.lock, self.listeners = lab, threading.Lock(), []
        self.tallies, self.status, self.wait = {}, {}, {}

    def listen(self, ip, port):
        self.lab.add_backend_ip(ip)
        sock = self.lab.back.socket(family_of(ip))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
        sock.listen(1024)
        self.listeners.append(sock)
        self.tallies.setdefault(port, Tally())
        threading.Thread(target=self._accept, args=(sock, (ip, port)), daemon=True).start()

    def stop(self):
        for sock in self.listeners:
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self, sock, key):
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn, key), daemon=True).start()

    def _serve(self, conn, key):
        tally = self.tallies[key[1]]
        with self.lock:
            tally.connections += 1
        with conn:
            try:
                self._requests(conn, key, tally)
            except OSError:
                pass

    def _requests(self, conn, key, tally):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = conn.recv(65536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            with self.lock:
                tally.requests += 1
                tally.busy += 1
                tally.peak = max(tally.peak, tally.busy)
                tally.order.append(path)
                seconds = self.wait.get(key, 0)
            answer = self.answer(key, path, head)
            wait = re.match(r"/([0-9.]+)/", path)
            if wait or seconds:
                time.sleep(float(wait.group(1)) if wait else seconds)
            with self.lock:
                tally.busy -= 1
            conn.sendall(answer)

    def answer(self, key, path, head):
        """What (ip, port) says to a request."""
        return response(key, self.status.get(key, 200))
