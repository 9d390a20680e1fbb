"""The command line of a running weir."""
import json
import subprocess

from . import proc
from .lab import built


def weirctl_bin():
    return built("weirctl", "WEIRCTL_BIN", "")


class Weirctl:
    """weirctl for one admin address (None: that of the environment), in a namespace where that is
    needed."""

    def __init__(self, admin, ns=None):
        self.admin, self.ns = admin, ns

    def run(self, *argv, check=True, stdout=subprocess.PIPE):
        """The finished process; with `check` it has to have succeeded and kept quiet."""
        command = [weirctl_bin(), *(["--admin", self.admin] if self.admin else []), *argv]
        done = subprocess.run(self.ns.exec_argv(command) if self.ns else command,
                              stdout=stdout, stderr=subprocess.PIPE, text=True,
                              timeout=30 * proc.PATIENCE)
        if check:
            assert (done.returncode, done.stderr) == (0, ""), done
        return done

    def text(self, *argv):
        return self.run(*argv).stdout

    def json(self, *argv):
        return json.loads(self.text(*argv, "-o", "json"))

    def explain(self, url, *lines):
        """The explanation of a GET with these header lines, as JSON."""
        return self.json("explain", url, *(word for line in lines for word in ("-H", line)))
