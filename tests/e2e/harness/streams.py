"""Servers of bytes behind the gateway: what a connection is given is a function's business."""
import contextlib
import re
import socket
import threading

from . import proc
from .netns import family_of

BLOCK = 1 << 18


class Streams:
    """Each listen() is a server: serve(sock) has the connection until it returns."""

    def __init__(self, lab):
        self.lab, self.listeners, self.open = lab, [], []

    def listen(self, ip, port, serve):
        self.lab.add_backend_ip(ip)
        sock = self.lab.back.socket(family_of(ip))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
        sock.listen(1024)
        self.listeners.append(sock)
        threading.Thread(target=self._accept, args=(sock, serve), daemon=True).start()

    def _accept(self, listener, serve):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(60 * proc.PATIENCE)
            self.open.append(sock)
            threading.Thread(target=self._serve, args=(sock, serve), daemon=True).start()

    @staticmethod
    def _serve(sock, serve):
        with sock, contextlib.suppress(OSError, EOFError):
            serve(sock)

    def stop(self):
        for sock in self.listeners + self.open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for sock in self.listeners:
            sock.close()


def echo(sock):
    """Everything comes back; the end, too, behind a last word."""
    while data := sock.recv(BLOCK):
        sock.sendall(data)
    sock.sendall(b"bye")


def say(text):
    """A server that says it at once and closes."""
    def serve(sock):
        sock.sendall(text)

    return serve


def keep(sock):
    """Takes what comes, says nothing and does not close."""
    while sock.recv(BLOCK):
        pass


def read_head(sock):
    """An HTTP head, and what has come behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(BLOCK)
        if not more:
            raise EOFError
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


class PostProxy:
    """Grants every POST with a chunked body, and echoes that body's content as its own answer's
    body, chunked; `heads` is what it was asked."""

    def __init__(self):
        self.heads = []

    def __call__(self, sock):
        head, rest = read_head(sock)
        self.heads.append(head)
        assert re.search(rb"(?im)^transfer-encoding: chunked$", head.replace(b"\r", b""))
        sock.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        stream = _Behind(rest, sock)
        while size := int(stream.readline(), 16):
            data = stream.read(size)
            assert stream.readline() == b"\r\n"
            sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        sock.sendall(b"0\r\n\r\n")


class _Behind:
    """A file of bytes that were read already and those that follow."""

    def __init__(self, begun, sock):
        self.data, self.sock = begun, sock

    def _more(self):
        more = self.sock.recv(BLOCK)
        if not more:
            raise EOFError
        self.data += more

    def _take(self, n):
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def readline(self):
        while b"\n" not in self.data:
            self._more()
        return self._take(self.data.index(b"\n") + 1)

    def read(self, n):
        while len(self.data) < n:
            self._more()
        return self._take(n)
