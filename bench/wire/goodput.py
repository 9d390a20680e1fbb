"""Goodput of weir and of Linux over the same bad wire, as a table (docs/tcp.md).

    ./run bench wire [--controllers cubic,reno,bbr] [--quick] [--rounds N]
                     [--cell "100 ms"] [--cell "0 ms, 1 %"] ...   rows that begin so
                     [--beside relay]     Linux relays, too (haproxy), and does not end the path
"""
import argparse
import datetime
import signal
import statistics
import sys

from harness import proc
from harness.goodput import WAYS, Cell, Path
from harness.reap import reap

PLACES = {"linux": "Linux", "relay": "relay"}
CONTROLLERS = ("cubic", "reno", "bbr")
FIRST_SEED = 7


def cells(quick):
    """All of delay and loss, and the other faults at 10 ms."""
    rtts, losses = ((10,), (0, 1)) if quick else ((0, 10, 100), (0, 0.1, 1, 5))
    grid = [Cell(rtt=rtt, loss=loss, seconds=8.0 if rtt == 100 else 4.0)
            for rtt in rtts for loss in losses]
    return grid + [Cell(rtt=10, reorder=5), Cell(rtt=10, duplicate=1)]


def measure(path, cell, rounds, systems):
    """{way: {system: median Mbit/s}}; systems take turns: what else runs on the machine changes
    within minutes. Each round has dice of its own: with the same ones all flows of a system meet
    their first losses at the same places, which decides how far slow start comes."""
    samples = {way: {system: [] for system in systems} for way in WAYS}
    for n in range(rounds):
        cell.seed = FIRST_SEED + n
        for system in systems:
            for (_, way), mbit in path.measure(system, [cell]).items():
                samples[way][system].append(mbit)
    return {way: {s: statistics.median(v) for s, v in by.items()} for way, by in samples.items()}


def print_table(controller, chosen, rounds, beside):
    name = PLACES[beside]
    print(f"\n### {controller}\n")
    print(f"| round trip, faults | {name} sends | weir sends | ratio | {name} receives "
          "| weir receives | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
          flush=True)
    with Path(controller, controller) as path:
        for cell in chosen:
            row = [str(cell)]
            for mbit in measure(path, cell, rounds, (beside, "weir")).values():
                other, weir = mbit[beside], mbit["weir"]
                row += [f"{other:.1f}", f"{weir:.1f}", f"{weir / max(other, 1e-9):.2f}"]
            print("| " + " | ".join(row) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./run bench wire", description=__doc__)
    parser.add_argument("--controllers", default="cubic")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--beside", choices=PLACES, default="linux",
                        help="what stands in the gateway's place (linux)")
    parser.add_argument("--cell", action="append", metavar="ROW",
                        help="only rows of the table that begin so; may be repeated")
    args = parser.parse_args()
    controllers = args.controllers.split(",")
    chosen = [c for c in cells(args.quick)
              if not args.cell or str(c).startswith(tuple(args.cell))]
    if not chosen:
        parser.error("no row begins like any --cell")
    if set(controllers) - set(CONTROLLERS):
        parser.error(f"controllers are {', '.join(CONTROLLERS)}")
    # A polite kill takes the same way out as Ctrl-C: namespaces are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    reap()
    print(f"Mbit/s of payload; 1 Gbit/s each way, {datetime.date.today()}")
    try:
        for controller in controllers:
            print_table(controller, chosen, args.rounds, args.beside)
    finally:
        proc.clear_scratch()


if __name__ == "__main__":
    main()
