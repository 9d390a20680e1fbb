"""The benchmarks of the whole gateway: weir beside nginx and haproxy, one core each.

Without a name: everything, in under ten minutes. Writes build/bench/report.json, report.md and
plots. docs/performance.md says how to read them.
"""
import argparse
import os
import signal
import sys
import time

import idle
import latency
import machine
import measure
import mirror
import probes
import reload
import report
import workloads
from harness import hugepages, proc
from harness.lab import REPO
from harness.reap import reap
from load import Load, LoadError, clients, sentence
from results import Results
from rig import SUT_IP, PORT, Rig
from suts import RELOADS_PER_S, all_systems

OUT = os.path.join(os.environ.get("WEIR_BUILD", os.path.join(REPO, "build")), "bench")
HUGEPAGES_MIB = 2048
BUDGET_S = 490     # of a whole run; what is left of ten minutes is for the microbenchmarks
REST_ROUNDS = 2.7  # what comes after the rounds takes so many times as long as a round
LATENCY_ROUNDS = 2
GENERATOR_DEVICES = ("net_ring", "net_memif-loop")  # to itself; through shared memory
STEERED = ("rps", "gbps", "p50_us", "p99_us", "p999_us", "busy_cycles_per_request", "wrong")
FAILURES = (LoadError, RuntimeError, AssertionError, TimeoutError, OSError, KeyError)


