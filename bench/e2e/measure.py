"""One measured point: a system started, loaded for a while, counted and stopped."""
import contextlib
from dataclasses import dataclass, replace
from statistics import median

import probes
from load import Load, clients

ALLOCATION_S = 0.3  # counting slows what it counts: a window of its own, a short one


@dataclass(frozen=True)
class Context:
    """What all points of a run share."""
    cpus: tuple
    tsc_hz: float
    seconds: float
    warmup: float
    hugepages: bool


def wrong_answers(result, statuses):
    """Answers that are not what the backend sends, by content or by status, also before the
    window."""
    by_status = result.get("status") or {}
    unwanted = sum(n for status, n in by_status.items() if int(status) not in statuses)
    backend = (result.get("backend") or {}).get("wrong") or 0
    return max(result["wrong"], unwanted) + (result.get("wrong_before") or 0) + backend


def middle_window(result, column):
    """The median of a figure over an open loop's windows: what a pause of the machine did to some
    of them is not in it. None where there are none."""
    windows = (result.get("windows") or {}).get("responses_p50_p99_max_us")
    return median(row[column] for row in windows) if windows else None


def sample_of(result, statuses=(200,)):
    """The fields of a sample that the generator knows."""
    latency = result.get("latency_us") or {}
    return {
        "rps": result["rps"], "gbps": result["gbps"],
        "p50_us": latency.get("p50"), "p99_us": latency.get("p99"),
        "p999_us": latency.get("p999"), "max_us": latency.get("max"),
        "window_p50_us": middle_window(result, 1), "window_p99_us": middle_window(result, 2),
        "wrong": wrong_answers(result, statuses),
        "wrong_examples": result.get("wrong_examples") or [],
        "connect_failures": result.get("connect_failures") or 0,
        "resets": result.get("resets") or 0, "timeouts": result.get("timeouts") or 0,
        "retransmits": result.get("retransmits") or 0,
        "status": result.get("status") or {}, "histogram": result.get("histogram") or [],
    }


@contextlib.contextmanager
def loaded(ctx, system, *args, **options):
    """The generator at the far end of a running system's wire."""
    with Load(system.wire.far, ctx.cpus[1], *system.behind, *args, ns=system.wire.load_ns,
              hugepages=ctx.hugepages, **options) as load:
        yield load


def window(load, counted, statuses=(200,), patience=120):
    """Waits for the measured window to pass, with probes around it, and returns the sample."""
    load.wait("measuring", timeout=patience)
    for probe in counted:
        probe.begin()
    load.wait("measured", timeout=patience)
    for probe in counted:
        probe.end()
    result = load.finish()
    sample = sample_of(result, statuses)
    for probe in counted:
        sample.update(probe.fields(result["responses"]))
    return sample


def one_core_rate(sample, tsc_hz):
    """Requests/s if the system's core did all of its receiving and none of the generator's; None
    where that is not known."""
    parts = [sample.get(k) for k in ("busy_cycles_per_request", "foreign_receive_cycles",
                                     "receive_cycles_elsewhere")]
    if None in parts:
        return None
    busy, foreign, elsewhere = parts
    return tsc_hz / (busy - foreign + elsewhere)


def throughput(ctx, system, row, extra=(), seconds=None, counted=None, **start):
    """A sample of one row of the table; `extra` arguments go to the generator, `start` to the
    system."""
    args = (*clients(row.connections), *row.load_args(), "--duration", seconds or ctx.seconds,
            "--warmup", ctx.warmup, *extra)
    if counted is None:
        counted = probes.usual(system, ctx.tsc_hz)
    with system.start(n_routes=row.routes, **start):
        with loaded(ctx, system, *args) as load:
            sample = window(load, counted, row.statuses)
    return {**sample, "one_core_rps": one_core_rate(sample, ctx.tsc_hz)}


def allocations(ctx, system, row):
    """Allocations per request of one row, in a short run that only counts them."""
    counter = probes.Allocations(system)
    system.env = counter.env()
    try:
        sample = throughput(replace(ctx, warmup=ALLOCATION_S), system, row, seconds=ALLOCATION_S,
                            counted=[counter])
    finally:
        system.env = {}
    return sample["allocations_per_request"]
