"""What is counted around a measured window, besides what the generator counts.

Each probe has begin() and end(), called when the window begins and ends, and fields(responses),
which then returns fields of the sample; what it could not count is None.
"""
import functools
import glob
import os
import signal
import struct
import subprocess

import machine
from harness import proc
from harness.lab import built

SLOT, SLOTS = struct.Struct("3Q40x"), 256  # bench/tools/alloc_count.c


def per(total, responses):
    return total / responses if responses else None


class Work:
    """Busy cycles by the system's own count."""

    def __init__(self, system):
        self.system = system

    def begin(self):
        self.before = self.system.work()

    def end(self):
        self.cycles, self.requests = (b - a for a, b in zip(self.before, self.system.work()))

    def fields(self, _):
        return {"busy_cycles_per_request": per(self.cycles, self.requests)}


class CoreTime:
    """How long the core worked: whatever runs there is the system's."""

    def __init__(self, system, tsc_hz):
        self.cpu, self.tsc_hz = system.cpu, tsc_hz

    def begin(self):
        self.before = machine.core_busy_s(self.cpu)

    def end(self):
        self.busy_s = machine.core_busy_s(self.cpu) - self.before

    def fields(self, responses):
        return {"busy_cycles_per_request": per(self.busy_s * self.tsc_hz, responses)}


class Receiving:
    """On whose core packets are received. A veth delivers on the core that sends: what the
    generator sends is received for the system on the generator's core, and the other way round."""

    def __init__(self, system, tsc_hz):
        self.cpus, self.tsc_hz = (system.cpu, system.load_cpu), tsc_hz

    def _now(self):
        return [machine.softirq_s(cpu) for cpu in self.cpus]

    def begin(self):
        self.before = self._now()

    def end(self):
        self.here, self.there = (b - a for a, b in zip(self.before, self._now()))

    def fields(self, responses):
        return {"foreign_receive_cycles": per(self.here * self.tsc_hz, responses),
                "receive_cycles_elsewhere": per(self.there * self.tsc_hz, responses)}


@functools.cache
def perf_counts():
    """Does perf count instructions here? A virtual machine often has no such counter."""
    try:
        done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions", "true"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return parse_perf(done.stdout) is not None
    except OSError:
        return False


def parse_perf(text):
    """The count in `perf stat -x,`; None when it was not counted."""
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2].startswith("instructions") and fields[0].isdigit():
            return int(fields[0])
    return None


class Instructions:
    """Instructions on the core, in user and kernel mode."""

    def __init__(self, system):
        self.cpu, self.perf, self.count = system.cpu, None, None

    def begin(self):
        if perf_counts():
            self.perf = proc.Process("perf", ["perf", "stat", "-x,", "-e", "instructions", "-C",
                                              self.cpu, "sleep", "600"])

    def end(self):
        if self.perf:
            self.perf.stop(signal.SIGINT)
            self.count = parse_perf(self.perf.log())

    def fields(self, responses):
        return {"instructions_per_request": per(self.count, responses) if self.count else None}


class Allocations:
    """Calls of the allocator, by the threads that serve. The system must be started with env()."""

    def __init__(self, system):
        self.system = system
        self.path = os.path.join(proc.scratch(), f"alloc-{system.name}-{system.path}")
        with open(self.path, "wb") as f:
            f.write(bytes(SLOT.size * SLOTS))

    def env(self):
        library = built("weir-alloc-count.so", "WEIR_ALLOC_COUNT", "bench/tools")
        return {"LD_PRELOAD": library, "BENCH_ALLOC_FILE": self.path}

    def _slots(self):
        with open(self.path, "rb") as f:
            data = f.read()
        return [(tid, calls) for tid, calls, _ in SLOT.iter_unpack(data)]

    def _serves(self, tid):
        if not self.system.threads:
            return True
        for path in glob.glob(f"/proc/{self.system.pid}/task/{tid}/comm"):
            with open(path, encoding="ascii") as f:
                return f.read().startswith(self.system.threads)
        return False

    def begin(self):
        self.before = self._slots()

    def end(self):
        self.calls = sum(b[1] - a[1] for a, b in zip(self.before, self._slots())
                         if self._serves(b[0]))

    def fields(self, responses):
        return {"allocations_per_request": per(self.calls, responses)}


def usual(system, tsc_hz):
    """Those of every throughput point."""
    busy = Work(system) if system.name == "weir" else CoreTime(system, tsc_hz)
    receiving = [Receiving(system, tsc_hz)] if system.path == "veth" else []
    return [busy, Instructions(system), *receiving]
