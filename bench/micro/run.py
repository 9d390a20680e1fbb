"""The microbenchmarks: cycles per operation, part by part, beside the budget of the data path.

    run.py [NAME ...]              all, or those named; writes build/bench/micro.json
    run.py --compare [REV]         this tree beside REV's (HEAD~1), built in the same way
    run.py --instructions [N]      instructions per request of the whole worker, by function

The machine should be quiet: what else runs on it shows up as spread (p10, p90).
"""
import argparse
import collections
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("WEIR_BUILD", os.path.join(REPO, "build"))
OUT = os.path.join(BUILD, "bench", "micro.json")
TIMEOUT_S = 180  # of one program
ROUNDS = 3
CHANGE = 0.05  # less is not worth a mark
# What decides how fast a build is; the other tree's build gets the same.
BUILD_OPTIONS = ("buildtype", "b_lto", "march")

Line = collections.namedtuple("Line", "text cycles parts")

# The budget (one keep-alive request of 64 bytes, both sides HTTP/1.1), and what of the
# measured cases makes up each line, how many times.
BUDGET = {
    "rxtx": Line("rx/tx of 4 data segments, checksums in software", 500,
                 {"rxtx/rx_64B": 2, "rxtx/tx_64B": 2}),
    "tcp": Line("TCP in/out, both sides", 600, {"tcp/ping_pong_64B": 2}),
    "http": Line("HTTP parse x2, header rewrite x2", 450,
                 {"http/parse_request_wrk": 1, "proxy/rewrite_request_wrk": 1,
                  "http/parse_response": 1, "proxy/rewrite_response": 1}),
    "route": Line("route, filters, balance, pool", 300,
                  {"route/mixed_100_middle": 1, "balance/split": 1,
                   "balance/least_request_10": 1, "proxy/pool_reuse": 1}),
    "other": Line("counters, timers, access log off", 150,
                  {"proxy/account": 1, "timer/rearm": 4, "snapshot/pin_unpin": 1}),
}
TOTAL = Line("total", 2000, {"gateway/keepalive_64B": 1})


# ---- running ----

def programs(build):
    """Name to path of the benchmarks that a build directory makes."""
    info = subprocess.run(["meson", "introspect", "--targets", build], check=True,
                          capture_output=True, text=True).stdout
    return {t["name"].removeprefix("bench_"): t["filename"][0] for t in json.loads(info)
            if t["type"] == "executable" and t["name"].startswith("bench_")}


def run_program(path, *args):
    """Its results. A line that is not one of them is of an older kind of benchmark."""
    done = subprocess.run([path, *args], check=False, stdout=subprocess.PIPE, text=True,
                          timeout=TIMEOUT_S)
    if done.returncode:
        sys.exit(f"{os.path.basename(path)} failed: exit code {done.returncode}")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {f"{r['bench']}/{r['case']}": r for r in rows if "case" in r}


def choose(build, names):
    there = programs(build)
    unknown = [n for n in names if n not in there]
    if unknown:
        sys.exit(f"no microbenchmark {', '.join(unknown)}; there are {', '.join(there)}")
    return {n: there[n] for n in names or there}


# ---- one tree ----

def case_table(results):
    rows = [f"{'case':42} {'cycles':>11} {'p10':>11} {'p90':>11} {'ns':>11}"]
    for name, r in results.items():
        rows.append(f"{name:42} {r['cycles_per_op']:11,.1f} {r['p10']:11,.1f} "
                    f"{r['p90']:11,.1f} {r['ns_per_op']:11,.1f}")
    return "\n".join(rows)


def measured(line, results):
    """The cycles of a budget line; None when not all of it was measured."""
    if any(part not in results for part in line.parts):
        return None
    return sum(n * results[part]["cycles_per_op"] for part, n in line.parts.items())


def parts_text(line):
    return " + ".join(f"{n} {part}" if n > 1 else part for part, n in line.parts.items())


def budget_table(results):
    """Budget and measurement line by line; what the lines leave of the total comes last."""
    rows = ["| line | budget | measured | made of |", "| --- | ---: | ---: | --- |"]
    sums = [measured(line, results) for line in BUDGET.values()]
    total = measured(TOTAL, results)
    for line, cycles in zip([*BUDGET.values(), TOTAL], [*sums, total]):
        text = "-" if cycles is None else f"{cycles:,.0f}"
        rows.append(f"| {line.text} | {line.cycles:,} | {text} | {parts_text(line)} |")
    if total is not None and None not in sums:
        rows.append(f"| in the total and in no line | | {total - sum(sums):,.0f} | |")
    return "\n".join(rows)


def measure(options):
    results = {}
    for path in choose(BUILD, options.names).values():
        results.update(run_program(path))
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w", encoding="utf-8") as f:
        json.dump(list(results.values()), f, indent=1)
    print(case_table(results))
    print()
    print(budget_table(results))


