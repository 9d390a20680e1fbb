"""A backend that does what a test tells it to, byte by byte, and keeps what it was sent."""
import contextlib
import hashlib
import re
import socket
import threading

from . import proc
from .netns import family_of

RECV = 1 << 18


class Close(Exception):
    """Raised by a handler that closes the connection."""


class Peer:
    """One accepted connection, in the hands of the test's handler."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.sock.settimeout(30 * proc.PATIENCE)

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        data = self.sock.recv(RECV)
        if not data:
            raise EOFError
        self.buffer += data

    def take(self, n):
        """The next n bytes of what has come already, or all of it."""
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def head(self):
        """The next request's head, blank line included; None when the peer closed instead."""
        try:
            return self.read_until(b"\r\n\r\n")
        except EOFError:
            return None

    def read_until(self, mark):
        """Everything up to the mark, and the mark."""
        while (at := self.buffer.find(mark)) < 0:
            self._more()
        return self.take(at + len(mark))

    def read_exactly(self, n):
        while len(self.buffer) < n:
            self._more()
        return self.take(n)

    def chunk(self):
        """The next chunk's data; empty at the last one, whose trailers stay unread."""
        size = self.read_until(b"\r\n").split(b";")[0]
        data = self.read_exactly(int(size, 16))
        if data:
            self.read_exactly(2)
        return data

    def body(self, head):
        """The body that this head announces."""
        if re.search(rb"(?im)^transfer-encoding:\s*chunked\s*$", head):
            whole = b"".join(iter(self.chunk, b""))
            while self.read_until(b"\r\n") != b"\r\n":
                pass  # trailers
            return whole
        length = re.search(rb"(?im)^content-length:\s*(\d+)\s*$", head)
        return self.read_exactly(int(length.group(1))) if length else b""

    def digest(self, n):
        """SHA-256 of the next n bytes, without keeping them."""
        begun = self.take(n)
        sha, left = hashlib.sha256(begun), n - len(begun)
        block = bytearray(RECV)
        while left:
            got = self.sock.recv_into(block, min(left, RECV))
            if not got:
                raise EOFError
            sha.update(memoryview(block)[:got])
            left -= got
        return sha.hexdigest()


class Origin:
    """Listens behind the gateway; handler(peer, head) answers each request.

    The handler can be exchanged at any time, `origin.handler = ...`: the next request counts,
    also on a connection that the gateway keeps."""

    def __init__(self, lab, ip, port, handler=None):
        self.ip, self.port = ip, port
        self.handler = handler or echo
        self.connections = 0
        lab.add_backend_ip(ip)
        self.listener = lab.back.socket(family_of(ip))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ip, port))
        self.listener.listen(1024)
        self.peers = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.peers.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        peer = Peer(sock)
        with sock, contextlib.suppress(OSError, EOFError, Close):
            while (head := peer.head()) is not None:
                self.handler(peer, head)

    def close(self):
        # shutdown wakes the thread in accept; close alone does not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.peers:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def ok(body=b"", *lines):
    """The bytes of a 200."""
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def echo(peer, head):
    """Answers with the request as it came: head, blank line, body."""
    if re.search(rb"(?im)^expect:\s*100-continue", head):
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    peer.send(ok(head + peer.body(head), b"Content-Type: application/octet-stream"))


def always(answer, close=False):
    """A handler that sends these bytes whatever it is asked."""
    def handler(peer, head):
        peer.send(answer)
        if close:
            raise Close

    return handler


def fields(head):
    """[(name in lower case, value)] of a head as text."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [(name.lower(), value.strip()) for name, value in pairs]
