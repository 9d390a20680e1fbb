"""Latency at a share of a system's own maximum, and how much of it the system adds.

The same generator at the same rate over the same kind of wire, its backend role in the system's
place, is what is subtracted, percentile by percentile. The wire is crossed twice with the system
and once without: what is left over is charged to the system.

Percentiles of all requests are beside those of the median window of 20 ms. Where the machine itself
stops its CPUs for milliseconds in every second, the first are the machine's, and the second the
system's.
"""
from measure import throughput
from suts import Direct
from workloads import BASE

PERCENTILES = ("p50_us", "p99_us", "p999_us", "window_p50_us", "window_p99_us")


def added(sample, base):
    """What is more than without the system."""
    return {f"added_{p}": sample[p] - base[p] for p in PERCENTILES
            if sample[p] is not None and base[p] is not None}


def at_rate(ctx, system, rate, direct_wire):
    """A sample at so many requests a second, with what was added to each percentile."""
    extra = ("--rate", round(rate))
    sample = throughput(ctx, system, BASE, extra)
    base = throughput(ctx, Direct(direct_wire, ctx.cpus, ctx.hugepages), BASE, extra, counted=[])
    return {**sample, **added(sample, base), "rate": round(rate),
            "direct": {key: base[key] for key in (*PERCENTILES, "rps", "wrong", "histogram")}}
