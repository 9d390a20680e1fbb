"""Fixtures: one lab and one set of backends for all, one gateway for each file."""
import os
import signal

import pytest

from harness import bookinfo, proc
from harness.lab import Lab
from harness.reap import reap
from harness.weir import Weir

RUNNING = []  # gateways whose logs explain a failure


def pytest_configure(config):
    reap()
    # A polite kill takes the same way out as Ctrl-C: fixtures are torn down.
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, frame: pytest.exit(f"signal {number}", 128 + number))


def pytest_unconfigure(config):
    proc.clear_scratch()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for weir in RUNNING:
            report.sections.append(("weir's log", weir.log()[-4000:]))


@pytest.fixture(scope="session")
def lab():
    with Lab() as it:
        yield it


@pytest.fixture(scope="session")
def wire_lab():
    """A lab whose client is at the far end of a bad wire."""
    with Lab("bad", bad_wire=True) as it:
        yield it


@pytest.fixture(scope="session")
def bookinfo_servers(lab):
    return bookinfo.start(lab)


@pytest.fixture(scope="module")
def start_weir():
    """Starts gateways that are stopped, and must have been well, when the file is through."""
    started = []

    def start(lab, resources, before=None, **node):
        weir = Weir(lab, resources, **node)
        if before:
            before(weir)
        started.append(weir)
        RUNNING.append(weir)
        return weir.start()

    yield start
    failures = []
    for weir in started:
        RUNNING.remove(weir)
        try:
            weir.stop()
        except AssertionError as problem:
            failures.append(str(problem))
        finally:
            weir.kill()
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def gw(lab, bookinfo_servers, start_weir):
    """A gateway with Bookinfo behind it and no route yet."""
    return start_weir(lab, bookinfo.registry())


def conformance(name):
    """A black-box program shared between projects; tests that use one skip where it is absent."""
    folder = os.environ.get("WEIR_CONFORMANCE", "/work/shared/conformance")
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        pytest.skip(f"{path} is absent (WEIR_CONFORMANCE names its folder)")
    return path
