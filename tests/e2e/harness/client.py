"""Clients: curl as anybody would use it, and sockets for what curl would never send."""
import re
import select
import socket
import struct
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

from . import proc
from .lab import GW_EXT_IP
from .netns import family_of

TIMEOUT = 10


@dataclass
class Response:
    """An HTTP response. Header names are lower-case; repeated ones stay apart."""
    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""
    version: str = "HTTP/1.1"
    reason: str = ""
    trailers: list = field(default_factory=list)

    def get(self, name, default=None):
        return next((v for n, v in self.headers if n == name.lower()), default)

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def _field_lines(block):
    pairs = (line.split(":", 1) for line in block.split("\r\n") if line)
    return [(name.lower(), value.strip()) for name, value in pairs]


def _parse_head(head):
    start, _, fields = head.decode("latin-1").partition("\r\n")
    m = re.match(r"(HTTP/\d\.\d) (\d{3})(?: (.*))?$", start)
    if not m:
        raise ValueError(f"not a status line: {start!r}")
    return Response(int(m.group(2)), _field_lines(fields), b"", m.group(1), m.group(3) or "")


def curl(ns, url, *options, headers=(), timeout=TIMEOUT):
    """One request by curl from a namespace; status 0 when there was no answer."""
    argv = ["curl", "-s", "-i", "--max-time", str(timeout * proc.PATIENCE)]
    for line in headers:
        argv += ["-H", line]
    done = subprocess.run(ns.exec_argv([*argv, *options, url]), stdout=subprocess.PIPE)
    rest = done.stdout
    response = Response(0)
    # Interim responses come first; the last head is the answer's.
    while rest.startswith(b"HTTP/"):
        head, _, rest = rest.partition(b"\r\n\r\n")
        response = _parse_head(head)
        if response.status >= 200:
            break
    response.body = rest
    return response


class Connection:
    """A TCP connection that sends what it is told and reads responses strictly."""

    def __init__(self, ns, ip=GW_EXT_IP, port=80, timeout=TIMEOUT, rcvbuf=None, source=None):
        self.sock = ns.socket(family_of(ip))
        self.sock.settimeout(timeout * proc.PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((ip, port))
        self.buffer = bytearray()

    def send(self, data):
        self.sock.sendall(data)

    def get(self, path="/", host="test", *lines):
        """A GET and its response."""
        self.send(request("GET", path, host, *lines))
        return self.read()

    def _more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError(f"closed after {bytes(self.buffer[-200:])!r}")
        self.buffer += data

    def _take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read_until(self, mark):
        """What comes before the mark, which is taken too."""
        while (at := self.buffer.find(mark)) < 0:
            self._more()
        return self._take(at + len(mark))[:at]

    def read_exactly(self, n):
        while len(self.buffer) < n:
            self._more()
        return self._take(n)

    def read_to_end(self):
        """Everything up to the close."""
        try:
            while True:
                self._more()
        except EOFError:
            return self._take(len(self.buffer))

    def read(self, method="GET"):
        """The next response, interim ones included, framed as RFC 9112 section 6.3 says."""
        response = _parse_head(self.read_until(b"\r\n\r\n"))
        status = response.status
        if method == "HEAD" or status < 200 or status in (204, 304):
            return response
        if (response.get("transfer-encoding") or "").lower() == "chunked":
            response.body, response.trailers = self._chunked()
        elif response.get("content-length") is not None:
            response.body = self.read_exactly(int(response.get("content-length")))
        else:
            response.body = self.read_to_end()
        return response

    def _chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if not size:
                break
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        trailers = []
        while True:
            line = self.read_until(b"\r\n")
            if not line:
                return body, trailers
            trailers += _field_lines(line.decode("latin-1"))

    def closed(self, within=2.0):
        """Did the peer close, by FIN or RST, with nothing more to say?"""
        self.sock.settimeout(within * proc.PATIENCE)
        try:
            return not self.buffer and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def request(method, path, host, *lines, body=b""):
    """The bytes of a request; `lines` are further header lines."""
    head = "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", f"Host: {host}", *lines))
    return head.encode() + b"\r\n" + body


