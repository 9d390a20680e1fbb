"""connectionPool.tcp.tcpKeepalive, against the kernel's TCP and against one that has gone deaf."""
import contextlib
import time

import pytest

from harness import proc
from harness.client import Connection
from harness.counting import Counting
from harness.lab import GW_INT_IP
from harness.resources import destination_rule, documents, gateway, single

IP = "198.18.1.74"
PORTS = {"asked": 8080, "unasked": 8081}


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for port in PORTS.values():
        it.listen(IP, port)
    yield it
    it.stop()


@pytest.fixture(scope="module")
def weir(lab, origin, start_weir):
    policy = {"connectionPool": {"tcp": {"tcpKeepalive": {
        "time": "1s", "interval": "1s", "probes": 3}}}}
    return start_weir(lab, documents(
        gateway(), destination_rule("asked", policy=policy),
        *(single(name, IP, port, f"{name}.test") for name, port in PORTS.items())))


def probes(weir):
    return weir.metrics().sum("weir_tcp_keepalives_total")


def pooled(weir):
    return weir.metrics().sum("weir_upstream_idle_connections")


def ask(lab, name):
    with Connection(lab.client) as conn:
        assert conn.get("/", f"{name}.test").status == 200


def test_without_it_nobody_is_asked(lab, weir):
    ask(lab, "unasked")
    before = probes(weir)
    time.sleep(3)
    assert probes(weir) == before
    assert pooled(weir) == 1


def test_who_answers_is_kept(lab, weir, origin):
    """The kernel answers each probe; the connection serves on after many of them."""
    ask(lab, "asked")
    before = probes(weir)
    time.sleep(6.5)
    assert 4 <= probes(weir) - before <= 7
    ask(lab, "asked")
    assert origin.tallies[PORTS["asked"]].connections == 1


@contextlib.contextmanager
def deaf(lab):
    """The backends' answers to the gateway are lost."""
    lab.back.ip("route", "add", "blackhole", f"{GW_INT_IP}/32")
    try:
        yield
    finally:
        lab.back.ip("route", "del", "blackhole", f"{GW_INT_IP}/32")


def test_who_does_not_is_given_up(lab, weir):
    """After three probes; the other service's connection is left alone."""
    ask(lab, "asked")
    assert pooled(weir) == 2
    timeouts = weir.metrics().sum("weir_tcp_timeouts_total")
    with deaf(lab):
        began = time.monotonic()
        proc.wait_until("the connection is gone", lambda: pooled(weir) == 1, timeout=10)
        assert time.monotonic() - began >= 2
    assert weir.metrics().sum("weir_tcp_timeouts_total") == timeouts + 1
    ask(lab, "asked")
