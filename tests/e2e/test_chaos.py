"""Twenty backends that die, stall, reset and slow down at random under load: with checks, outlier
detection and retries nobody notices.

WEIR_CHAOS_SECONDS=180 for the long form of all three gateways; of one alone: -k one, -k checks,
-k 'four and not checks'.
"""
import json
import os
import random
import time
from dataclasses import dataclass, field

import pytest
import yaml

from harness import proc
from harness.client import Wrk
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, virtual_service
from harness.unruly import MODES, Unruly

SECONDS = int(os.environ.get("WEIR_CHAOS_SECONDS", "20"))
IPS = [f"198.18.1.{n}" for n in range(120, 140)]
PORT = 8090
BAD_AT_ONCE, BAD_S = 6, (1.5, 5.0)
CHECK_S, CHECK_TIMEOUT_S, UNHEALTHY, EJECTED_S = 0.2, 0.2, 2, 1.0
SUCCESS = 0.9999
# From breaking to being out: the failures that it takes, the last one's timeout, and a look.
OUT_S = (UNHEALTHY + 1) * CHECK_S + CHECK_TIMEOUT_S + 0.5
# From being well to being back: a check that passes, and the ejection, which may be the third.
BACK_S = CHECK_S + 3 * EJECTED_S + 1.5

CHECKS = {
    "weir.io/health-check": "http", "weir.io/health-check-interval": f"{CHECK_S * 1e3:.0f}ms",
    "weir.io/health-check-timeout": f"{CHECK_TIMEOUT_S * 1e3:.0f}ms",
    "weir.io/health-check-healthy-threshold": "1",
    "weir.io/health-check-unhealthy-threshold": str(UNHEALTHY)}

ENTRY = {
    "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
    "metadata": {"name": "unruly"},
    "spec": {"hosts": ["unruly.test"], "resolution": "STATIC",
             "ports": [{"number": PORT, "name": "http", "protocol": "HTTP"}],
             "endpoints": [{"address": ip} for ip in IPS]}}
RULE = {
    "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
    "metadata": {"name": "unruly"},
    "spec": {"host": "unruly.test", "trafficPolicy": {
        "connectionPool": {"tcp": {"connectTimeout": "250ms"}, "http": {"maxRetries": 1000}},
        "outlierDetection": {"consecutiveGatewayErrors": 3, "consecutive5xxErrors": 3,
                             "interval": "200ms", "baseEjectionTime": f"{EJECTED_S:.0f}s",
                             "maxEjectionPercent": 60}}}}
ROUTES = """
- retries: {attempts: 5, perTryTimeout: 250ms, retryOn: "5xx,reset,connect-failure"}
  timeout: 8s
  route: [{destination: {host: unruly.test}}]
"""


@pytest.fixture(scope="module")
def unruly(lab):
    backends = Unruly(lab, PORT, IPS)
    yield backends
    backends.close()


@pytest.fixture(scope="module", params=[(1, CHECKS), (4, CHECKS), (4, {})],
                ids=["one worker", "four workers", "no checks, four workers"])
def weir(request, lab, unruly, start_weir):
    workers, checks = request.param
    entry = {**ENTRY, "metadata": {"name": "unruly", "annotations": checks}}
    gw = start_weir(lab, documents(gateway(), yaml.safe_dump(entry), yaml.safe_dump(RULE),
                                   virtual_service("unruly", ["unruly.test"], ROUTES)),
                    workers=workers)
    yield gw
    gw.stop()


def health(weir):
    """{address: is it in use?}"""
    status, text = weir.get("/clusters?name=unruly")
    assert status == 200
    return {e["address"].split(":")[0]: e["health"] == "healthy"
            for c in json.loads(text)["clusters"] for e in c["endpoints"]}


@dataclass
class Chaos:
    """What is broken since when, and how long weir took to see it."""
    backends: Unruly
    rng: random.Random
    bad: dict = field(default_factory=dict)      # address -> (since, until)
    waiting: dict = field(default_factory=dict)  # address -> (since, is it to be in use?)
    took: dict = field(default_factory=lambda: {False: [], True: []})
    broken: int = 0

    def turn(self, now):
        for ip, (_, until) in list(self.bad.items()):
            if now >= until:
                del self.bad[ip]
                self.tell(ip, "well", now)
        well = [ip for ip in IPS if ip not in self.bad and ip not in self.waiting]
        if len(self.bad) < BAD_AT_ONCE and well:
            ip = self.rng.choice(well)
            self.bad[ip] = (now, now + self.rng.uniform(*BAD_S))
            self.tell(ip, self.rng.choice(MODES[1:]), now)
            self.broken += 1

    def tell(self, ip, mode, now):
        self.backends.become(ip, mode)
        self.waiting[ip] = (now, mode == "well")

    def look(self, seen, now):
        for ip, (since, want) in list(self.waiting.items()):
            limit = (BACK_S if want else OUT_S) * proc.PATIENCE
            if seen[ip] == want:
                self.took[want].append(now - since)
                del self.waiting[ip]
            else:
                assert now - since < limit, f"{ip} is not {'in' if want else 'out'} after {limit} s"


def test_nobody_notices(lab, weir, unruly):
    chaos = Chaos(unruly, random.Random(11))
    proc.wait_until("all are well", lambda: all(health(weir).values()))
    wrk = Wrk(lab.client, f"http://{GW_EXT_IP}/", "unruly.test", SECONDS, connections=24)
    end, turn = time.monotonic() + SECONDS - 1, 0
    while (now := time.monotonic()) < end:
        if now >= turn:
            chaos.turn(now)
            turn = now + 0.3
        chaos.look(health(weir), time.monotonic())
        time.sleep(0.02)
    for ip in IPS:
        unruly.become(ip, "well")
    report = wrk.finish()
    retries = weir.metrics().sum("weir_upstream_retries_total")
    print(f"{report.requests} requests, {report.non_2xx} failed, {report.socket_errors} without "
          f"an answer, {retries:.0f} tried again; broken {chaos.broken} times, out after "
          f"{max(chaos.took[False]):.2f} s at most, back after {max(chaos.took[True]):.2f} s")
    assert report.socket_errors == 0, report.text
    assert report.non_2xx <= report.requests * (1 - SUCCESS), report.text
    assert report.requests > 100 * SECONDS / proc.PATIENCE
    assert chaos.broken > SECONDS / 2 and retries > 0
