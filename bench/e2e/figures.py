"""The report's plots: each takes the results and returns SVG, or "" without figures."""
import plot
import workloads
from tables import entries


def _label(entry):
    return f"{entry['sut']}/{entry['path']}"


def throughput(results):
    items = []
    for row in workloads.THROUGHPUT:
        bars = []
        for e in entries(results, row.name):
            values = [s[row.unit] for s in results.samples[row.name, e["sut"], e["path"]]]
            if values:
                bars.append((_label(e), [e[row.unit]], min(values), max(values)))
        if bars:
            items.append((row.name, "Gbit/s" if row.unit == "gbps" else "requests/s", bars))
    return plot.panels("Throughput with one core", items,
                       footnote="bar: median of the rounds; line: lowest to highest")


def latency(results):
    curves = []
    for (workload, sut, path), samples in results.samples.items():
        if workload == "latency-50" and samples:
            curves += [(f"{sut}/{path}", False, samples[-1]["histogram"]),
                       (f"{sut}/{path}", True, samples[-1]["direct"]["histogram"])]
    return plot.latency("Latency at 50% of each system's own maximum; dashed: at the same rate "
                        "without it", curves)


def memory(results):
    items = []
    for name, n in workloads.IDLE.items():
        bars = [(_label(e), [e["process_bytes_per_connection"], e["kernel_bytes_per_connection"]],
                 None, None)
                for e in entries(results, name) if e.get("bytes_per_connection")]
        if bars:
            items.append((f"{n:,} idle connections", "bytes each", bars))
    return plot.panels("Memory per idle keep-alive connection", items,
                       footnote="dark: the process; light: the kernel")


ALL = {"throughput.svg": throughput, "latency.svg": latency, "memory.svg": memory}