# ---- two trees ----

def git(*args):
    return subprocess.run(["git", "-C", REPO, *args], check=True, capture_output=True,
                          text=True).stdout.strip()


def build_options():
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"),
              encoding="utf-8") as f:
        values = {o["name"]: o["value"] for o in json.load(f)}
    return [f"-D{name}={str(values[name]).lower()}" for name in BUILD_OPTIONS]


def build_tree(tree):
    """Only the benchmarks; returns name to path."""
    build = os.path.join(tree, "build")
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["meson", "setup", build, *build_options()], cwd=tree, **quiet)
    there = programs(build)
    targets = [os.path.relpath(path, build) for path in there.values()]
    subprocess.run(["ninja", "-C", build, *targets], **quiet)
    return there


@contextlib.contextmanager
def worktree(rev):
    """A checkout of rev under the build directory, for as long as it is needed."""
    path = os.path.join(BUILD, "bench", f"rev-{rev[:12]}")
    remove = ["worktree", "remove", "--force", path]
    if os.path.exists(path):  # of a run that was killed
        shutil.rmtree(path)
        git("worktree", "prune")
    git("worktree", "add", "--detach", path, rev)
    try:
        yield path
    finally:
        git(*remove)


def rounds_of(old, new):
    """Both trees' benchmarks in turn; name to the medians of each round."""
    seen = {"old": collections.defaultdict(list), "new": collections.defaultdict(list)}
    for i in range(ROUNDS):
        print(f"round {i + 1} of {ROUNDS}", file=sys.stderr)
        for name in [*new, *(n for n in old if n not in new)]:
            for side, tree in (("old", old), ("new", new)):
                for case, r in run_program(tree[name]).items() if name in tree else ():
                    seen[side][case].append(r["cycles_per_op"])
    return seen


def mark(old, new):
    """A change is one when it is large enough and no round of one is among the other's."""
    ratio = statistics.median(new) / statistics.median(old)
    if abs(ratio - 1) <= CHANGE or (min(new) <= max(old) and min(old) <= max(new)):
        return ""
    return "slower" if ratio > 1 else "faster"


def compare_row(case, old, new):
    cycles = [f"{statistics.median(v):,.1f}" if v else "-" for v in (old, new)]
    if not old or not new:
        return f"{case:42} {cycles[0]:>11} {cycles[1]:>11} {'-':>7}"
    ratio = statistics.median(new) / statistics.median(old)
    row = f"{case:42} {cycles[0]:>11} {cycles[1]:>11} {ratio:7.3f} {mark(old, new)}"
    return row.rstrip()


def compare(options):
    rev = git("rev-parse", "--verify", f"{options.compare}^{{commit}}")
    new = choose(BUILD, options.names)
    with worktree(rev) as tree:
        print(f"building {rev[:12]}", file=sys.stderr)
        old = {n: p for n, p in build_tree(tree).items() if n in new or not options.names}
        seen = rounds_of(old, new)
    print(f"{'case':42} {rev[:11]:>11} {'this tree':>11} {'ratio':>7}")
    for case in [*seen["new"], *(c for c in seen["old"] if c not in seen["new"])]:
        print(compare_row(case, seen["old"][case], seen["new"][case]))


# ---- instructions ----

def annotated(path):
    """Function to instructions, as callgrind counted them."""
    text = subprocess.run(["callgrind_annotate", "--threshold=100", path], check=True,
                          capture_output=True, text=True).stdout
    found = re.findall(r"^\s*([\d,]+) \(.*?\)\s+\S*?:(\S+)", text, re.MULTILINE)
    return [(int(n.replace(",", "")), name) for n, name in found]


def instructions(options):
    """One run of the gateway benchmark; its worker's passes alone are counted."""
    if not shutil.which("valgrind"):
        sys.exit("valgrind is not installed (package valgrind)")
    requests = options.instructions
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "callgrind")
        subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=measured_pass*",
                        f"--callgrind-out-file={out}", programs(BUILD)["gateway"],
                        "--requests", str(requests)], check=True, capture_output=True,
                       timeout=TIMEOUT_S)
        found = annotated(out)
    total = sum(n for n, _ in found)
    print(f"{total / requests:9,.1f} instructions a request, of which")
    for n, name in found[:options.top]:
        print(f"{n / requests:9,.1f}  {name}")


def main():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--compare", nargs="?", const="HEAD~1", metavar="REV")
    parser.add_argument("--instructions", nargs="?", const=2048, type=int, metavar="N")
    parser.add_argument("--top", type=int, default=60, help="functions shown by --instructions")
    options = parser.parse_args()
    options.names = [n for n in options.names if n != "micro"]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if options.compare:
        compare(options)
    elif options.instructions:
        instructions(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
