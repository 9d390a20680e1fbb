"""The harness's own promises: nothing outlives a run, and what it reads is what was written."""
import os
import signal
import subprocess
import sys
import textwrap

from harness import netns, proc, reap
from harness.client import parse_wrk
from harness.metrics import Metrics

HERE = os.path.dirname(os.path.abspath(__file__))
VICTIM = """
    import time
    from harness.lab import Lab
    from harness.proc import Process
    lab = Lab()
    sleeper = Process("sleeper", ["sleep", "300"], ns=lab.gw)
    time.sleep(0.5)
    print(sleeper.pid, flush=True)
    time.sleep(300)
"""


def start_victim():
    """A run of its own; (its process, the pid of what it started)."""
    run = subprocess.Popen([sys.executable, "-B", "-c", textwrap.dedent(VICTIM)], cwd=HERE,
                           stdout=subprocess.PIPE, text=True)
    return run, int(run.stdout.readline())


def test_what_a_killed_run_leaves_is_reaped():
    run, sleeper = start_victim()
    names = [f"weir-{run.pid}-{role}" for role in ("client", "gw", "back")]
    assert set(names) <= set(os.listdir(netns.NETNS_DIR))
    run.kill()
    run.wait()
    run.stdout.close()
    proc.wait_until("its processes die with it", lambda: not netns.alive(sleeper))
    subprocess.run([sys.executable, "-B", "-m", "harness.reap"], cwd=HERE, check=True)
    assert not set(names) & set(os.listdir(netns.NETNS_DIR))
    assert not os.path.exists(os.path.join(proc.SCRATCH_ROOT, f"weir-{run.pid}"))


def test_running_runs_are_left_alone():
    run, sleeper = start_victim()
    try:
        assert not [n for n in reap.reap() if str(run.pid) in n]
        assert netns.alive(sleeper)
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
        reap.reap()


def test_process_exit_and_reports():
    good = proc.Process("good", ["true"])
    assert good.wait(5) == 0 and not good.sanitizer_reports()
    stubborn = proc.Process("stubborn", ["sh", "-c", "trap '' TERM; echo up; sleep 60 & wait"])
    proc.wait_until("it is up", lambda: "up" in stubborn.log())
    assert stubborn.stop(timeout=0.2) == -signal.SIGKILL
    bad = proc.Process("bad", ["echo", "==1==ERROR: AddressSanitizer: heap-use-after-free"])
    bad.wait(5)
    assert len(bad.sanitizer_reports()) == 1


def test_metrics():
    it = Metrics('# HELP a b\n# TYPE a counter\na{x="1",y="q\\"\\n"} 2\na{x="2"} 3.5\nb 1e3\n')
    assert it.sum("a") == 5.5 and it.sum("a", x="2") == 3.5 and it.sum("b") == 1000
    assert it.all("a", x="1") == [({"x": "1", "y": 'q"\n'}, 2.0)]


def test_wrk_report():
    text = ("  1000 requests in 2.00s, 1MB read\n  Socket errors: connect 0, read 1, write 2, "
            "timeout 3\n  Non-2xx or 3xx responses: 7\nRequests/sec:    500.25\n")
    report = parse_wrk(text)
    assert (report.requests, report.rate) == (1000, 500.25)
    assert (report.non_2xx, report.socket_errors) == (7, 6)
