"""Memory of idle keep-alive connections: opened, used once, held, used again.

A process's share is its proportional set size with N connections, less that of the same program
configured for a thousand and warmed up: tables that are made for N at its start count. The
kernel's share is what its slab caches and TCP buffers grew by meanwhile.
"""
import machine
from harness import proc
from load import clients
from measure import loaded, throughput
from workloads import BASE

FEW = 1000
HOLD_S = 2
LIMIT_S = 60  # for opening them all


class Memory:
    """A probe: the processes' bytes when the window begins."""

    def __init__(self, system):
        self.system = system

    def begin(self):
        self.process = machine.process_bytes(self.system.pids())
        self.kernel = machine.kernel_bytes(self.system.ns)

    def end(self):
        pass

    def fields(self, _):
        return {"process_bytes": self.process, "kernel_bytes": self.kernel}


def small(ctx, system):
    """Bytes of the process with next to no connections."""
    sample = throughput(ctx, system, BASE, seconds=0.3, counted=[Memory(system)],
                        connections=FEW)
    return sample["process_bytes"]


def hold(ctx, system, n, small_bytes):
    """The sample of holding n connections."""
    args = (*clients(n), "--host", BASE.host, "--path", BASE.path, "--connections", n,
            "--idle-hold", "--duration", HOLD_S)
    memory = Memory(system)
    with system.start(connections=n):
        kernel_before = machine.kernel_bytes(system.ns)
        with loaded(ctx, system, *args, memory=load_memory(n)) as load:
            load.wait("measuring", timeout=LIMIT_S)
            memory.begin()
            result = load.finish(timeout=LIMIT_S)
    idle = result["idle"]
    held = idle["connections_held"]
    process, kernel = memory.process - small_bytes, memory.kernel - kernel_before
    return {
        "connections": n, "held": held, "served_again": idle["served_again"],
        "lost": idle["lost"], "ramp_seconds": result["ramp_seconds"],
        "wrong": result["wrong"], "wrong_examples": result.get("wrong_examples") or [],
        "bytes_per_connection": (process + kernel) / held if held else None,
        "process_bytes_per_connection": process / held if held else None,
        "kernel_bytes_per_connection": kernel / held if held else None,
        "upstream_connections": (result.get("backend") or {}).get("connections"),
    }


def why_not(system, n, ramp_per_s):
    """Why a system is not asked for n connections; None when it is. `ramp_per_s`: how fast it
    opened the last ones."""
    if system.name == "weir":
        return None
    files = proc.raise_limits(n + FEW)
    if files < n + FEW:
        return f"a process may have no more than {files:,} descriptors here"
    if ramp_per_s and n / ramp_per_s > LIMIT_S:
        return (f"not tried: at the {ramp_per_s:,.0f} connections/s of the smaller run it would "
                f"take {n / ramp_per_s:.0f} s to open them, and {LIMIT_S} s are what there is")
    return None


def no_room(n):
    """Why this machine cannot hold n connections of any system; None when it can."""
    need = n * 3072 + (2 << 30)
    have = machine.meminfo("MemAvailable")
    if need <= have:
        return None
    return f"the machine has {have >> 20:,} MiB of memory left, and {need >> 20:,} are needed"


def load_memory(n):
    """MiB for the generator: packets, and what it keeps for each connection."""
    return 256 + n // 4000
