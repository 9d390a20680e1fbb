"""HTTP/1.1 through the gateway, byte by byte on both sides."""
import re
import threading
import time
import uuid

import pytest

from conftest import conformance
from harness.client import Connection, request
from harness.lab import CLIENT_IP, GW_EXT_IP
from harness.origin import Origin, always, echo, fields, ok
from harness.resources import documents, gateway, service, single, virtual_service, workload

HOST = "test.example.com"
ORIGIN_IP, ORIGIN_PORT = "198.18.1.20", 9100
CONFORMANCE_PORT = 9101
TIMEOUT_S = 4  # of everything that a silent client can hold up
SIP, SIP_RATE, BODY = 4096, 12 << 10, 3 << 19
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def origin(lab):
    it = Origin(lab, ORIGIN_IP, ORIGIN_PORT)
    yield it
    it.close()


@pytest.fixture(scope="module")
def weir(lab, origin, start_weir):
    return start_weir(lab, documents(
        gateway(), single("origin", ORIGIN_IP, ORIGIN_PORT, HOST),
        service("checks", CONFORMANCE_PORT), workload("checks", "v1", CLIENT_IP),
        virtual_service("checks", ["checks.example.com"],
                        "[{route: [{destination: {host: checks}}]}]")),
        http={name: f"{TIMEOUT_S}s"
              for name in ("idleTimeout", "headerTimeout", "streamIdleTimeout")})


@pytest.fixture
def conn(lab, weir, origin):
    origin.handler = echo
    with Connection(lab.client) as it:
        yield it


def test_black_box(lab, weir):
    program = conformance("http_blackbox.py")
    timeouts = [word for name in ("header", "body", "idle", "upstream")
                for word in (f"--{name}-timeout", TIMEOUT_S)]
    done = lab.client.run("/usr/bin/python3", "-B", program, "--proxy", f"{GW_EXT_IP}:80",
                          "--backend", f"{CLIENT_IP}:{CONFORMANCE_PORT}", "--host", "checks.example.com",
                          *timeouts, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:]


def test_keep_alive(conn):
    for i in range(50):
        answer = conn.get(f"/{i}", HOST)
        assert answer.status == 200 and answer.body.startswith(b"GET /%d HTTP/1.1\r\n" % i)


def test_upstream_connections_are_reused(conn, origin):
    conn.get("/", HOST)
    before = origin.connections
    for _ in range(20):
        conn.get("/", HOST)
    assert origin.connections == before


def test_pipelining_keeps_the_order(conn):
    conn.send(b"".join(request("GET", f"/{i}", HOST) for i in range(100)))
    for i in range(100):
        assert conn.read().body.startswith(b"GET /%d HTTP/1.1" % i)


@pytest.mark.parametrize("step", [1, 7, 100])
def test_request_in_pieces(conn, step):
    data = request("POST", "/pieces", HOST, "Content-Length: 10", body=b"0123456789")
    for at in range(0, len(data), step):
        conn.send(data[at:at + step])
        time.sleep(0.001)
    answer = conn.read()
    assert answer.status == 200 and answer.body.endswith(b"\r\n\r\n0123456789")


def test_chunked_request(conn):
    conn.send(request("POST", "/", HOST, "Transfer-Encoding: chunked",
                      body=b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n"))
    head, _, body = conn.read().body.partition(b"\r\n\r\n")
    assert b"hello world" in body or body == b"hello world"
    assert not (b"content-length" in head.lower() and b"transfer-encoding" in head.lower())
    assert conn.get("/after", HOST).status == 200


def test_chunked_response(conn, origin):
    blocks = (b"one", b"two" * 1000, b"three" * 20000)
    body = b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks)
    origin.handler = always(CHUNKED + body + b"0\r\n\r\n")
    assert conn.get("/", HOST).body == b"".join(blocks)
    assert conn.get("/", HOST).status == 200


def test_response_that_ends_with_the_connection(conn, origin):
    origin.handler = always(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"z" * 50000,
                            close=True)
    answer = conn.get("/", HOST)
    assert answer.body == b"z" * 50000
    origin.handler = echo
    if answer.get("transfer-encoding"):
        # Chunks on this side have an end of their own.
        assert conn.get("/next", HOST).status == 200
    else:
        assert conn.closed()


@pytest.mark.parametrize("method,answer,status", [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", 304),
])
def test_answers_without_a_body(conn, origin, method, answer, status):
    origin.handler = always(answer)
    for _ in range(3):
        conn.send(request(method, "/", HOST))
        got = conn.read(method)
        assert got.status == status and not got.body


def test_expect_100_continue(conn):
    conn.send(request("POST", "/", HOST, "Content-Length: 4", "Expect: 100-continue"))
    assert conn.read().status == 100
    conn.send(b"body")
    answer = conn.read()
    assert answer.status == 200 and answer.body.endswith(b"\r\n\r\nbody")


def test_final_answer_instead_of_continue(conn, origin):
    origin.handler = always(
        b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", close=True)
    conn.send(request("POST", "/", HOST, "Content-Length: 4", "Expect: 100-continue"))
    assert conn.read().status == 417


def test_interim_responses_pass(conn, origin):
    origin.handler = always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"done"))
    hint = conn.get("/", HOST)
    assert (hint.status, hint.get("link")) == (103, "</a>")
    assert conn.read().body == b"done"


