"""weir.io/hash-balance-factor: a key that everybody asks for, through the real gateway."""
import threading
from collections import Counter

import pytest
import yaml

from harness.client import Connection
from harness.counting import Counting
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = [f"198.18.1.{n}" for n in (75, 76, 77)]
PORT, HOST = 8080, "hot.test"
KEY = "x-user: everybody"


def rule():
    return yaml.safe_dump({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "hot", "annotations": {"weir.io/hash-balance-factor": "100"}},
        "spec": {"host": "hot", "trafficPolicy": {
            "loadBalancer": {"consistentHash": {"httpHeaderName": "x-user"}}}}})


@pytest.fixture(scope="module")
def origin(lab):
    it = Counting(lab)
    for ip in IPS:
        it.listen(ip, PORT)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, documents(
        gateway(), service("hot", PORT), rule(),
        *(workload("hot", "v1", ip, suffix=f"-{i}") for i, ip in enumerate(IPS)),
        virtual_service("hot", [HOST], "[{route: [{destination: {host: hot}}]}]")),
        workers=request.param)
    it.n_workers = request.param
    yield it
    it.stop()


def ask(lab, path, n):
    """Who served n requests of one key that came together."""
    served, conns = [], [Connection(lab.client, timeout=30) for _ in range(n)]

    def one(conn):
        served.append(conn.get(path, HOST, KEY).get("x-backend"))

    threads = [threading.Thread(target=one, args=(conn,)) for conn in conns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for conn in conns:
        conn.close()
    return Counter(served)


def test_a_key_of_everybody(lab, weir):
    """Together they are spread, and one by one they have one backend, before and after."""
    (owner, _), = Counter([b for _ in range(8) for b in ask(lab, "/", 1)]).items()
    spread = ask(lab, "/1/x", 24)
    assert sum(spread.values()) == 24 and len(spread) == 3
    # Each worker rounds up its own average.
    assert max(spread.values()) <= 8 + weir.n_workers - 1, spread
    assert spread[owner] == max(spread.values())
    assert list(Counter([b for _ in range(20) for b in ask(lab, "/", 1)])) == [owner]
