"""How many client connections there may be: of all, and of a Gateway's port; one and four workers."""
import contextlib
import json

import pytest

from harness import proc
from harness.client import Connection, Wrk
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, virtual_service

ALL, FEW = 30, 10
OK = "[{directResponse: {status: 200}}]"
LIMIT = "weir.io/max-connections"


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, start_weir, request):
    it = start_weir(lab, documents(
        gateway(), gateway("few", port=81, annotations={LIMIT: str(FEW)}),
        virtual_service("v", ["v.test"], OK, gateways=("public", "few"))),
        workers=request.param, overload={"maxDownstreamConnections": ALL})
    yield it
    it.stop()


def connect(lab, port):
    """None: the reset came before connect() had returned."""
    try:
        return Connection(lab.client, port=port)
    except ConnectionResetError:
        return None


def is_served(conn):
    try:
        return conn is not None and conn.get("/", "v.test").status == 200
    except (OSError, EOFError):
        return False


@contextlib.contextmanager
def connected(lab, n, port=80):
    conns = [connect(lab, port) for _ in range(n)]
    try:
        yield conns
    finally:
        for conn in filter(None, conns):
            conn.close()


def refused(weir, limit):
    return weir.metrics().sum("weir_connections_refused_total", limit=limit)


def shown(weir, port):
    listeners = json.loads(weir.get("/listeners")[1])["listeners"]
    return next(it for it in listeners if it["port"] == port)


def all_are_gone(lab, weir):
    """The next test begins with none: as many as the limit says are served."""
    def served():
        with connected(lab, ALL) as conns:
            return all(map(is_served, conns))

    proc.wait_until("all connections are gone", served)


def test_of_a_port(lab, weir):
    before = refused(weir, "listener")
    with connected(lab, FEW + 6, port=81) as conns:
        # Which ones are in is for the workers to say, who take them up in an order of their own.
        served = [conn for conn in conns if is_served(conn)]
        assert len(served) == FEW
        assert refused(weir, "listener") == before + 6
        assert shown(weir, 81)["connections"] == FEW == shown(weir, 81)["max_connections"]
        assert "connections" not in shown(weir, 80)
        # One leaves, one may come.
        served[0].close()
        proc.wait_until("its place is free", lambda: shown(weir, 81)["connections"] < FEW)
        with connected(lab, 2, port=81) as more:
            assert sum(map(is_served, more)) == 1
    all_are_gone(lab, weir)


def test_of_all(lab, weir):
    before = refused(weir, "global")
    with connected(lab, FEW, port=81), connected(lab, ALL - FEW + 5) as conns:
        assert sum(map(is_served, conns)) == ALL - FEW
        assert refused(weir, "global") == before + 5
    all_are_gone(lab, weir)


def test_under_many_that_come_and_go(lab, weir):
    """wrk opens what is reset again and again; who is in is served meanwhile."""
    wrk = Wrk(lab.client, f"http://{GW_EXT_IP}:81/", "v.test", 3, connections=60, threads=2)
    most = 0
    while wrk.running():
        most = max(most, shown(weir, 81)["connections"])
    report = wrk.finish()
    assert most == FEW
    assert report.requests > 1000 and report.non_2xx == 0, report.text
    all_are_gone(lab, weir)
    assert shown(weir, 81)["connections"] == 0


def test_a_limit_that_comes_later(lab, weir):
    """Connections that are open then count and are kept; it goes again with the annotation."""
    with connected(lab, 6) as conns:
        assert all(map(is_served, conns))
        weir.apply("limit.yaml", gateway("late", annotations={LIMIT: "4"}))
        assert shown(weir, 80)["connections"] == 6
        with connected(lab, 1) as more:
            assert not is_served(more[0])
        assert all(map(is_served, conns))
        weir.withdraw("limit.yaml")
        with connected(lab, 1) as more:
            assert is_served(more[0])
    all_are_gone(lab, weir)
