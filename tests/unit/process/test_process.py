"""The weir process with a data path that does nothing: everything that control does, seen
from outside. The program under test is named by WEIR_FAKE (meson.build sets it)."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

WEIR = os.environ["WEIR_FAKE"]

RESOURCES = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 198.18.1.11}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/gw]
  http:
  - match: [{uri: {prefix: %s}}]
    route: [{destination: {host: shop.example.com}}]
"""

BROKEN = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: x}
spec: {servrs: []}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weir")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


class Node:
    """A directory with a node configuration and resources, and weir running on them."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="weir-process-")
        self.resources = self.dir + "/resources.d"
        self.admin = self.dir + "/run/admin.sock"
        self.log = self.dir + "/access.log"
        self.errors = self.dir + "/stderr"
        self.process = None
        os.mkdir(self.resources)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(self.dir + "/notify")
        self.manager.settimeout(10)
        self.configure()

    def configure(self, device="net_fake0", drain="30s", listen=None, more=""):
        if listen is None:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                listen = "127.0.0.1:%d" % s.getsockname()[1]
        self.listen = listen
        with open(self.dir + "/weir.yaml", "w") as f:
            f.write(f"""
node: {{name: gw-1, labels: {{istio: ingressgateway}}}}
dataplane: {{workers: 1, memory: 64MiB, hugepages: off}}
interfaces:
- name: ext
  device: "{device}"
  addresses: [198.18.0.2/24]
