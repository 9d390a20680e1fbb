"""The report: report.json (a contract), report.md for people, and the plots that it shows."""
import json
import os

import figures
import reach
import tables


def _sections(results, generator, about, micro_path):
    return [
        ("Reach", tables.reach(reach.lines(results, generator, micro_path))),
        ("Throughput", tables.throughput(results), "throughput.svg"),
        ("Against the better of nginx and haproxy", tables.ratios(results)),
        ("Whose core receives", tables.receiving(results)),
        ("Latency", tables.latency(results), "latency.svg"),
        ("What the machine itself does to latency", tables.pauses(about)),
        ("Idle connections", tables.idle(results), "memory.svg"),
        ("Changes under load", tables.changes(results)),
        ("Mirrors", tables.mirrors(results)),
        ("The generator", tables.generator(generator)),
        ("Notes", tables.notes(results)),
    ]


def markdown(results, generator, about, micro_path, plots):
    """What people read. The sections fit below a heading of docs/performance.md."""
    parts = ["# Benchmark report", "docs/performance.md says how to read it.",
             tables.machine(about)]
    for title, body, *plot in _sections(results, generator, about, micro_path):
        if body:
            parts += [f"## {title}", body, *(f"![{title}]({p})" for p in plot if p in plots)]
    return "\n\n".join(parts) + "\n"


def _write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)


def write(folder, results, generator, about, micro_path):
    """Writes all files to the folder; returns the Markdown."""
    os.makedirs(folder, exist_ok=True)
    _write(folder, "report.json", json.dumps(results.entries(), indent=1) + "\n")
    plots = {name: draw(results) for name, draw in figures.ALL.items()}
    plots = {name: svg for name, svg in plots.items() if svg}
    for name, svg in plots.items():
        _write(folder, name, svg)
    text = markdown(results, generator, about, micro_path, plots)
    _write(folder, "report.md", text)
    return text