def tally(ns, n, host, path="/", lines=(), ip=GW_EXT_IP, port=80, connections=1):
    """Who answered n keep-alive requests: a Counter of (status, x-backend)."""
    seen = Counter()
    data = request("GET", path, host, *lines)
    for c in range(connections):
        share = n // connections + (c < n % connections)
        with Connection(ns, ip, port) as conn:
            for _ in range(share):
                conn.send(data)
                answer = conn.read()
                seen[answer.status, answer.get("x-backend")] += 1
    return seen


def _checksum(data):
    words = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(ns, ip, n, interval=0.002, size=56, wait=1.0):
    """n ICMP echo requests; the round trip times in seconds of each, by sequence number.

    Those of a duplicated answer are listed several times, those of a lost one not at all."""
    ident, sent, got = 0x5745, {}, {}
    with ns.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for seq in range(n):
            head = struct.pack("!BBHHH", 8, 0, 0, ident, seq)
            data = bytes(i & 0xFF for i in range(size))
            head = struct.pack("!BBHHH", 8, 0, _checksum(head + data), ident, seq)
            sent[seq] = time.monotonic()
            sock.sendto(head + data, (ip, 0))
            _echoes(sock, sent, got, data, time.monotonic() + interval)
        end = time.monotonic() + wait
        while time.monotonic() < end and len(got) < n:
            _echoes(sock, sent, got, data, time.monotonic() + 0.01)
        _echoes(sock, sent, got, data, time.monotonic() + 0.05)
    return got


def ping6(ns, ip, n, size=56, dev=None, wait=3.0):
    """n ICMPv6 echo requests, one after the other; how many were answered with the same bytes."""
    data, good = bytes(i & 0xFF for i in range(size)), 0
    with ns.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock, ns.entered():
        scope = socket.if_nametoindex(dev) if dev else 0
        for seq in range(n):
            sock.sendto(struct.pack("!BBHHH", 128, 0, 0, 0x5745, seq) + data, (ip, 0, 0, scope))
            end = time.monotonic() + wait * proc.PATIENCE
            while (left := end - time.monotonic()) > 0:
                if not select.select([sock], [], [], left)[0]:
                    break
                packet = sock.recv(1 << 16)
                if packet[:1] == b"\x81" and packet[4:] == struct.pack("!HH", 0x5745, seq) + data:
                    good += 1
                    break
    return good


def _echoes(sock, sent, got, data, until):
    """Files the answers that arrive before `until`; one that differs is a lost one."""
    while (left := until - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            return
        packet = sock.recv(1 << 16)
        message = packet[(packet[0] & 15) * 4:]
        kind, _, _, ident, seq = struct.unpack("!BBHHH", message[:8])
        if (kind, ident) == (0, 0x5745) and message[8:] == data:
            got.setdefault(seq, []).append(time.monotonic() - sent[seq])


@dataclass
class WrkReport:
    """What wrk says at its end."""
    requests: int
    seconds: float
    rate: float
    non_2xx: int
    socket_errors: int
    p99_ms: float     # None when it does not say
    text: str


def parse_wrk(text):
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m),", text)
    if not total:
        raise ValueError(f"wrk: {text}")
    seconds = float(total.group(2)) * {"ms": 0.001, "s": 1, "m": 60}[total.group(3)]
    p99 = re.search(r"^\s+99%\s+([\d.]+)(us|ms|s) *$", text, re.MULTILINE)
    non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       text)
    return WrkReport(requests=int(total.group(1)), seconds=seconds,
                     rate=float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
                     non_2xx=int(non_2xx.group(1)) if non_2xx else 0,
                     socket_errors=sum(map(int, errors.groups())) if errors else 0,
        p99_ms=float(p99.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[p99.group(2)] if p99 else None,
        text=text)


class Wrk:
    """wrk in the client's namespace, running until finish()."""

    def __init__(self, ns, url, host, seconds, connections=64, threads=1, cpus=None):
        self.seconds = seconds
        self.process = proc.Process(
            "wrk", ["wrk", "-t", threads, "-c", connections, "-d", f"{seconds}s",
                    "--latency", "--timeout", "10s", "-H", f"Host: {host}", url], ns=ns, cpus=cpus)

    def running(self):
        return self.process.running()

    def finish(self):
        self.process.wait(self.seconds + 20)
        return parse_wrk(self.process.log())
