"""Removes what runs that were killed left behind: `python3 -m harness.reap`."""
import glob
import os
import re
import shutil

from . import hugepages, netns, proc


def reap():
    """Namespaces, their processes, borrowed hugepages and scratch directories; returns the
    namespaces' names."""
    names = netns.leftovers()
    for name in names:
        netns.remove(name)
    for path in glob.glob(f"{proc.SCRATCH_ROOT}/weir-*"):
        owner = re.fullmatch(r"weir-(\d+)", os.path.basename(path))
        if owner and not netns.alive(owner.group(1)):
            hugepages.give_back(path)
            shutil.rmtree(path, ignore_errors=True)
    return names


if __name__ == "__main__":
    reap()
