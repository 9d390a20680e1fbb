"""What weir is to reach, line by line, and what was measured of it."""
import json
import os
from dataclasses import dataclass
from statistics import median

ROUTE_LIMIT_NS, ROUTE_GROWTH = 500, 2


@dataclass
class Line:
    """met is None where nothing was measured."""
    what: str
    target: str
    measured: str = "not measured"
    met: bool = None


def _figure(results, workload, path, name):
    entry = results.entry(workload, "weir", path)
    return entry.get(name) if entry else None


def _ratio(results, workload, path):
    ratios = results.ratios(workload, path)
    return median(ratios) if ratios else None


def _rate(results, workload, path, least, times):
    """Requests a second, of itself and against the better peer."""
    line = Line(f"{workload} over {path}", (f"{least:,}/s and " if least else "") +
                f"{times}x the better of nginx and haproxy")
    rate, ratio = _figure(results, workload, path, "rps"), _ratio(results, workload, path)
    if rate is None:
        return line
    line.measured = f"{rate:,.0f}/s"
    if ratio is not None:
        line.measured += f", {ratio:.1f}x"
        line.met = rate >= (least or 0) and ratio >= times
        alone = results.ratios(workload, path, "one_core_rps")
        if alone:
            line.measured += f" ({median(alone):.1f}x if each did its own receiving)"
    elif least and rate < least:
        line.met = False
    return line


def _relay(results):
    line = Line("relay-1m over memif", "20 Gbit/s")
    gbps = _figure(results, "relay-1m", "memif", "gbps")
    if gbps is not None:
        line.measured, line.met = f"{gbps:.1f} Gbit/s", gbps >= 20
    return line


def _added(results):
    line = Line("p99 latency added at 50% load, memif", "under 50 us")
    name = "latency-50", "memif"
    us, every = (_figure(results, *name, f"added_{p}") for p in ("window_p99_us", "p99_us"))
    if us is not None and every is not None:
        line.measured = f"{us:.1f} us in the median window of 20 ms; {every:.1f} us of all requests"
        line.met = us < 50
    return line


def _memory(results):
    line = Line("memory per idle keep-alive connection",
                "under 1,024 bytes; 1,000,000 held and served")
    entry = results.entry("idle-1m", "weir", "memif")
    if entry and entry.get("bytes_per_connection") is not None:
        each, held, served = (entry[k] for k in ("bytes_per_connection", "held", "served_again"))
        line.measured = f"{each:,.0f} bytes; {held:,} held, {served:,} served again"
        line.met = each < 1024 and held >= 1_000_000 and served >= 1_000_000
    elif entry:
        line.measured = entry["notes"].get("bytes_per_connection", line.measured)
    return line


def route_growth(micro):
    """{case: (ns with 10 routes, ns with 100,000)} of the route match microbenchmark, whose cases
    are called KIND_ROUTES_POSITION."""
    found = {}
    for row in micro:
        kind, _, rest = row["case"].partition("_")
        n, _, position = rest.partition("_")
        if row["bench"] == "route" and n in ("10", "100000"):
            found.setdefault(f"{kind} {position}", {})[n] = row["ns_per_op"]
    return {case: (ns["10"], ns["100000"]) for case, ns in found.items() if len(ns) == 2}


def _routes(micro_path):
    line = Line("route match, 10 -> 100,000 routes",
                f"under {ROUTE_LIMIT_NS} ns, growing less than {ROUTE_GROWTH}x")
    if not os.path.exists(micro_path):
        return line
    with open(micro_path, encoding="utf-8") as f:
        growth = route_growth(json.load(f))
    if growth:
        slowest = max(growth, key=lambda case: growth[case][1])
        steepest = max(growth, key=lambda case: growth[case][1] / growth[case][0])
        ns, factor = growth[slowest][1], growth[steepest][1] / growth[steepest][0]
        line.measured = f"at most {ns:,.0f} ns ({slowest}), {factor:.1f}x ({steepest})"
        line.met = ns < ROUTE_LIMIT_NS and factor < ROUTE_GROWTH
    return line


def _generator(results, generator):
    line = Line("the generator against its own backend, one core",
                "3x the best system under test")
    best = max((e["rps"] or 0 for e in results.entries() if e["workload"] == "keepalive-64"),
               default=0)
    if generator and best:
        slowest = min(sample["rps"] for sample in generator.values())
        line.measured = f"{slowest:,.0f}/s, {slowest / best:.1f}x"
        line.met = slowest >= 3 * best
    return line


def lines(results, generator, micro_path):
    return [
        _rate(results, "keepalive-64", "memif", 600_000, 10),
        _rate(results, "keepalive-64", "veth", None, 3),
        _rate(results, "connection-per-request", "memif", 150_000, 8),
        _relay(results), _added(results), _memory(results), _routes(micro_path),
        _generator(results, generator),
    ]