resources:
- directory: {self.resources}
admin: {{listen: "{listen}", socket: {self.admin}}}
accessLog: {{path: {self.log}, format: json}}
drain: {{timeout: {drain}}}
{more}""")

    def write(self, name, text):
        """As a careful program does: complete from the first moment."""
        with open(self.dir + "/tmp", "w") as f:
            f.write(text)
        os.rename(self.dir + "/tmp", self.resources + "/" + name)

    def start(self, env=None):
        everything = dict(os.environ, NOTIFY_SOCKET=self.dir + "/notify", **(env or {}))
        self.process = subprocess.Popen(
            [WEIR, "-c", self.dir + "/weir.yaml"],
            stderr=open(self.errors, "a"), stdout=subprocess.DEVNULL, env=everything)
        return self

    def run(self, *args):
        return subprocess.run([WEIR, "-c", self.dir + "/weir.yaml", *args],
                              capture_output=True, text=True, timeout=60)

    def notified(self, *wanted):
        """Receives until a message with `wanted` came, and returns it."""
        while True:
            message = self.manager.recv(4096).decode()
            if all(w in message.split("\n") for w in wanted):
                return message

    def get(self, path):
        c = UnixConnection(self.admin)
        c.request("GET", path, headers={"Connection": "close"})
        r = c.getresponse()
        body = r.read().decode()
        c.close()
        return r.status, body

    def status(self):
        return json.loads(self.get("/api/v1/status")[1])

    def metric(self, name):
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise KeyError(name)

    def wait(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, open(self.errors).read()
            time.sleep(0.01)

    def wait_generation(self, n):
        self.wait(lambda: self.status()["generation"] == n)

    def said(self):
        with open(self.errors) as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.manager.close()
        shutil.rmtree(self.dir)


@pytest.fixture
def node():
    n = Node()
    n.write("a.yaml", RESOURCES % "/")
    yield n
    n.close()


# ---- start and stop


def test_serves_and_stops(node):
    node.start().notified("READY=1")
    assert node.get("/ready") == (200, "LIVE\n")
    status = node.status()
    assert status["generation"] == 1
    assert status["last_load"]["ok"] and status["last_load"]["resources"] == 3
    assert "serving snapshot 1" in node.notified("STATUS=serving snapshot 1: 3 resources")
    assert node.stop() == 0
    node.notified("STOPPING=1")
    assert not os.path.exists(node.admin)
    assert "snapshot 1: 3 resources" in node.said()
    assert "drained" in node.said()


def test_sigint_stops_too(node):
    node.start().notified("READY=1")
    assert node.stop(signal.SIGINT) == 0


def test_admin_on_tcp(node):
    node.start().notified("READY=1")
    c = http.client.HTTPConnection(node.listen, timeout=10)
    c.request("GET", "/ready")
    assert c.getresponse().status == 200


def test_drain_waits_for_requests_in_progress(node):
    node.configure(drain="500ms")
    node.start({"WEIR_FAKE_BUSY": "1"}).notified("READY=1")
    node.process.send_signal(signal.SIGTERM)
    node.notified("STOPPING=1", "STATUS=draining")
    began = time.monotonic()
    status, body = node.get("/ready")
    assert status == 503 and body.startswith("DRAINING")
    assert node.process.wait(timeout=30) == 0
    assert 0.3 < time.monotonic() - began < 5
    assert "the drain timed out" in node.said()


def test_second_signal_stops_at_once(node):
    node.configure(drain="1h")
    node.start({"WEIR_FAKE_BUSY": "1"}).notified("READY=1")
    node.process.send_signal(signal.SIGTERM)
    node.notified("STOPPING=1", "STATUS=draining")
    assert node.stop() == 0
    assert "stopping now" in node.said()


def test_missing_device_is_exit_1(node):
    node.configure(device="net_broken0")
    r = node.run()
    assert r.returncode == 1
    assert r.stderr.rstrip().endswith("weir: interface ext: there is no such device")


def test_admin_port_in_use_is_exit_1(node):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        node.configure(listen="127.0.0.1:%d" % s.getsockname()[1])
        r = node.run()
    assert r.returncode == 1
    assert "cannot listen on 127.0.0.1:" in r.stderr
    assert "Address already in use" in r.stderr


# ---- configuration


def test_bad_usage_is_exit_2(node):
    r = subprocess.run([WEIR, "--nonsense"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 2
    assert "usage: weir" in r.stderr and r.stdout == ""


def test_version(node):
    r = subprocess.run([WEIR, "--version"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and r.stdout.startswith("weir ")


def test_bad_node_configuration_is_exit_2(node):
    node.configure(more="nonsense: 1\nmore: 2\n")
    r = node.run()
    assert r.returncode == 2
    assert f"{node.dir}/weir.yaml:13:" in r.stderr and "nonsense" in r.stderr
    assert f"{node.dir}/weir.yaml:14:" in r.stderr and "more" in r.stderr


def test_missing_node_configuration_is_exit_2(node):
    os.unlink(node.dir + "/weir.yaml")
    r = node.run()
    assert r.returncode == 2
    assert "weir.yaml" in r.stderr


def test_check_of_good_resources(node):
    r = node.run("--check")
    assert r.returncode == 0
    assert r.stdout.startswith("OK: 3 resources in 1 files, 0 errors, ")


def test_check_prints_every_problem(node):
    node.write("b.yaml", BROKEN)
    node.write("c.yaml", RESOURCES % "/")
    r = node.run("--check")
    assert r.returncode == 1
    assert f"{node.resources}/b.yaml:4:" in r.stderr and "servrs" in r.stderr
    assert r.stderr.count("already defined at") == 3
    assert "FAILED: " in r.stderr and r.stdout == ""


def test_check_of_both_configurations(node):
    node.configure(more="nonsense: 1\n")
    node.write("b.yaml", BROKEN)
    r = node.run("--check")
    assert r.returncode == 1
    assert "nonsense" in r.stderr and "servrs" in r.stderr


def test_check_counts_problems_of_the_node(node):
    node.configure(more="nonsense: 1\n")
    r = node.run("--check")
    assert r.returncode == 1
    assert "FAILED: 3 resources in 1 files, 1 errors, " in r.stderr and r.stdout == ""


def test_check_of_missing_directory(node):
    shutil.rmtree(node.resources)
    r = node.run("--check")
    assert r.returncode == 1
    assert "cannot read this directory" in r.stderr


# ---- reload


def test_starts_with_broken_resources_and_serves_once_fixed(node):
    node.write("a.yaml", BROKEN)
    node.start().notified("READY=1")
    status, body = node.get("/ready")
    assert status == 503 and "no valid configuration" in body
    problems = node.status()["last_load"]["diagnostics"]
    assert any("servrs" in p["message"] + p["field"] for p in problems)
    node.write("a.yaml", RESOURCES % "/")
    node.wait(lambda: node.get("/ready")[0] == 200)
    assert node.status()["generation"] == 1


def test_change_is_published(node):
    node.start().notified("READY=1")
    node.write("a.yaml", RESOURCES % "/v2")
    node.wait_generation(2)
    assert '"value":"/v2"' in node.get("/config_dump")[1]
    node.notified("READY=1")
    assert node.metric('weir_config_loads_total{result="ok"}') == 2
    node.wait(lambda: node.metric("weir_snapshots_alive") == 1)


def test_error_keeps_the_last_good_one(node):
    node.start().notified("READY=1")
    node.write("b.yaml", BROKEN)
    node.wait(lambda: node.metric("weir_config_errors") > 0)
    assert node.get("/ready")[0] == 200
    assert node.status()["generation"] == 1
    assert "the last good ones stay in use" in node.said()
    os.unlink(node.resources + "/b.yaml")
    node.wait(lambda: node.metric("weir_config_errors") == 0)
    assert node.status()["generation"] == 1  # the same again: nothing to publish
    node.write("a.yaml", RESOURCES % "/v3")
    node.wait_generation(2)


def test_same_content_is_not_published(node):
    node.start().notified("READY=1")
    for _ in range(5):
        node.write("a.yaml", RESOURCES % "/")
        time.sleep(0.03)
    node.write("a.yaml", RESOURCES % "/v2")
    node.wait_generation(2)
    assert node.said().count("resources, ") == 2


def test_sighup_reads_again(node):
    node.start().notified("READY=1")
    node.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in node.notified("RELOADING=1")
    node.notified("READY=1")
    node.wait(lambda: "the resources are unchanged" in node.said())
    assert node.status()["generation"] == 1


def test_directory_vanishes_and_comes_back(node):
    node.start().notified("READY=1")
    os.rename(node.resources, node.dir + "/away")
    node.wait(lambda: node.metric("weir_config_errors") > 0)
    assert node.get("/ready")[0] == 200
    os.rename(node.dir + "/away", node.resources)
    node.wait(lambda: node.metric("weir_config_errors") == 0)
    node.write("a.yaml", RESOURCES % "/v2")
    node.wait_generation(2)


def test_half_written_file_is_not_read(node):
    node.start().notified("READY=1")
    text = RESOURCES % "/v2"
    with open(node.resources + "/a.yaml", "w") as f:
        f.write(text[: len(text) // 2])
        f.flush()
        time.sleep(0.2)
        f.write(text[len(text) // 2:])
    node.wait_generation(2)
    assert node.metric('weir_config_loads_total{result="error"}') == 0
    assert node.status()["last_load"]["resources"] == 3


def test_config_map_swap(node):
    os.unlink(node.resources + "/a.yaml")
    for n in (1, 2):
        os.mkdir(f"{node.resources}/..{n}")
        with open(f"{node.resources}/..{n}/a.yaml", "w") as f:
            f.write(RESOURCES % f"/v{n}")
    os.symlink("..1", node.resources + "/..data")
    os.symlink("..data/a.yaml", node.resources + "/a.yaml")
    node.start().notified("READY=1")
    assert '"value":"/v1"' in node.get("/config_dump")[1]
    os.symlink("..2", node.resources + "/..data_tmp")
    os.rename(node.resources + "/..data_tmp", node.resources + "/..data")
    node.wait_generation(2)
    assert '"value":"/v2"' in node.get("/config_dump")[1]


# ---- access log


def test_sigusr1_reopens_the_access_log(node):
    node.start().notified("READY=1")
    os.rename(node.log, node.log + ".1")
    node.process.send_signal(signal.SIGUSR1)
    node.wait(lambda: os.path.exists(node.log))


def test_access_log_that_cannot_be_opened_is_exit_1(node):
    os.mkdir(node.log)
    r = node.run()
    assert r.returncode == 1
    assert f"cannot open the access log {node.log}: Is a directory" in r.stderr
