"""One backend of three is ten times slower: least request finds that out, round robin does not."""
import time

import pytest
import yaml

from harness.client import Wrk
from harness.counting import Counting
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, service, virtual_service, workload

IPS = ("198.18.1.67", "198.18.1.68", "198.18.1.69")
PORT, FAST_S, SLOW_S, CLIENTS = 8080, 0.004, 0.04, 24
POLICIES = {"turns": "ROUND_ROBIN", "least": "LEAST_REQUEST"}


class OneByOne(Counting):
    """Each address serves one request at a time; the first is the slow one."""

    def __init__(self, lab):
        super().__init__(lab)
        self.free_at = dict.fromkeys(IPS, 0.0)

    def answer(self, key, path, head):
        ip, now = key[0], time.monotonic()
        with self.lock:
            self.free_at[ip] = max(self.free_at[ip], now) + (SLOW_S if ip == IPS[0] else FAST_S)
            due = self.free_at[ip]
        time.sleep(due - now)
        return super().answer(key, path, head)

    def catch_up(self):
        """Until nothing waits of clients that are gone."""
        time.sleep(max(0, max(self.free_at.values()) - time.monotonic()))


@pytest.fixture(scope="module")
def origin(lab):
    it = OneByOne(lab)
    for ip in IPS:
        it.listen(ip, PORT)
    yield it
    it.stop()


def app(name, policy):
    rule = yaml.safe_dump({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": name},
        "spec": {"host": name, "trafficPolicy": {"loadBalancer": {"simple": policy}}}})
    return documents(
        service(name, PORT), rule,
        *(workload(name, "v1", ip, suffix=f"-{i}") for i, ip in enumerate(IPS)),
        virtual_service(name, [f"{name}.test"], "[{route: [{destination: {host: %s}}]}]" % name))


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    it = start_weir(lab, documents(gateway(), *(app(*row) for row in POLICIES.items())),
                    workers=request.param)
    yield it
    it.stop()


def test_least_request_beats_round_robin(lab, weir, origin):
    """Requests that take turns all come to stand before the slow one: both the rate and the 99th
    percentile are its own."""
    seen = {}
    for name, policy in POLICIES.items():
        origin.catch_up()
        report = Wrk(lab.client, f"http://{GW_EXT_IP}/", f"{name}.test", 4,
                     connections=CLIENTS).finish()
        assert report.non_2xx == 0 and report.socket_errors == 0, report.text
        seen[policy] = report
        print(f"{policy}: p99 {report.p99_ms:.0f} ms, {report.rate:.0f}/s")
    turns, least = seen["ROUND_ROBIN"], seen["LEAST_REQUEST"]
    assert least.p99_ms * 1.3 < turns.p99_ms
    assert least.rate > 1.5 * turns.rate
