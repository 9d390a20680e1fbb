"""weir beside nginx and haproxy: same wrk, same backend, same veth, pinned alike.

The proxy under test has one core to itself; client and backend share the other. The proxies take
turns, several rounds long, and the best round of each counts: what disturbs a round only ever
slows it. Writes build/bench/compare.json and prints a Markdown table.
"""
import argparse
import json
import os
import signal
import sys

from harness import proc, proxies
from harness.client import Wrk
from harness.lab import GW_EXT_IP, REPO, Lab
from harness.nginx import Nginx
from harness.resources import documents, gateway, single
from harness.reap import reap
from harness.weir import Weir

PROXY_CPU, LOAD_CPU = "0", "1"
BACKEND_IP, BACKEND_PORT = "198.18.1.11", 9080
HOST = "bench.example.com"
WARM_UP_S = 2


def wrk(lab, seconds, connections):
    return Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, seconds, connections,
               cpus=LOAD_CPU).finish()


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class WeirUnderTest:
    """weir, with what its workers count."""
    name = "weir"

    def __init__(self, lab):
        self.weir = Weir(lab, documents(gateway(), single("bench", BACKEND_IP, BACKEND_PORT, HOST)),
                         idle="poll", log_format="none")
        self.weir.node["dataplane"]["lcores"] = PROXY_CPU
        del self.weir.node["dataplane"]["workers"]
        self.weir.start()
        self.pid = self.weir.process.pid

    def count(self):
        metrics = self.weir.metrics()
        return (metrics.sum("weir_worker_cycles_total", state="busy"),
                metrics.sum("weir_worker_requests_total"))

    def stop(self):
        self.weir.stop()


class KernelUnderTest:
    """nginx or haproxy, on the kernel's TCP."""

    def __init__(self, name, lab):
        make = {"nginx": proxies.nginx_proxy, "haproxy": proxies.haproxy}[name]
        self.name = name
        self.proxy = make(lab, f"{BACKEND_IP}:{BACKEND_PORT}", cpus=PROXY_CPU)
        self.pid = self.proxy.process.pid

    def count(self):
        return None

    def stop(self):
        self.proxy.stop()


def start(name, lab):
    return WeirUnderTest(lab) if name == "weir" else KernelUnderTest(name, lab)


def one_round(it, lab, options):
    before, cpu = it.count(), cpu_seconds(it.pid)
    report = wrk(lab, options.seconds, options.connections)
    after, cpu = it.count(), cpu_seconds(it.pid) - cpu
    result = {"requests_per_s": report.rate, "requests": report.requests,
              "failed": report.non_2xx + report.socket_errors,
              "cpu_us_per_request": 1e6 * cpu / max(report.requests, 1)}
    if before:
        cycles, requests = (b - a for a, b in zip(before, after))
        result["busy_cycles_per_request"] = cycles / max(requests, 1)
    return result


def measure(name, lab, options):
    it = start(name, lab)
    try:
        wrk(lab, WARM_UP_S, options.connections)
        return one_round(it, lab, options)
    finally:
        it.stop()


def best_of(rounds):
    best = max(rounds, key=lambda r: r["requests_per_s"])
    return {**best, "rounds": [r["requests_per_s"] for r in rounds],
            "failed": sum(r["failed"] for r in rounds)}


def table(results):
    rows = ["| proxy | requests/s | CPU µs/request | busy cycles/request | failed |",
            "| --- | ---: | ---: | ---: | ---: |"]
    for name, r in results.items():
        cycles = r.get("busy_cycles_per_request")
        rows.append(f"| {name} | {r['requests_per_s']:,.0f} | {r['cpu_us_per_request']:.1f} | "
                    f"{f'{cycles:,.0f}' if cycles else '-'} | {r['failed']} |")
    return "\n".join(rows)


def run(options):
    with Lab() as lab:
        backend = Nginx(lab, "bench", "v1", BACKEND_IP, BACKEND_PORT, cpus=LOAD_CPU)
        rounds = [{name: measure(name, lab, options) for name in options.proxies}
                  for _ in range(options.rounds)]
        backend.stop()
    return {name: best_of([r[name] for r in rounds]) for name in options.proxies}


def main():
    parser = argparse.ArgumentParser(prog="./run bench compare", description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--proxies", nargs="+", default=["weir", "nginx", "haproxy"])
    parser.add_argument("--out", default=os.path.join(REPO, "build", "bench", "compare.json"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    reap()
    try:
        results = run(options)
    finally:
        proc.clear_scratch()
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(options.out, "w", encoding="utf-8") as f:
        json.dump({"connections": options.connections, "results": results}, f, indent=2)
    print(table(results))
    return 1 if any(r["failed"] for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