class Bench:
    """One run: what was asked for, where it is measured, what was found."""

    def __init__(self, options, rig, mib):
        self.options, self.results, self.began = options, Results(), time.monotonic()
        self.steal = machine.steal_s()
        cpus = machine.cpus()
        self.about = {**machine.describe(), "sut_cpu": cpus[0], "load_cpu": cpus[1],
                      "hugepages_mib": mib, "seconds": options.seconds, "rounds": 0}
        self.ctx = measure.Context(cpus, self.about["tsc_hz"], options.seconds,
                                   min(options.seconds / 2, 0.5), mib > 0)
        self.rig = rig
        # Everything but the system under test stays off its core.
        os.sched_setaffinity(0, {cpus[1]})
        machine.act_at_once()
        systems = [s for s in all_systems(rig, cpus) if s.name in options.systems]
        self.systems = [s for s in systems if s.path in options.paths]
        self.generator = {}
        self.failed = False

    # ---- the loop

    def wants(self, name):
        if self.options.names:
            return name in self.options.names
        return name not in workloads.ASKED

    def elapsed(self):
        return time.monotonic() - self.began

    def point(self, workload, system, measured):
        """Runs measured() and says how it went; None when it could not be measured."""
        what = f"{workload} {system.name}/{system.path}"
        try:
            sample = measured()
        except FAILURES as problem:
            self.failed = True
            self.results.attach(workload, system)
            why = sentence(f"{type(problem).__name__}: {problem}")
            self.results.note(f"{what}: {why}")
            print(f"{self.elapsed():4.0f} s  {what}: {why}", flush=True)
            return None
        if isinstance(sample, dict):
            figures = [f"{sample[k]:,.1f} {k}" for k in ("rps", "gbps", "p99_us",
                                                         "bytes_per_connection", "wrong")
                       if sample.get(k) is not None]
            print(f"{self.elapsed():4.0f} s  {what}: {', '.join(figures)}", flush=True)
        return sample

    def in_turn(self, round_number):
        """The systems, each round from another one on."""
        at = round_number % max(len(self.systems), 1)
        return self.systems[at:] + self.systems[:at]

    # ---- throughput

    def round(self, number):
        for row in filter(lambda w: self.wants(w.name), workloads.THROUGHPUT):
            for system in self.in_turn(number):
                sample = self.point(row.name, system,
                                    lambda r=row, s=system: measure.throughput(self.ctx, s, r))
                if sample:
                    self.results.add(row.name, system, sample, number)

    def rounds(self):
        for number in range(self.options.rounds):
            began = self.elapsed()
            self.round(number)
            self.about["rounds"] = number + 1
            took = self.elapsed() - began
            if not self.options.names and self.elapsed() + took * (1 + REST_ROUNDS) > BUDGET_S:
                break

    def steered(self):
        """The peers once more, with their receiving steered to the core under test."""
        wire = self.rig.kernel_veth()
        wire.receive_on(self.ctx.cpus[0])
        try:
            for row in filter(lambda w: w.key and self.wants(w.name), workloads.THROUGHPUT):
                for system in filter(lambda s: s.name != "weir", self.systems):
                    sample = self.point(f"{row.name} (steered)", system, lambda r=row, s=system:
                                        measure.throughput(self.ctx, s, r))
                    if sample:
                        self.results.attach(row.name, system,
                                            steered={k: sample[k] for k in STEERED})
        finally:
            wire.receive_on(None)

    def allocations(self):
        for row in filter(lambda w: self.wants(w.name), workloads.THROUGHPUT):
            for system in self.systems:
                calls = self.point(f"{row.name} (allocations)", system, lambda r=row, s=system:
                                   measure.allocations(self.ctx, s, r))
                self.results.attach(row.name, system, allocations_per_request=calls)

    # ---- the others

    def latencies(self):
        if any(self.wants(f"latency-{share}") for share in workloads.LATENCY_SHARES):
            self.about["pauses"] = machine.pauses(self.ctx.cpus)
        for number in range(min(self.options.rounds, LATENCY_ROUNDS)):
            for share in workloads.LATENCY_SHARES:
                if self.wants(f"latency-{share}"):
                    self._latency(share, number)

    def _latency(self, share, number):
        name = f"latency-{share}"
        for system in self.in_turn(number):
            rate = self._own_maximum(system)
            wire = self.rig.memif() if system.path == "memif" else self.rig.veth()
            sample = rate and self.point(name, system, lambda s=system, w=wire, r=rate:
                                         latency.at_rate(self.ctx, s, r * share / 100, w))
            if sample:
                self.results.add(name, system, sample, number)

    def _own_maximum(self, system):
        """Its requests/s of keepalive-64; measured now when it was not."""
        entry = self.results.entry(workloads.BASE.name, system.name, system.path)
        if not entry or not entry["rps"]:
            sample = self.point("its own maximum", system, lambda: measure.throughput(
                self.ctx, system, workloads.BASE))
            if not sample:
                return None
            self.results.add(workloads.BASE.name, system, sample)
            return sample["rps"]
        return entry["rps"]

    def idles(self):
        """Memory is the same whatever the wire: weir over the first there is, the peers."""
        wanted = [n for n in workloads.IDLE if self.wants(n)]
        for system in self.systems if wanted else ():
            if system.name == "weir" and system is not self.systems[0]:
                continue
            small = self.point("few connections", system, lambda s=system: idle.small(self.ctx, s))
            if small is not None:
                self._idle_of(system, wanted, small)

    def _idle_of(self, system, wanted, small):
        ramp_per_s = None
        for name in wanted:
            n = workloads.IDLE[name]
            why = idle.no_room(n) or idle.why_not(system, n, ramp_per_s)
            if why:
                self.results.attach(name, system, notes={"bytes_per_connection": why})
                continue
            sample = self.point(name, system, lambda: idle.hold(self.ctx, system, n, small))
            if sample:
                self.results.add(name, system, sample)
                ramp_per_s = n / sample["ramp_seconds"] if sample["ramp_seconds"] else None

    def reloads(self):
        for system in self.systems if self.wants("reload") else ():
            changes = reload.Changes(system, RELOADS_PER_S[system.name])
            sample = self.point("reload", system, lambda s=system, c=changes: measure.throughput(
                self.ctx, s, workloads.BASE, seconds=self.options.reload_seconds, counted=[c]))
            if sample:
                self.results.add("reload", system, sample)

    def mirrors(self):
        """Rounds of all mirrors in turn: at full speed, then at a tenth of that without one."""
        weirs = [s for s in self.systems if s.name == "weir" and self.wants("mirror")]
        for number in range(self.options.rounds):
            for system in weirs:
                best = {kind: self._mirror(system, kind) for kind in mirror.SHADOWS}
                for kind in mirror.SHADOWS if best["none"] else ():
                    rate = best["none"]["rps"] * mirror.LOAD
                    late = self.point(f"mirror {kind}, {rate:,.0f}/s", system, lambda:
                                      mirror.at_rate(self.ctx, system, kind, rate))
                    if late and best[kind]:
                        best[kind].update(late)
                self._add_mirrors(system, best, number)

    def _mirror(self, system, kind):
        return self.point(f"mirror {kind}", system,
                          lambda: mirror.sample(self.ctx, system, kind))

    def _add_mirrors(self, system, best, number):
        for kind, sample in best.items():
            if sample:
                self.results.add(f"mirror-{kind}", system, sample, number)

    def self_test(self):
        """What the generator does by itself: it must not be what is measured."""
        for device in GENERATOR_DEVICES:
            args = ("--backend", f"{SUT_IP}:{PORT}", *clients(workloads.BASE.connections),
                    *workloads.BASE.load_args(), "--duration", self.options.seconds,
                    "--warmup", self.ctx.warmup)
            try:
                with Load(device, self.ctx.cpus[1], *args, hugepages=self.ctx.hugepages) as load:
                    self.generator[device] = load.finish()
            except FAILURES as problem:
                self.failed = True
                self.results.note(f"the generator by itself, {device}: {problem}")

    # ---- all of it

    def run(self):
        if not self.options.names:
            self.self_test()
        self.rounds()
        self.latencies()
        self.idles()
        self.reloads()
        self.mirrors()
        self.steered()
        if self.options.allocations:
            self.allocations()
        self.explain()

    def explain(self):
        """Why figures are missing."""
        if not probes.perf_counts():
            self.results.note("instructions per request: perf counts none on this machine (a "
                              "virtual machine without performance counters)")

    def report(self):
        self.about["elapsed_s"] = self.elapsed()
        self.about["steal_s"] = machine.steal_s() - self.steal
        micro = os.path.join(OUT, "micro.json")
        return report.write(self.options.out, self.results, self.generator, self.about, micro)