def test_http_10_client(conn):
    conn.send(b"GET /old HTTP/1.0\r\nHost: test.example.com\r\n\r\n")
    answer = conn.read()
    assert answer.status == 200 and b"/old HTTP/1.1" in answer.body
    assert conn.closed()


def test_http_10_client_gets_no_chunks(conn, origin):
    origin.handler = always(CHUNKED + b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
    conn.send(b"GET / HTTP/1.0\r\nHost: test.example.com\r\n\r\n")
    answer = conn.read()
    assert answer.get("transfer-encoding") is None and answer.body == b"abcdef"


def test_connection_close_is_honoured(conn):
    answer = conn.get("/", HOST, "Connection: close")
    assert answer.status == 200 and (answer.get("connection") or "").lower() == "close"
    assert conn.closed()


def test_hop_by_hop_headers_stay_on_their_hop(conn, origin):
    seen = []

    def handler(peer, head):
        seen.append(dict(fields(head)))
        peer.send(ok(b"", b"Connection: x-hop", b"X-Hop: 1", b"Keep-Alive: timeout=5",
                     b"X-End: 1"))

    origin.handler = handler
    answer = conn.get("/", HOST, "Connection: keep-alive, X-Secret", "X-Secret: 1",
                      "Keep-Alive: 300", "Proxy-Connection: keep-alive", "TE: trailers",
                      "X-Kept: 1")
    assert not {"x-secret", "keep-alive", "proxy-connection"} & set(seen[0])
    assert seen[0]["x-kept"] == "1"
    assert answer.get("x-hop") is None and answer.get("keep-alive") is None
    assert answer.get("x-end") == "1"


def sent_upstream(conn, *lines):
    return fields(conn.get("/", HOST, *lines).body.partition(b"\r\n\r\n")[0])


def test_forwarded_headers(conn):
    got = dict(sent_upstream(conn))
    assert got["x-forwarded-for"] == CLIENT_IP
    assert got["x-forwarded-proto"] == "http"
    assert got["host"] == HOST
    assert uuid.UUID(got["x-request-id"])


def test_forwarded_for_is_appended_to(conn):
    chain = [v for n, v in sent_upstream(conn, "X-Forwarded-For: 192.0.2.9")
             if n == "x-forwarded-for"]
    assert re.sub(r"\s", "", ",".join(chain)) == f"192.0.2.9,{CLIENT_IP}"


def test_request_ids_differ(conn):
    ids = [dict(sent_upstream(conn))["x-request-id"] for _ in range(20)]
    assert len(set(ids)) == 20


BAD = [  # name, bytes
    ("length-and-chunked", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length: 4\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two-lengths", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length: 4\r\nContent-Length: 5"
     b"\r\n\r\nabcd"),
    ("length-list", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length: 4, 5\r\n\r\nabcd"),
    ("length-sign", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length: +4\r\n\r\nabcd"),
    ("length-huge", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length: 99999999999999999999"
     b"\r\n\r\n"),
    ("chunked-not-last", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nTransfer-Encoding: chunked, gzip"
     b"\r\n\r\n"),
    ("space-before-colon", b"GET / HTTP/1.1\r\nHost: test.example.com\r\nContent-Length : 0\r\n\r\n"),
    ("folded", b"GET / HTTP/1.1\r\nHost: test.example.com\r\nX-A: 1\r\n 2\r\n\r\n"),
    ("nul", b"GET / HTTP/1.1\r\nHost: test.example.com\r\nX-A: \0\r\n\r\n"),
    ("bare-cr", b"GET / HTTP/1.1\r\nHost: test.example.com\r\nX-A: a\rb\r\n\r\n"),
    ("no-host", b"GET / HTTP/1.1\r\n\r\n"),
    ("two-hosts", b"GET / HTTP/1.1\r\nHost: test.example.com\r\nHost: test.example.com\r\n\r\n"),
    ("chunk-size", b"POST / HTTP/1.1\r\nHost: test.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"xyz\r\n"),
    ("not-http", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
]


@pytest.mark.parametrize("data", [b for _, b in BAD], ids=[n for n, _ in BAD])
def test_ambiguous_framing_is_refused(conn, data):
    conn.send(data + request("GET", "/smuggled", HOST))
    assert conn.read().status == 400
    assert conn.closed(), "what follows on this connection has no known beginning"


def test_header_limit(conn):
    # 61 KiB: more than the limit by so little that all of it has left before the answer is read.
    conn.send(request("GET", "/", HOST, *(f"X-{i}: {'a' * 1000}" for i in range(61))))
    assert conn.read().status == 431


def test_unread_answers_hold_back_only_their_reader(lab, weir, origin):
    """A client that does not read stops its own sender; another one notices nothing."""
    stopped = threading.Event()

    def flood(peer, head):
        if b"/flood" not in head:
            peer.send(ok(b"quick"))
            return
        peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        peer.sock.settimeout(1.5)
        try:
            for _ in range(4096):
                peer.send(b"f" * 65536)
        except TimeoutError:
            stopped.set()

    origin.handler = flood
    with Connection(lab.client, rcvbuf=65536) as slow, Connection(lab.client) as quick:
        slow.send(request("GET", "/flood", HOST))
        assert stopped.wait(20), "256 MiB went into a gateway whose client reads nothing"
        assert quick.get("/", HOST).body == b"quick"


def trickle(conn, seconds):
    """Reads slower than the gateway asks its upstream for more; bytes read."""
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        n += len(conn.sock.recv(SIP))
        time.sleep(SIP / SIP_RATE)
    return n


def read_on(conn):
    n = 0
    while data := conn.sock.recv(BODY):
        n += len(data)
    return n


@pytest.mark.parametrize("stops", [False, True])
def test_a_reader_may_be_slow_but_not_stop(lab, weir, origin, stops):
    origin.handler = always(ok(b"s" * BODY))
    with Connection(lab.client, rcvbuf=SIP, timeout=30) as conn:
        conn.send(request("GET", "/", HOST, "Connection: close"))
        conn.read_until(b"\r\n\r\n")
        n = len(conn.buffer) + trickle(conn, 1.5 * TIMEOUT_S)
        if stops:
            time.sleep(1.25 * TIMEOUT_S)
        n += read_on(conn)
        assert n < BODY if stops else n == BODY


HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def test_websocket_upgrade(conn, origin):
    def tunnel(peer, head):
        assert dict(fields(head))["upgrade"].lower() == "websocket"
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  b"Upgrade: websocket\r\n"
                  b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello")
        while data := peer.take(65536) or peer.sock.recv(65536):
            peer.send(data.upper())

    origin.handler = tunnel
    conn.send(request("GET", "/chat", HOST, *HANDSHAKE))
    answer = conn.read()
    assert answer.status == 101 and answer.get("upgrade") == "websocket"
    assert conn.read_exactly(5) == b"hello"
    for i in range(20):
        conn.send(b"frame %d\x00\xff" % i)
        assert conn.read_exactly(len(b"frame %d\x00\xff" % i)) == b"FRAME %d\x00\xff" % i


def test_upgrade_refused_by_the_origin(conn, origin):
    origin.handler = echo
    conn.send(request("GET", "/chat", HOST, *HANDSHAKE))
    assert conn.read().status == 200
    assert conn.get("/", HOST).status == 200


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nBad Name: 1\r\n\r\n",
    b"nonsense\r\n\r\n",
], ids=["two-lengths", "bad-name", "not-http"])
def test_malformed_answers_are_not_passed_on(conn, origin, answer):
    origin.handler = always(answer, close=True)
    got = conn.get("/", HOST)
    assert got.status == 502 and "protocol error" in got.text


def test_origin_that_closes_before_answering(conn, origin):
    origin.handler = always(b"", close=True)
    got = conn.get("/", HOST)
    assert got.status == 503 and "reset reason: connection termination" in got.text
