"""Backends that die, and come back."""
import socket
import struct
import threading
import time

import pytest

from harness import proc
from harness.client import Connection, request, tally
from harness.nginx import Nginx
from harness.resources import documents, gateway, service, virtual_service, workload

PORT = 9080
A_IP, B_IP = "198.18.1.17", "198.18.1.18"
ONE, BOTH = "one.example.com", "both.example.com"


@pytest.fixture(scope="module")
def pair(lab):
    servers = (Nginx(lab, "a", "v1", A_IP), Nginx(lab, "b", "v1", B_IP))
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def weir(lab, pair, start_weir):
    def to(name):
        return f"[{{route: [{{destination: {{host: {name}}}}}]}}]"

    return start_weir(lab, documents(
        gateway(), service("one", PORT), workload("one", "v1", A_IP),
        service("both", PORT), workload("both", "v1", A_IP), workload("both", "v2", B_IP),
        virtual_service("one", [ONE], to("one")), virtual_service("both", [BOTH], to("both"))))


def ask_later(lab, host, path):
    """A request in the background: (list that will hold (seconds, answer), its thread)."""
    results = []

    def ask():
        start = time.monotonic()
        with Connection(lab.client, timeout=30) as conn:
            answer = conn.get(path, host)
        results.append((time.monotonic() - start, answer))

    thread = threading.Thread(target=ask)
    thread.start()
    return results, thread


def answers_again(lab, server, host):
    """Does this server answer for the host?"""
    return any(b == server.name for s, b in tally(lab.client, 8, host) if s == 200)


def test_killed_in_the_middle_of_a_request(lab, weir, pair):
    results, thread = ask_later(lab, ONE, "/delay/20")
    proc.wait_until("the request is in progress",
                    lambda: weir.metrics().sum("weir_http_active_requests") >= 1)
    time.sleep(0.2)
    pair[0].kill()
    thread.join(5 * proc.PATIENCE)
    assert results, "the client still waits"
    seconds, answer = results[0]
    assert answer.status in (502, 503) and seconds < 3 * proc.PATIENCE
    assert answer.text.startswith("upstream connect error or disconnect/reset before headers")
    record = weir.wait_log("/delay/20", lambda r: r["path"] == "/delay/20")
    assert set(record["response_flags"].split(",")) & {"UC", "UR"}
    pair[0].start()


def test_the_others_are_served(lab, weir, pair):
    """One of two is killed under load: requests it had begun may fail, the rest go on."""
    assert set(tally(lab.client, 20, BOTH)) == {(200, "a-v1"), (200, "b-v1")}
    pair[0].kill()
    seen = tally(lab.client, 200, BOTH, connections=4)
    assert seen[200, "b-v1"] == 200, seen
    pair[0].start()
    proc.wait_until("its return is noticed", lambda: answers_again(lab, pair[0], BOTH))


def test_only_backend_gone_and_back(lab, weir, pair):
    pair[0].kill()
    with Connection(lab.client) as conn:
        assert conn.get("/", ONE).status == 503
        pair[0].start()

        def back():
            return conn.get("/", ONE).status == 200

        proc.wait_until("its return is noticed", back, timeout=5, every=0.1)


def test_killed_in_the_middle_of_a_body(lab, weir, pair):
    """What was promised cannot be delivered: the client must see that, not a short body."""
    pair[0].add_file("slow", 64 << 20)
    with Connection(lab.client, rcvbuf=16384) as conn:
        conn.send(request("GET", "/files/slow", ONE))
        conn.read_until(b"\r\n\r\n")
        conn.read_exactly(100000)
        pair[0].kill()
        with pytest.raises((EOFError, ConnectionResetError)):
            conn.read_exactly((64 << 20) - 100000)
    pair[0].start()
    proc.wait_until("it answers again", lambda: answers_again(lab, pair[0], ONE))


def test_client_that_leaves_frees_its_upstream(lab, weir, pair):
    with Connection(lab.client) as conn:
        conn.send(request("GET", "/delay/30", ONE))
        proc.wait_until("the request is in progress",
                        lambda: weir.metrics().sum("weir_http_active_requests") >= 1)
        # A reset: after a mere FIN the client may still want its answer.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    proc.wait_until("the request is given up",
                    lambda: weir.metrics().sum("weir_http_active_requests") == 0, timeout=3)
    record = weir.wait_log("/delay/30", lambda r: r["path"] == "/delay/30")
    assert record["response_flags"] == "DC"
