"""Programs under our control: started, waited for, stopped by pid, their output kept."""
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

SCRATCH_ROOT = tempfile.gettempdir()
# A sanitizer slows everything; so does a machine that is busy with something else.
PATIENCE = float(os.environ.get("WEIR_E2E_PATIENCE", "1"))
STEP_MAX_S = 1.0  # more than that between two looks is not waiting
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def scratch():
    """The directory of this process's files; `clear_scratch` removes it."""
    path = os.path.join(SCRATCH_ROOT, f"weir-{os.getpid()}")
    os.makedirs(path, exist_ok=True)
    return path


def clear_scratch():
    shutil.rmtree(os.path.join(SCRATCH_ROOT, f"weir-{os.getpid()}"), ignore_errors=True)


def raise_limits(files=131072):
    """Room for tens of thousands of connections, here and in what is started from here. Returns
    how many files there may be now."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, hard)))
    except ValueError:
        # Root in a container may lack CAP_SYS_RESOURCE: take what it may have.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def wait_until(what, probe, timeout=10.0, every=0.02):
    """Waits for probe() to be true and returns its value; says `what` was not when it gives up.
    While the whole machine stands still, as a virtual one may, nobody waits."""
    left = timeout * PATIENCE
    while True:
        began = time.monotonic()
        value = probe()
        if value:
            return value
        if left <= 0:
            raise TimeoutError(f"{what}: not within {timeout * PATIENCE:.1f} s")
        time.sleep(every)
        left -= min(time.monotonic() - began, STEP_MAX_S)


def put_first(pid):
    """Lets a process run before all ordinary ones: what is measured shares the machine with
    nothing. The scheduler groups by session first, by process second."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, -20)
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as f:
            f.write("-20")


class Process:
    """A program in a namespace. It dies with us, whatever happens to us.

    What it prints goes to its log; its stderr to a pipe when somebody wants to wait for it."""

    def __init__(self, name, argv, ns=None, env=None, cpus=None, pipe=False, first=False):
        self.name = name
        self.log_path = os.path.join(scratch(), f"{name}.{time.monotonic_ns()}.log")
        argv = [str(a) for a in argv]
        if cpus is not None:
            argv = ["taskset", "-c", cpus, *argv]
        argv = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(
                ns.exec_argv(argv) if ns else argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.PIPE if pipe else subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(env or {})})
        if first:
            put_first(self.popen.pid)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, timeout):
        """The exit code; negative when a signal ended it."""
        return self.popen.wait(timeout * PATIENCE)

    def send_signal(self, sig):
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(sig)

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Ends it, by force if it does not end by itself, and returns the exit code."""
        if self.running():
            self.send_signal(sig)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def sanitizer_reports(self):
        return [line for line in self.log().splitlines() if SANITIZER.search(line)]

    def rss(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
