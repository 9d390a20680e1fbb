"""Hugepages borrowed from the machine for the time of a run, and given back."""
import contextlib
import os

from . import proc

COUNT = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PAGE_MIB = 2
NOTE = "hugepages.borrowed"  # in the scratch directory: how many


def _read():
    with open(COUNT, encoding="ascii") as f:
        return int(f.read())


def _add(n):
    """Asks for n more, or fewer, than there are: other runs borrow, too. Returns what came."""
    before = _read()
    with open(COUNT, "w", encoding="ascii") as f:
        f.write(str(max(before + n, 0)))
    return _read() - before


def _take_note(n):
    with open(os.path.join(proc.scratch(), NOTE), "w", encoding="ascii") as f:
        f.write(str(n))


def give_back(folder):
    """Returns what the note in the folder says, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        path = os.path.join(folder, NOTE)
        with open(path, encoding="ascii") as f:
            _add(-int(f.read()))
        os.unlink(path)


@contextlib.contextmanager
def borrowed(mib):
    """Tries to have so many more, all or none; yields the MiB that it got. harness.reap gives
    back what a killed run has not."""
    got = 0
    with contextlib.suppress(OSError):  # no hugepages here, or not ours to take
        _take_note(mib // PAGE_MIB)
        got = _add(mib // PAGE_MIB)
        _take_note(got)
    if got < mib // PAGE_MIB:
        give_back(proc.scratch())
        got = 0
    try:
        yield got * PAGE_MIB
    finally:
        give_back(proc.scratch())
