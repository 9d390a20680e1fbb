"""Hugepages borrowed from the machine for the time of a run, and given back."""
import contextlib
import os

from . import proc

COUNT = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PAGE_MIB = 2
NOTE = "hugepages.before"  # in the scratch directory: how many there were


def _read():
    with open(COUNT, encoding="ascii") as f:
        return int(f.read())


def _write(n):
    with open(COUNT, "w", encoding="ascii") as f:
        f.write(str(n))


def give_back(folder):
    """Makes them as many as the note in the folder says, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        path = os.path.join(folder, NOTE)
        with open(path, encoding="ascii") as f:
            _write(int(f.read()))
        os.unlink(path)


@contextlib.contextmanager
def borrowed(mib):
    """Tries to have so many more, all or none; yields the MiB that it got. harness.reap gives
    back what a killed run has not."""
    got = 0
    try:
        before = _read()
        with open(os.path.join(proc.scratch(), NOTE), "w", encoding="ascii") as f:
            f.write(str(before))
        _write(before + mib // PAGE_MIB)
        got = (_read() - before) * PAGE_MIB
    except OSError:
        pass  # no hugepages here, or not ours to give
    if got < mib:
        give_back(proc.scratch())
        got = 0
    try:
        yield got
    finally:
        give_back(proc.scratch())
