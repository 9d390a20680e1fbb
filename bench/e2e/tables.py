"""The report's tables: each takes the results and returns Markdown, or "" without figures."""
from statistics import median

import workloads
from mirror import SHADOWS, WINDOW_MS

WRONG_SHOWN = 3  # examples of wrong answers of one entry
SYSTEMS = (("weir", "memif"), ("weir", "veth"), ("nginx", "veth"), ("haproxy", "veth"))


def count(value, form=",.0f"):
    """A figure for a table; "-" where there is none."""
    return "-" if value is None else format(value, form)


def table(columns, rows):
    """Markdown. The first column and those that end with a colon are text, the others numbers."""
    align = ["---" if i == 0 or c.endswith(":") else "---:" for i, c in enumerate(columns)]
    lines = [[c.rstrip(":") for c in columns], align, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) if rows else ""


def entries(results, workload):
    """The entries of a workload, in the order in which systems are shown."""
    found = (results.entry(workload, *system) for system in SYSTEMS)
    return [e for e in found if e]


def machine(about):
    hugepages = about["hugepages_mib"]
    return table(["", ":"], [
        ["machine", f"{about['cpus']} CPUs of {about['cpu']}, TSC {about['tsc_hz'] / 1e6:,.0f} "
                    f"MHz, {about['memory_gib']} GiB, Linux {about['kernel']}"],
        ["programs", f"weir {about['revision']}, DPDK {about['dpdk']}, nginx {about['nginx']}, "
                     f"haproxy {about['haproxy']}"],
        ["cores", f"system under test: CPU {about['sut_cpu']}; generator and everything else: "
                  f"CPU {about['load_cpu']}"],
        ["hugepages", f"{hugepages:,} MiB, for weir and the generator" if hugepages
         else "none could be had"],
        ["load average before", f"{about['load_average']:.1f}"],
        ["rounds", f"{about['rounds']} of {about['seconds']:g} s each"],
        ["taken by the hypervisor",
         f"{about['steal_s']:.1f} CPU seconds of {about['elapsed_s']:.0f} s"],
    ])


def reach(lines):
    verdict = {True: "yes", False: "**no**", None: "-"}
    return table(["workload", "at least:", "measured:", "met:"],
                 [[x.what, x.target, x.measured, verdict[x.met]] for x in lines])


def _spread(values):
    return f"{min(values):,.0f}–{max(values):,.0f}" if values else "-"


def throughput(results):
    rows = [[row.name, e["sut"], e["path"], count(e["rps"]), _spread(e.get("rps_rounds")),
             count(e["gbps"], ".2f"), count(e["p50_us"]), count(e["p99_us"]),
             count(e["p999_us"]), count(e["busy_cycles_per_request"]),
             count(e["instructions_per_request"]), count(e["allocations_per_request"], ".2f"),
             count(e["wrong"])]
            for row in workloads.THROUGHPUT for e in entries(results, row.name)]
    return table(["workload", "system:", "path:", "requests/s", "spread", "Gbit/s", "p50 us",
                  "p99 us", "p99.9 us", "busy cycles/request", "instructions/request",
                  "allocations/request", "wrong"], rows)


def _times(ratios):
    if not ratios:
        return "-"
    return f"{median(ratios):.1f}x ({min(ratios):.1f}–{max(ratios):.1f})"


def ratios(results):
    rows = []
    for row in workloads.THROUGHPUT:
        cells = [_times(results.ratios(row.name, path, row.unit)) for path in ("memif", "veth")]
        if cells != ["-", "-"]:
            rows.append([row.name, *cells])
    return table(["workload", "weir over memif", "weir over veth"], rows)


def receiving(results):
    rows = []
    for row in filter(lambda w: w.key, workloads.THROUGHPUT):
        for e in entries(results, row.name):
            if e.get("one_core_rps") is None:
                continue
            steered = e.get("steered") or {}
            rows.append([row.name, e["sut"], count(e["rps"]),
                         count(e["busy_cycles_per_request"]), count(e["foreign_receive_cycles"]),
                         count(e["receive_cycles_elsewhere"]), count(e["one_core_rps"]),
                         count(steered.get("rps")), count(steered.get("busy_cycles_per_request"))])
    return table(["workload", "system:", "requests/s", "cycles/request on its core",
                  "of these for the generator", "for it on the generator's core",
                  "requests/s if each did its own", "steered: requests/s", "cycles/request"], rows)


