"""weir-load: started on its core, waited for, its result read."""
import json
import os
import re
import select
import time

from harness import proc
from harness.lab import built
from rig import (BACKEND_IP, BACKEND_PORT, CLIENTS_IP, PORT, PORTS_PER_CLIENT, PREFIX, SUT_IP)

MEMORY_MIB = 256
START_S = 30  # of patience until it is ready; a ramp may take as long as it says
NOISE = re.compile(r"(ready|measuring|measured)?$|(EAL|libbpf|libxdp|rte_pmd_memif_probe\(\)): ")
BACKEND = ("--backend", f"{BACKEND_IP}:{BACKEND_PORT}")


class LoadError(Exception):
    """The generator did not measure; the message is what it said."""


def sentence(text):
    """What a program said, on one line, without what the libraries below it say anyway."""
    return "; ".join(line for line in text.splitlines() if not NOISE.match(line))


def load_bin():
    return built("weir-load", "WEIR_LOAD_BIN", "bench/load", "")


def clients(connections):
    """The arguments of a client role with so many connections towards the near end."""
    addresses = -(-connections // PORTS_PER_CLIENT)
    return ("--clients", f"{CLIENTS_IP}/{PREFIX}", "--client-addresses", addresses,
            "--target", f"{SUT_IP}:{PORT}")


class Load:
    """One run. Its stderr says when the measured window begins and ends: between the two this
    process sleeps in select(). Use as a context manager."""

    _numbers = iter(range(1 << 30))

    def __init__(self, device, cpu, *args, ns=None, hugepages=False, memory=MEMORY_MIB):
        self.json_path = os.path.join(proc.scratch(), f"load-{next(self._numbers)}.json")
        argv = [load_bin(), "--device", device, "--lcore", cpu, "--memory", memory, "--hugepages",
                "on" if hugepages else "off", "--json", self.json_path, *args]
        self.process = proc.Process("weir-load", argv, ns=ns, cpus=str(cpu), pipe=True,
                                    first=True)
        self.said = b""

    def _lines(self):
        return self.said.decode("utf-8", "replace").splitlines()

    def _listen(self, done, what, timeout):
        """Reads what it says until done(); False when it has nothing more to say."""
        pipe, end = self.process.popen.stderr, time.monotonic() + timeout * proc.PATIENCE
        while not done():
            if not select.select([pipe], [], [], max(end - time.monotonic(), 0))[0]:
                raise LoadError(f"weir-load: not {what} within {timeout} s: {self.text()}")
            data = os.read(pipe.fileno(), 4096)
            if not data:
                return False
            self.said += data
        return True

    def wait(self, word, timeout=START_S):
        """Until it says the word on a line of its own."""
        if not self._listen(lambda: word in self._lines(), word, timeout):
            raise LoadError(f"weir-load ended before it was {word}: {self.text()}")

    def text(self):
        """What it said besides its progress."""
        return sentence(self.said.decode("utf-8", "replace")) or "it gave no reason"

    def finish(self, timeout=60):
        """Waits for its end and returns its result."""
        self._listen(lambda: False, "ended", timeout)
        code = self.process.wait(timeout)
        if code:
            raise LoadError(f"weir-load ended with {code}: {self.text()}")
        with open(self.json_path, encoding="utf-8") as f:
            return json.load(f)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stop()
        self.process.popen.stderr.close()
