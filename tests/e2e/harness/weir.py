"""A weir in the gateway's namespace, and what it says of itself."""
import contextlib
import http.client
import itertools
import json
import os
import re
import socket

import yaml

from . import proc
from .lab import (CLIENT_IP, CLIENT_IP6, GW_EXT_IP, GW_EXT_IP6, GW_INT_IP, GW_INT_IP6, MTU,
                  built)
from .metrics import Metrics

DRIVERS = ("net_af_xdp", "net_af_packet")
ADMIN = "127.0.0.1:15000"
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:strict_string_checks=1:"
                    "detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


def weir_bin():
    return built("weir", "WEIR_BIN", "ctrl", "")


def driver():
    """What to open veths with: asked for, or what worked first in this run."""
    return os.environ.get("WEIR_E2E_DRIVER", DRIVERS[0])


def leak_suppressions():
    path = os.path.join(os.path.dirname(__file__), "lsan.supp")
    return {"LSAN_OPTIONS": f"suppressions={path}:print_suppressions=0"}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("weir", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Weir:
    """One gateway: its configuration files, its process, its admin API."""

    _numbers = itertools.count(1)

    def __init__(self, lab, resources="", name="gw", **node):
        self.lab = lab
        self.dir = os.path.join(proc.scratch(), f"{name}-{next(self._numbers)}")
        self.resources_dir = os.path.join(self.dir, "resources.d")
        self.config_path = os.path.join(self.dir, "weir.yaml")
        self.admin_socket = os.path.join(self.dir, "admin.sock")
        self.access_log_path = os.path.join(self.dir, "access.log")
        os.makedirs(self.resources_dir, exist_ok=True)
        self.node = node_config(self, **node)
        self.process, self.env, self.cpus, self.first = None, {}, None, False
        if resources:
            self.write("resources.yaml", resources)

    # ---- files

    def write(self, name, text, atomic=True):
        """Puts a resource file in place, as a whole or byte by byte under the watcher's eyes."""
        path = os.path.join(self.resources_dir, name)
        target = os.path.join(self.dir, name + ".new") if atomic else path
        with open(target, "w", encoding="utf-8") as f:
            f.write(text)
        if atomic:
            os.rename(target, path)
        return path

    def remove(self, name):
        os.unlink(os.path.join(self.resources_dir, name))

    def apply(self, name, text):
        """Writes and returns when the workers run on it."""
        before = self.generation()
        self.write(name, text)
        proc.wait_until(f"a new snapshot for {name}", lambda: self.generation() > before)

    def withdraw(self, name):
        before = self.generation()
        self.remove(name)
        proc.wait_until(f"a new snapshot without {name}", lambda: self.generation() > before)

    def tidy(self):
        """Takes back what was written beside the first resources, also after a failed test."""
        extra = [n for n in os.listdir(self.resources_dir) if n != "resources.yaml"]
        if not extra or not self.process or not self.process.running():
            return
        before = self.generation()
        for name in extra:
            self.remove(name)
        # What was refused made no snapshot: then there is none to wait for.
        with contextlib.suppress(TimeoutError):
            proc.wait_until("a new snapshot", lambda: self.generation() > before, timeout=1)

    def write_config(self, text=None):
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(text if text is not None else yaml.safe_dump(self.node, sort_keys=False))

    # ---- process

    def start(self):
        """Starts it and waits for /ready; af_packet steps in where af_xdp cannot be opened."""
        self._start_once()
        try:
            self._wait_ready()
        except ChildProcessError:
            if "WEIR_E2E_DRIVER" in os.environ or self._driver() == DRIVERS[1]:
                raise
            if not re.search(r"af_xdp|AF_XDP", self.process.log()):
                raise
            os.environ["WEIR_E2E_DRIVER"] = DRIVERS[1]
            for iface in (i for i in self.node["interfaces"] if "device" in i):
                iface["device"] = iface["device"].replace(DRIVERS[0], DRIVERS[1])
            self._start_once()
            self._wait_ready()
        return self

    def _driver(self):
        return self.node["interfaces"][0]["device"].split(",")[0]

    def _start_once(self):
        self.write_config()
        self.process = proc.Process("weir", [weir_bin(), "-c", self.config_path], ns=self.lab.gw,
                                    env={**SANITIZERS, **leak_suppressions(), **self.env},
                                    cpus=self.cpus, first=self.first)

    def _wait_ready(self):
        def probe():
            if not self.process.running():
                raise ChildProcessError(f"weir ended with {self.process.popen.returncode}:\n"
                                        f"{self.process.log()}")
            return self.ready()

        proc.wait_until("weir is ready", probe, timeout=30)

    def check(self, *argv):
        """`weir --check` on the files as they are."""
        self.write_config()
        return self.lab.gw.run(weir_bin(), "-c", self.config_path, "--check", *argv)

    def stop(self, timeout=15):
        """Drains it. Fails when it did not end well; returns its log."""
        if not self.process:
            return ""
        code = self.process.stop(timeout=timeout)
        log, reports = self.process.log(), self.process.sanitizer_reports()
        self.process = None
        assert not reports, log
        assert code == 0, f"weir ended with {code}:\n{log[-4000:]}"
        return log

    def kill(self):
        if self.process:
            self.process.kill()
            self.process = None

    def log(self):
        return self.process.log() if self.process else ""

    # ---- admin

    def get(self, path, timeout=10):
        """(status, body) of an admin URL, over the unix socket."""
        status, body = self.get_bytes(path, timeout)
        return status, body.decode()

    def get_bytes(self, path, timeout=10):
        conn = _UnixConnection(self.admin_socket, timeout * proc.PATIENCE)
        with contextlib.closing(conn):
            conn.request("GET", path)
            answer = conn.getresponse()
            return answer.status, answer.read()

    def ready(self):
        try:
            return self.get("/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200, text
        return Metrics(text)

    def generation(self):
        return self.metrics().sum("weir_snapshot_generation")

    def access_log(self):
        """The JSON records so far."""
        if not os.path.exists(self.access_log_path):
            return []
        with open(self.access_log_path, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def wait_log(self, what, wanted, timeout=5.0):
        """Waits for an access log record for which wanted(record) holds."""
        return proc.wait_until(f"an access log record: {what}",
                               lambda: next(filter(wanted, self.access_log()), None), timeout)


def lab_interfaces(**ext):
    """Both of the lab's, as the node configuration has them; `ext` adds to the outer one."""
    return [
        {"name": "ext", "device": f"{driver()},iface=ext", "mtu": MTU,
         "addresses": [f"{GW_EXT_IP}/24", f"{GW_EXT_IP6}/64"],
         "routes": [{"to": "0.0.0.0/0", "via": CLIENT_IP},
                    {"to": "::/0", "via": CLIENT_IP6}], **ext},
        {"name": "int", "device": f"{driver()},iface=int", "mtu": MTU,
         "addresses": [f"{GW_INT_IP}/24", f"{GW_INT_IP6}/64"]},
    ]


def node_config(weir, workers=1, idle="adaptive", log_format="json", **more):
    """A node configuration for the lab; `more` replaces whole top-level sections."""
    config = {
        "node": {"name": "gw-1", "namespace": "istio-system",
                 "labels": {"istio": "ingressgateway"}},
        "dataplane": {"workers": workers, "idle": idle, "memory": "512MiB",
                      "hugepages": "auto", "connections": 30000},
        "interfaces": lab_interfaces(),
        "resources": [{"directory": weir.resources_dir}],
        "admin": {"listen": ADMIN, "socket": weir.admin_socket},
        "accessLog": {"path": weir.access_log_path, "format": log_format},
        "drain": {"timeout": "10s"},
    }
    config.update(more)
    return config