def latency(results):
    rows = []
    for share in workloads.LATENCY_SHARES:
        for e in entries(results, f"latency-{share}"):
            figures = [f"{count(e.get(p), ',.1f')} ({count(e.get(f'added_{p}'), '+,.1f')})"
                       for p in ("p50_us", "p99_us", "p999_us", "window_p99_us")]
            rows.append([f"{share}%", e["sut"], e["path"], count(e.get("rate")), count(e["rps"]),
                         *figures, count(e["wrong"])])
    return table(["load", "system:", "path:", "asked requests/s", "answered", "p50 us (added)",
                  "p99 us (added)", "p99.9 us (added)", "p99 us of the median 20 ms (added)",
                  "wrong"], rows)


def pauses(about):
    rows = [[f"CPU {cpu}", n, f"{share:.2%}", count(longest)]
            for cpu, (n, share, longest) in zip((about["sut_cpu"], about["load_cpu"]),
                                                about.get("pauses") or ())]
    return table(["a program that only runs, for 2 s", "pauses of 50 us and more",
                  "share of time", "longest us"], rows)


def idle(results):
    rows = [[count(n), e["sut"], count(e.get("held")), count(e.get("served_again")),
             count(e.get("process_bytes_per_connection")),
             count(e.get("kernel_bytes_per_connection")), count(e.get("bytes_per_connection")),
             count(e.get("ramp_seconds"), ".1f"), count(e["wrong"])]
            for name, n in workloads.IDLE.items() for e in entries(results, name)]
    return table(["connections", "system:", "held", "served again", "process bytes/connection",
                  "kernel bytes/connection", "sum", "seconds to open", "wrong"], rows)


def changes(results):
    rows = []
    for e in entries(results, "reload"):
        base = results.entry(workloads.BASE.name, e["sut"], e["path"])
        share = e["rps"] / base["rps"] if base and base["rps"] and e["rps"] else None
        rows.append([e["sut"], e["path"], count(e.get("reloads")), count(e["rps"]),
                     count(share, ".0%"), count(e["p99_us"]), count(e.get("resets")),
                     count(e.get("connect_failures")), count(e["wrong"])])
    return table(["system", "path:", "changes", "requests/s", "of those without", "p99 us",
                  "resets", "failed connects", "wrong"], rows)


def _shares(shares):
    if not shares:
        return "-"
    return f"{median(shares):.1%} ({min(shares):.0%} to {max(shares):.0%})"


def mirrors(results):
    rows = []
    for system in SYSTEMS[:2]:
        for kind in SHADOWS:
            name = f"mirror-{kind}"
            e = results.entry(name, *system)
            if e:
                of_none = [_shares(results.shares(name, "mirror-none", system, field))
                           for field in ("rps", "tenth_window_p99_us", "tenth_p99_us")]
                rows.append([kind, system[1], count(e["rps"]), of_none[0],
                             count(e.get("tenth_rps")), count(e.get("tenth_window_p99_us"), ".1f"),
                             of_none[1], count(e.get("tenth_p99_us"), ",.0f"), of_none[2],
                             count(e["wrong"])])
    return table(["mirror", "path:", "requests/s", "of those without", "at a tenth",
                  f"p99 us, median {WINDOW_MS} ms", "of that without", "p99 us",
                  "of that without", "wrong"], rows)


def generator(samples):
    rows = [[device, count(s["rps"]), count(s["cycles_busy_per_response"]), count(s["wrong"])]
            for device, s in samples.items()]
    return table(["both roles on one core over", "requests/s", "cycles/request", "wrong"], rows)


def notes(results):
    lines = list(results.notes)
    for e in results.entries():
        lines += [f"{e['workload']}, {e['sut']} over {e['path']}: wrong: {example}"
                  for example in e.get("wrong_examples", ())[:WRONG_SHOWN]]
        lines += [f"{e['workload']}, {e['sut']} over {e['path']}: {field}: {why}"
                  for field, why in e.get("notes", {}).items()]
    return "\n".join(f"- {line}" for line in lines)
