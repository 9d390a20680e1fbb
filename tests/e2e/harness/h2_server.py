"""An HTTP/2 server that speaks in frames it is told to, and no HPACK but literals (RFC 7541 6.2.2):
what a well-behaved one would never do. Requests are told apart by their order, not their fields."""
import contextlib
import hashlib
import socket
import struct
import threading

from . import proc
from .netns import family_of

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS = 4
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM = 0, 2, 7
MAX_CONCURRENT_STREAMS = 3
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def literal(name, value):
    """A field, neither indexed nor compressed."""
    return b"\0" + b"".join(bytes([len(s)]) + s for s in (name, value))


def block(*fields):
    return b"".join(literal(name.encode(), str(value).encode()) for name, value in fields)


class Stream:
    """A request, in the hands of the test's handler once all of it has come."""

    def __init__(self, conn, number):
        self.conn, self.number = conn, number
        self.size, self.sha = 0, hashlib.sha256()

    @property
    def server(self):
        return self.conn.server

    def respond(self, body=b"", *fields, status=200, trailers=()):
        """A whole response; the body must fit into the peer's windows."""
        self.conn.send(HEADERS, END_HEADERS | (0 if body or trailers else END_STREAM), self.number,
                       block((":status", status), ("content-length", len(body)), *fields))
        for at in range(0, len(body), 16384):
            last = at + 16384 >= len(body) and not trailers
            self.conn.send(DATA, END_STREAM if last else 0, self.number, body[at:at + 16384])
        if trailers:
            self.conn.send(HEADERS, END_HEADERS | END_STREAM, self.number, block(*trailers))

    def reset(self, code):
        self.conn.send(RST_STREAM, 0, self.number, struct.pack("!I", code))


class Conn:
    """One accepted connection."""

    def __init__(self, server, sock):
        self.server, self.sock, self.streams = server, sock, {}
        self.lock, self.last = threading.Lock(), 0
        self.leaving = None  # the last stream that is served, after GOAWAY

    def send(self, kind, flags, stream, payload=b""):
        head = struct.pack("!I", len(payload))[1:] + bytes([kind, flags])
        with self.lock, contextlib.suppress(OSError):
            self.sock.sendall(head + struct.pack("!I", stream) + payload)

    def goaway(self, last):
        """Streams above `last` are not looked at; the connection ends when the others have."""
        self.leaving = last
        self.send(GOAWAY, 0, 0, struct.pack("!II", last, NO_ERROR))

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def serve(self):
        limit = self.server.max_streams
        assert self._exactly(len(PREFACE)) == PREFACE
        setting = struct.pack("!HI", MAX_CONCURRENT_STREAMS, limit) if limit else b""
        self.send(SETTINGS, 0, 0, setting)
        while True:
            head = self._exactly(9)
            size, kind, flags = struct.unpack("!I", b"\0" + head[:3])[0], head[3], head[4]
            self._frame(kind, flags, struct.unpack("!I", head[5:])[0], self._exactly(size))

    def _frame(self, kind, flags, number, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.server.pings += 1
            if self.server.answers_pings:
                self.send(PING, ACK, 0, payload)
        elif kind == RST_STREAM:
            self.streams.pop(number, None)
        elif kind == HEADERS:
            self.streams[number] = Stream(self, number)
            self.last = max(self.last, number)
        elif kind == DATA and payload:
            self._data(number, payload)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._request(number)

    def _data(self, number, payload):
        more = struct.pack("!I", len(payload))
        self.send(WINDOW_UPDATE, 0, 0, more)
        self.send(WINDOW_UPDATE, 0, number, more)
        if number in self.streams:
            self.streams[number].size += len(payload)
            self.streams[number].sha.update(payload)

    def _request(self, number):
        stream = self.streams.pop(number, None)
        if stream and (self.leaving is None or number <= self.leaving):
            self.server.take(stream)


class H2Server:
    """Listens behind the gateway; handler(stream) answers each request, in a thread of its own when
    `threads`."""

    def __init__(self, lab, ip, port, handler=None, max_streams=0, threads=False):
        self.ip, self.port, self.max_streams, self.threads = ip, port, max_streams, threads
        self.handler = handler or (lambda stream: stream.respond(b"ok"))
        self.lock, self.answers_pings = threading.Lock(), True
        self.connections = self.requests = self.busy = self.peak = self.open = self.pings = 0
        self.socks = []
        lab.add_backend_ip(ip)
        self.listener = lab.back.socket(family_of(ip))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ip, port))
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        """Counts from nothing."""
        self.connections = self.requests = self.pings = 0
        self.peak = self.busy

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(60 * proc.PATIENCE)
            self.socks.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self.lock:
            self.connections += 1
            self.open += 1
        with sock, contextlib.suppress(OSError, EOFError):
            Conn(self, sock).serve()
        with self.lock:
            self.open -= 1

    def take(self, stream):
        with self.lock:
            self.requests += 1
            self.busy += 1
            self.peak = max(self.peak, self.busy)
        if self.threads:
            threading.Thread(target=self._handle, args=(stream,), daemon=True).start()
        else:
            self._handle(stream)

    def _handle(self, stream):
        self.handler(stream)
        with self.lock:
            self.busy -= 1

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
