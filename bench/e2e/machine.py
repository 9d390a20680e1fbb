"""The machine: its CPUs and clock, and what the kernel counts of time and memory."""
import contextlib
import os
import platform
import re
import subprocess

from harness.lab import REPO, built

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpus():
    """(the system under test's, the generator's)."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise RuntimeError("the benchmarks need two CPUs: one for the system under test, one for "
                           "the generator")
    return allowed[0], allowed[1]


def tsc_hz():
    tool = built("weir-tsc-hz", "WEIR_TSC_HZ_BIN", "bench/tools")
    return float(subprocess.run([tool], stdout=subprocess.PIPE, check=True).stdout)


def pauses(cpus, seconds=2):
    """What the machine does to programs that only run, on all these CPUs at once: per CPU
    (pauses of 50 us and more, the share of time they take, the longest in us)."""
    tool = built("weir-pauses", "WEIR_PAUSES_BIN", "bench/tools")
    running = [subprocess.Popen([tool, str(cpu), str(seconds)], stdout=subprocess.PIPE)
               for cpu in cpus]
    said = [p.communicate()[0].split() for p in running]
    return [(int(n), float(share), float(longest)) for n, share, longest in said]


def _cpu_ticks(name):
    with open("/proc/stat", encoding="ascii") as f:
        fields = next(line for line in f if line.split()[0] == name).split()[1:]
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return dict(zip(names, map(int, fields)))


def act_at_once():
    """This thread, asleep most of the time, does not wait for the generator to leave the core.
    Without the right to it, it does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def softirq_s(cpu):
    """Seconds that a core has spent on packets that others sent to it, and on timers."""
    return _cpu_ticks(f"cpu{cpu}")["softirq"] / TICK


def core_busy_s(cpu):
    """Seconds that a core has worked: programs, system calls, and interrupts' work."""
    ticks = _cpu_ticks(f"cpu{cpu}")
    return sum(ticks[k] for k in ("user", "nice", "system", "irq", "softirq")) / TICK


def steal_s():
    """Seconds that the hypervisor has taken from this machine's CPUs."""
    return _cpu_ticks("cpu")["steal"] / TICK


def meminfo(key):
    """Bytes."""
    with open("/proc/meminfo", encoding="ascii") as f:
        line = next(line for line in f if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024


def kernel_bytes(ns):
    """What the kernel holds for sockets: all slab caches (sockets, files, epoll items; of the
    whole machine, so that only differences mean something) and TCP's buffers."""
    with ns.entered(), open("/proc/thread-self/net/sockstat", encoding="ascii") as f:
        pages = int(re.search(r"^TCP:.* mem (\d+)", f.read(), re.M).group(1))
    return meminfo("Slab") + pages * PAGE


def process_bytes(pids):
    """Proportional set size of processes, and their hugepages."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total += sum(int(n) * 1024 for n in re.findall(
                r"^(?:Pss|Shared_Hugetlb|Private_Hugetlb):\s+(\d+) kB", f.read(), re.M))
    return total


def _first_line(*argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def _cpu_model():
    with open("/proc/cpuinfo", encoding="ascii") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")),
                    "unknown")


def _version(text):
    found = re.search(r"\d+\.\d+[\w.]*", text)
    return found.group() if found else text


def describe():
    """What the numbers depend on, for the report."""
    return {
        "cpu": _cpu_model(), "cpus": os.cpu_count(), "tsc_hz": tsc_hz(),
        "memory_gib": round(meminfo("MemTotal") / (1 << 30), 1), "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "dpdk": _first_line("pkg-config", "--modversion", "libdpdk"),
        "nginx": _version(_first_line("nginx", "-v")),
        "haproxy": _version(_first_line("haproxy", "-v")),
        "revision": _first_line("git", "-C", REPO, "describe", "--always", "--dirty"),
    }