def parse(argv):
    rows = "\n".join(f"  {name:24}{workloads.what(name)}" for name in workloads.NAMES)
    parser = argparse.ArgumentParser(
        prog="./run bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
        epilog=f"workloads:\n{rows}\n\nThe parts of weir by themselves: ./run bench micro")
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads; default: all")
    parser.add_argument("--quick", action="store_true", help="one short round, for development")
    parser.add_argument("--seconds", type=float, help="of one measured window (default 1.5)")
    parser.add_argument("--rounds", type=int, help="at most; default 3")
    parser.add_argument("--systems", nargs="+", default=["weir", "nginx", "haproxy"])
    parser.add_argument("--paths", nargs="+", default=["memif", "veth"])
    parser.add_argument("--no-allocations", dest="allocations", action="store_false",
                        help="leave out what needs LD_PRELOAD")
    parser.add_argument("--out", default=OUT, metavar="DIR")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(workloads.NAMES)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    options.seconds = options.seconds or 1.5
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.reload_seconds = max(options.seconds, 1 if options.quick else 3)
    return options


def main(argv):
    if argv[:1] == ["--has"]:
        return 0 if argv[1] in (*workloads.NAMES, "--quick", "--help") else 1
    options = parse(argv)
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, frame: sys.exit(128 + number))
    reap()
    try:
        with hugepages.borrowed(HUGEPAGES_MIB) as mib, Rig() as rig:
            bench = Bench(options, rig, mib)
            bench.run()
            print("\n" + bench.report())
    finally:
        proc.clear_scratch()
    return 1 if bench.failed or bench.results.wrong() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
