"""Goodput over the bad wire: weir with a Linux peer beside Linux with a Linux peer.

    client (Linux) -- wire -- weir -- clean cable -- origin (Linux)
    client (Linux) -- wire -- origin in the gateway's place (Linux)
    client (Linux) -- wire -- relay (haproxy on Linux's TCP) -- clean cable -- origin (Linux)

`down` is towards the client: weir sends over the wire; `up`: it receives. All but the client run
before whatever else the machine does: so does the kernel's TCP by itself.
"""
import contextlib
import os
import time

from . import bulk, proc
from .lab import GW_EXT_IP, GW_INT_IP, Lab
from .resources import documents, gateway, single
from .weir import Weir

PORT, ORIGIN_IP, ORIGIN_PORT = 80, "198.18.1.30", 9300
# As much as Linux takes for its own connections before it saves (tcp_mem), so that one may have all
# of its 4 MiB under way.
DATAPLANE = {"workers": 1, "idle": "adaptive", "memory": "1GiB", "hugepages": "auto",
             "connections": 30000}
# What weir does, on the kernel's TCP: accept, connect, pass bytes on, with one thread.
RELAY = f"""global
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bulk
    bind {GW_EXT_IP}:{PORT}
    server origin {ORIGIN_IP}:{ORIGIN_PORT}
"""
PROGRAM = os.path.abspath(bulk.__file__)
PYTHON = ("/usr/bin/python3", "-B")
WAYS = ("down", "up")


class Path:
    """One wire with the systems in turn at its far end. Use as a context manager."""

    def __init__(self, label, controller="cubic"):
        self.lab = Lab(label, bad_wire=True)
        self.controller = controller
        self.env = {"BULK_CONGESTION": controller}
        self.servers = {}
        try:
            for ns in (self.lab.client, self.lab.gw, self.lab.back):
                # What was learnt of a path in one cell must not help in the next.
                ns.sysctl("ipv4/tcp_no_metrics_save", "1")
            self.lab.add_backend_ip(ORIGIN_IP)
            self.servers["weir"] = self._serve(self.lab.back, ORIGIN_IP, ORIGIN_PORT)
        except Exception:
            self.lab.down()
            raise

    def _serve(self, ns, ip, port):
        server = proc.Process("bulk", [*PYTHON, PROGRAM, "serve", ip, port], ns=ns,
                              env=self.env, first=True)
        proc.wait_until("the origin listens", lambda: "ready" in server.log())
        return server

    @contextlib.contextmanager
    def _addresses(self, **by_device):
        """The kernel has the gateway's addresses."""
        try:
            for device, ip in by_device.items():
                self.lab.gw.ip("addr", "add", f"{ip}/24", "dev", device)
            yield
        finally:
            for device in by_device:
                self.lab.gw.ip("addr", "flush", "dev", device)

    @contextlib.contextmanager
    def _linux(self):
        with self._addresses(ext=GW_EXT_IP):
            server = self._serve(self.lab.gw, GW_EXT_IP, PORT)
            try:
                yield server
            finally:
                server.kill()

    @contextlib.contextmanager
    def _relay(self):
        config = os.path.join(proc.scratch(), "relay.cfg")
        with open(config, "w", encoding="ascii") as f:
            f.write(RELAY)
        with self._addresses(ext=GW_EXT_IP, int=GW_INT_IP):
            self.lab.gw.ip("route", "replace", "198.18.0.0/24", "dev", "ext", "congctl",
                           self.controller)
            relay = proc.Process("haproxy", ["haproxy", "-db", "-f", config], ns=self.lab.gw,
                                 first=True)
            try:
                proc.wait_until("the relay listens", lambda: self._listens(relay))
                yield self.servers["weir"]
            finally:
                relay.kill()

    def _listens(self, relay):
        assert relay.running(), relay.log()
        found = self.lab.gw.run("ss", "-Hltn", f"sport = :{PORT}")
        return str(PORT) in found.stdout

    @contextlib.contextmanager
    def _far_end(self, system):
        """The system in place; yields the server that counts what is sent up."""
        if system != "weir":
            with self._linux() if system == "linux" else self._relay() as server:
                yield server
            return
        weir = Weir(self.lab, documents(
            gateway(), single("bulk", ORIGIN_IP, ORIGIN_PORT, bulk.HOST)),
            log_format="none", dataplane=DATAPLANE, tcp={"congestionControl": self.controller})
        weir.first = True
        weir.start()
        try:
            yield self.servers["weir"]
        finally:
            weir.stop()

    def measure(self, system, cells):
        """{(cell, way): Mbit/s} for each cell."""
        with self._far_end(system) as server:
            return {(cell, way): self._cell(server, cell, way)
                    for cell in cells for way in WAYS}

    def _cell(self, server, cell, way):
        self.lab.start_wire(*cell.wire(), first=True)
        before = len(server.log())
        role = "pull" if way == "down" else "push"
        done = self.lab.client.run(*PYTHON, PROGRAM, role, GW_EXT_IP, PORT, cell.flows,
                                   cell.seconds, timeout=cell.seconds + 60,
                                   env={**os.environ, **self.env})
        assert done.returncode == 0, done.stdout
        if role == "pull":
            n = int(done.stdout.split()[-1])
        else:
            n = sum(self._arrived(server, before, cell.flows))
        self.lab.stop_wire()
        return n * 8 / cell.seconds / 1e6

    @staticmethod
    def _arrived(server, before, flows):
        """What each flow brought."""
        end = time.monotonic() + 5
        while True:
            lines = [int(line) for line in server.log()[before:].split() if line.isdigit()]
            if len(lines) >= flows or time.monotonic() > end:
                return lines
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for server in self.servers.values():
            server.kill()
        self.lab.down()


class Cell:
    """One setting of the wire. rtt: milliseconds there and back."""

    def __init__(self, rtt=0, loss=0.0, reorder=0.0, duplicate=0.0, rate=1000, seconds=4.0,
                 flows=None, seed=7):
        self.rtt, self.loss, self.reorder, self.duplicate = rtt, loss, reorder, duplicate
        self.rate, self.seconds, self.seed = rate, seconds, seed
        # Chance averages out over several flows where it decides, and not the machine.
        self.flows = flows or (8 if loss else 1)

    def wire(self):
        options = ["--rate", self.rate, "--seed", self.seed]
        for name, value in (("loss", self.loss), ("reorder", self.reorder),
                            ("duplicate", self.duplicate)):
            if value:
                options += [f"--{name}", value]
        if self.rtt:
            options += ["--delay", self.rtt / 2]
        return [str(o) for o in options]

    def __str__(self):
        parts = [f"{self.rtt} ms", f"{self.loss:g} % loss"]
        if self.reorder:
            parts.append(f"{self.reorder:g} % reordered")
        if self.duplicate:
            parts.append(f"{self.duplicate:g} % duplicated")
        return ", ".join(parts)
