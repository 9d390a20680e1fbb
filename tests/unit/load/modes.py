"""weir-load against itself over net_ring, every mode for a moment: nothing wrong where all is
right, and everything wrong counted where it is not.

usage: modes.py WEIR-LOAD
"""
import json
import os
import subprocess
import sys

BOTH = ("--device", "net_ring", "--clients", "198.18.0.10/24", "--target", "198.18.0.2:80",
        "--backend", "198.18.0.2:80", "--duration", "0.4", "--warmup", "0.1")
PATIENCE_S = 40
TRIES = 3


def run(exe, *args):
    """Runs it; returns its exit code, its result (None: it printed none) and its messages."""
    done = subprocess.run([exe, *args], capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class Check:
    """Collects what did not hold, so that one run tells all."""

    def __init__(self, name):
        self.name = name
        self.failed = 0

    def that(self, holds, what):
        if not holds:
            self.failed += 1
            print(f"{self.name}: {what}", flush=True)


def check_counts(check, result):
    """What holds of every run without losses, right or wrong."""
    d = result
    if not d["responses"]:
        check.that(False, "no responses")
        return
    check.that(sum(d["status"].values()) == d["responses"], f"statuses: {d['status']}")
    check.that(d["checksum_errors"] == 0, f"checksum errors: {d['checksum_errors']}")
    check.that(sum(n for _, n in d["histogram"]) == d["responses"], "histogram is not complete")
    lat = d["latency_us"]
    order = [lat[k] for k in ("min", "p50", "p90", "p99", "p999", "max")]
    check.that(order == sorted(order), f"quantiles are not in order: {lat}")


def check_right(check, result):
    """Nothing went wrong on either side."""
    d = result
    check_counts(check, d)
    check.that(d["wrong"] == d["wrong_before"] == 0, f"wrong: {d['wrong_examples']}")
    for key in ("connect_failures", "resets", "timeouts", "retransmits"):
        check.that(d[key] == 0, f"{key}: {d[key]}")
    check.that(d["backend"]["wrong"] == 0, f"backend: {d['backend']}")


RIGHT = {
    "keep-alive": [],
    "one connection": ["--connections", "1"],
    "many connections": ["--connections", "5000", "--client-addresses", "3"],
    "pipeline": ["--pipeline", "8"],
    "connection per request": ["--close"],
    "no timestamps": ["--no-timestamps", "--pipeline", "3"],
    "empty bodies": ["--path", "/bytes/0"],
    "large bodies": ["--path", "/bytes/1000001", "--connections", "4"],
    "every length": ["--path", "/bytes/%n", "--path-count", "3000"],
    "every length, pipelined": ["--path", "/bytes/%n", "--path-count", "3000", "--pipeline",
                                "16"],
    "upload": ["--upload", "1000"],
    "large uploads": ["--upload", "100001"],
    "upload, then close": ["--upload", "5000", "--close"],
    "small window": ["--window", "4", "--path", "/bytes/50000"],
    "small mtu": ["--mtu", "576", "--path", "/bytes/3000"],
    "late answers": ["--backend-latency", "300"],
    "late answers, pipelined": ["--backend-latency", "300", "--pipeline", "4"],
    "late answers, then close": ["--backend-latency", "300", "--close"],
    "errors allowed": ["--path", "/bytes/64?errors=10", "--allow-errors"],
    "errors allowed, pipelined": ["--path", "/bytes/64?errors=3", "--allow-errors",
                                  "--pipeline", "5"],
    "another status": ["--path", "/none", "--expect-status", "404", "--expect-bytes", "16"],
    "ramp": ["--ramp", "500", "--connections", "100"],
    "memif within the process": ["--device", "net_memif-loop"],
}

# Frames are lost: slower, but no less right.
LOSSY = {
    "loss": [],
    "loss, pipelined": ["--pipeline", "8"],
    "loss, connection per request": ["--close"],
    "loss, large bodies": ["--path", "/bytes/100000", "--connections", "8"],
    "loss, uploads": ["--upload", "50000"],
    "loss, every length": ["--path", "/bytes/%n", "--path-count", "3000", "--pipeline", "16"],
}


def check_mode(check, exe, args):
    code, result, err = run(exe, *BOTH, *args)
    check.that(code == 0 and result, f"exit {code}: {err}")
    if result:
        check_right(check, result)
        words = [w for w in err.split("\n") if w in ("ready", "measuring", "measured")]
        check.that(words == ["ready", "measuring", "measured"], f"stderr: {err}")


def patiently(name, what, exe, args):
    """Where time is measured, or little of it given, a busy machine may spoil a run."""
    for _ in range(TRIES):
        check = Check(name)
        what(check, exe, args)
        if not check.failed:
            break
    return check


def test_right(exe):
    for name, args in RIGHT.items():
        yield patiently(name, check_mode, exe, args)


def test_lossy(exe):
    again = 0
    for name, args in LOSSY.items():
        check = Check(name)
        code, d, err = run(exe, *BOTH, "--loss", "20", "--duration", "2", *args)
        check.that(code == 0 and d, f"exit {code}: {err}")
        if d:
            check_counts(check, d)
            check.that(d["wrong"] == 0, f"wrong: {d['wrong_examples']}")
            check.that(d["resets"] == d["timeouts"] == 0, "resets or timeouts")
            again += d["retransmits"]
        yield check
    check = Check("losses are made good")
    check.that(again > 0, "nothing was sent again")
    yield check


def test_errors_counted(exe):
    check = Check("one in ten is an error")
    _, d, _ = run(exe, *BOTH, "--path", "/bytes/64?errors=10", "--allow-errors")
    share = d["status"]["503"] / d["responses"]
    check.that(0.099 < share < 0.101, f"{share} of the answers are errors")
    yield check
    check = Check("errors are wrong unless they are allowed")
    _, d, _ = run(exe, *BOTH, "--path", "/bytes/64?errors=10")
    check.that(d["wrong"] == d["status"]["503"], f"{d['wrong']} of {d['status']['503']}")
    check.that(any("status 503" in e for e in d["wrong_examples"]), d["wrong_examples"])
    yield check


def test_wrong_counted(exe):
    for args in ([], ["--pipeline", "4"], ["--close"], ["--path", "/bytes/5000"]):
        check = Check(f"wrong answers are counted {' '.join(args)}")
        code, d, _ = run(exe, *BOTH, "--backend-corrupt", "100", *args)
        share = d["wrong"] / d["responses"]
        check.that(code == 0, f"exit {code}")
        check.that(0.0095 < share < 0.0105, f"{share} instead of a hundredth is wrong")
        text = " ".join(d["wrong_examples"])
        check.that("differs at byte" in text, d["wrong_examples"])
        check.that("a length of" in text, d["wrong_examples"])
        yield check
    check = Check("another length than expected")
    _, d, _ = run(exe, *BOTH, "--path", "/bytes/64", "--expect-bytes", "63")
    check.that(d["wrong"] == d["responses"], f"{d['wrong']} of {d['responses']}")
    yield check


def check_rate(check, exe, args):
    _, d, _ = run(exe, *BOTH, "--rate", "5000", "--duration", "1", *args)
    check_right(check, d)
    check.that(3000 < d["responses"] < 7000, f"{d['responses']} answers at 5000/s")


def check_waiting(check, exe, _args):
    # One request at a time that takes 2 ms, 1,000 of them a second: the queue grows by half a
    # second each second, and requests wait in it.
    _, d, _ = run(exe, *BOTH, "--rate", "1000", "--connections", "1", "--warmup", "0",
                  "--duration", "1", "--backend-latency", "2000")
    # Sent when it can be, a request would take little more than its 2 ms.
    check.that(d["latency_us"]["mean"] > 40000, d["latency_us"])
    check.that(d["latency_us"]["max"] > 150000, d["latency_us"])


def check_windows(check, exe, _args):
    _, d, _ = run(exe, *BOTH, "--rate", "50000", "--latency-window", "2")
    rows = d["windows"]["responses_p50_p99_max_us"]
    check.that(d["windows"]["ms"] == 2, d["windows"]["ms"])
    # 0.4 s of them; one that a pause of the machine fell into is longer.
    check.that(50 < len(rows) <= 200, len(rows))
    check.that(all(p50 <= p99 <= most for _, p50, p99, most in rows), rows)


def check_prompt(check, exe, _args):
    for prompt in (0, 1):
        _, d, _ = run(exe, *BOTH, "--backend-latency", "20000", "--backend-prompt", str(prompt))
        check_right(check, d)
        check.that((d["latency_us"]["p50"] < 20000) == bool(prompt), d["latency_us"])


def test_open_loop(exe):
    for name, what, args in (("open loop", check_rate, []),
                             ("open loop, connection per request", check_rate, ["--close"]),
                             ("waiting counts as latency", check_waiting, []),
                             ("latency by window", check_windows, []),
                             ("a prompt address among late ones", check_prompt, [])):
        yield patiently(name, what, exe, args)


def test_idle(exe):
    check = Check("idle connections")
    _, d, _ = run(exe, *BOTH, "--idle-hold", "--connections", "5000")
    check_right(check, d)
    check.that(d["idle"] == {"connections_held": 5000, "served_again": 5000, "lost": 0},
               d["idle"])
    check.that(d["responses"] == 10000, f"{d['responses']} answers")
    yield check


def test_flood(exe):
    check = Check("flood")
    _, d, _ = run(exe, *BOTH, "--syn-flood", "100000", "--flood-count", "20000",
                  "--duration", "10")
    check.that(d["flood"]["syns_sent"] == 20000, d["flood"])
    check.that(d["flood"]["syn_acks"] >= 19000, d["flood"])
    check.that(d["rps"] is None and d["latency_us"] is None, "no load was asked for")
    yield check
    check = Check("load beside a flood")
    _, d, _ = run(exe, *BOTH, "--syn-flood", "10000", "--flood-count", "3000", "--connections",
                  "10", "--duration", "1")
    check_counts(check, d)
    check.that(d["wrong"] == 0 and d["flood"]["syns_sent"] > 100, d["flood"])
    yield check


def test_refusals(exe):
    cases = (
        (["--rate", "x"], 2, "--rate x"),
        (["--nonsense"], 2, "--nonsense"),
        (["--connections"], 2, "--connections needs a value"),
        (["--target", "198.18.0.2"], 2, "--target"),
        (["--target", "10.0.0.1:80"], 2, "--gateway"),
        (["--path", "/x"], 2, "--expect-bytes"),
        (["--close", "--pipeline", "2"], 2, "--pipeline"),
        (["--lcore", "1000"], 2, "--lcore 1000"),
        (["--connections", "100000"], 1, "--client-addresses"),
        (["--target", "198.18.0.2:81"], 1, "not one connection"),
        (["--device", "net_nonsense"], 1, "net_nonsense"),
    )
    for args, right, text in cases:
        check = Check(f"refusal of {' '.join(args)}")
        code, result, err = run(exe, *BOTH, *args)
        check.that(code == right and result is None, f"exit {code}")
        check.that(text in err, f"does not say {text}: {err}")
        yield check


def main():
    exe = os.path.abspath(sys.argv[1])
    checks = [c for test in (test_right, test_lossy, test_errors_counted, test_wrong_counted,
                             test_open_loop, test_idle, test_flood, test_refusals)
              for c in test(exe)]
    failed = [c.name for c in checks if c.failed]
    print(f"{len(checks)} runs, {len(failed)} failed {failed or ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
