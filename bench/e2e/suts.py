"""Systems under test: each started on its core at the near end of a wire, with one configuration.

A *system* (`System`) is a name and a path; `start()` makes it run. It lives for one point:
nothing that one measurement left behind is there in the next.
"""
import glob
import os
import signal

import peers
import routes
import workloads
from harness import proc
from harness.resources import documents, gateway, service, virtual_service, workload
from harness.weir import Weir
from load import BACKEND, load_bin
from rig import BACKEND_IP, BACKEND_PORT, MTU, PORT, PREFIX, SUT_IP

CONNECTIONS = 4000  # clients it is configured for, unless the workload has more
WEIR_MEMORY = "512MiB"
SPARE = 4096  # weir's connections besides those of clients
RELOADS_PER_S = {"weir": 10, "nginx": 1, "haproxy": 1}


class System:
    """One system under test on one kind of wire."""
    threads = ()  # names of the threads that serve; empty: all
    behind = BACKEND  # what the generator is besides the client

    def __init__(self, name, wire, cpus):
        self.name, self.wire, self.path = name, wire, wire.path
        self.cpu, self.load_cpu = cpus
        self.env = {}

    @property
    def label(self):
        return f"{self.name}/{self.path}"

    @property
    def ns(self):
        return self.wire.gw

    def pids(self):
        """All its processes."""
        return [self.pid] + children(self.pid)

    def work(self):
        """(busy cycles, requests) so far by its own count; None when it does not count."""
        return None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def children(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path, encoding="ascii") as f:
            for child in map(int, f.read().split()):
                found += [child, *children(child)]
    return found


def bench_route(more=""):
    """The route of all workloads but routes-N, and what else its rule says. What the backend
    answers is passed on: Istio's default would try a 503 again."""
    rule = "route: [{destination: {host: bench}}], retries: {attempts: 0}"
    return virtual_service("bench", [workloads.HOST], f"[{{{rule}{more and ', ' + more}}}]")


def resources(n_routes):
    docs = [gateway(), service("bench", BACKEND_PORT), workload("bench", "v1", BACKEND_IP)]
    if n_routes:
        docs.append(virtual_service("routes", [routes.HOST], routes.weir_rules("bench", n_routes)))
    return documents(*docs)


class WeirSystem(System):
    """weir, polling, its worker alone on the core; the control thread is on the generator's."""
    threads = ("lcore-worker", "rte-worker")

    def __init__(self, wire, cpus):
        super().__init__("weir", wire, cpus)
        self.weir = None
        self.reloads = 0

    def start(self, connections=CONNECTIONS, n_routes=0, shadow=None):
        """shadow: (address, port) of a mirror of everything."""
        self.weir = Weir(self.wire, resources(n_routes), name="bench", log_format="none",
                         dataplane=self._dataplane(connections), interfaces=[self._interface()],
                         drain={"timeout": "0s"})
        self.weir.write("route.yaml", bench_route("mirror: {host: shadow}" if shadow else ""))
        if shadow:
            ip, port = shadow
            self.weir.write("shadow.yaml", documents(service("shadow", port),
                                                     workload("shadow", "v1", ip)))
        self.weir.cpus, self.weir.env = f"{self.cpu},{self.load_cpu}", self.env
        self.weir.first = True
        self.wire.clear()
        self.weir.start()
        return self

    def _dataplane(self, connections):
        return {"lcores": str(self.cpu), "idle": "poll", "memory": WEIR_MEMORY,
                "hugepages": "auto", "connections": connections + SPARE}

    def _interface(self):
        return {"name": "near", "device": self.wire.near, "mtu": MTU,
                "addresses": [f"{SUT_IP}/{PREFIX}"]}

    @property
    def pid(self):
        return self.weir.process.pid

    def work(self):
        metrics = self.weir.metrics()
        return (metrics.sum("weir_worker_cycles_total", state="busy"),
                metrics.sum("weir_worker_requests_total"))

    def reload(self):
        """Another timeout for the route that is in use."""
        self.reloads += 1
        self.weir.write("route.yaml", bench_route(f"timeout: {10 + self.reloads % 50}s"))

    def generations(self):
        """Configurations that its workers have run on."""
        return self.weir.generation()

    def stop(self):
        """Fails when it did not end well."""
        try:
            if self.weir:
                self.weir.stop(timeout=5)
        finally:
            if self.weir:
                self.weir.kill()


class PeerSystem(System):
    """nginx or haproxy on the kernel's TCP, all of it on the core under test."""
    argv = {"nginx": ["nginx", "-e", "stderr", "-c"], "haproxy": ["haproxy", "-W", "-db", "-f"]}
    config = {"nginx": peers.nginx, "haproxy": peers.haproxy}
    reload_signal = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}

    def __init__(self, name, wire, cpus):
        super().__init__(name, wire, cpus)
        self.dir = os.path.join(proc.scratch(), f"peer-{name}")
        os.makedirs(self.dir, exist_ok=True)
        self.process = None
        self.reloads = 0

    def start(self, connections=CONNECTIONS, n_routes=0):
        path = os.path.join(self.dir, f"{self.name}.conf")
        text = self.config[self.name](self.dir, f"{SUT_IP}:{PORT}", f"{BACKEND_IP}:{BACKEND_PORT}",
                                      self.cpu, connections, n_routes)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        proc.raise_limits(connections + 4 * peers.SPARE)
        self.process = proc.Process(self.name, [*self.argv[self.name], path], ns=self.ns,
                                    env=self.env, cpus=str(self.cpu), first=True)
        proc.wait_until(f"{self.name} listens", self._listens)
        return self

    def _listens(self):
        if not self.process.running():
            raise RuntimeError(f"{self.name}: {self.process.log()[-2000:]}")
        with self.ns.socket() as s:
            return s.connect_ex((SUT_IP, PORT)) == 0

    @property
    def pid(self):
        return self.process.pid

    def reload(self):
        self.reloads += 1
        self.process.send_signal(self.reload_signal[self.name])

    def generations(self):
        return self.reloads

    def stop(self):
        if self.process:
            self.process.stop(timeout=3)


class Direct(System):
    """Nothing between client and backend: the generator's backend role in the system's place."""
    behind = ()

    def __init__(self, wire, cpus, hugepages):
        super().__init__("direct", wire, cpus)
        self.hugepages = hugepages
        self.process = None

    def start(self, **_):
        self.wire.clear()
        argv = [load_bin(), "--device", self.wire.near, "--lcore", self.cpu, "--hugepages",
                "on" if self.hugepages else "off", "--backend", f"{SUT_IP}:{PORT}"]
        self.process = proc.Process("direct", argv, ns=self.ns, cpus=str(self.cpu),
                                    first=True)
        proc.wait_until("the backend is ready", self._ready, timeout=30)
        return self

    def _ready(self):
        if not self.process.running():
            raise RuntimeError(f"weir-load --backend: {self.process.log()[-2000:]}")
        return "ready" in self.process.log().split()

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.stop(timeout=3)


def all_systems(rig, cpus):
    """Those of the issue, weir first."""
    return [WeirSystem(rig.memif(), cpus), WeirSystem(rig.veth(), cpus),
            PeerSystem("nginx", rig.kernel_veth(), cpus),
            PeerSystem("haproxy", rig.kernel_veth(), cpus)]
