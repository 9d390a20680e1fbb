"""What is measured: a table of workloads and how the generator is told of each."""
from dataclasses import dataclass

import routes

HOST = "bench.example.com"
LATENCY_SHARES = (50, 80)  # percent of a system's own maximum
IDLE = {"idle-10k": 10_000, "idle-100k": 100_000, "idle-1m": 1_000_000}


@dataclass(frozen=True)
class Workload:
    """One row. `args` go to the generator as they are."""
    name: str
    what: str
    path: str = "/bytes/64"
    host: str = HOST
    args: tuple = ()
    connections: int = 64
    key: bool = False  # what the peers are also measured with while receiving is steered
    unit: str = "rps"
    statuses: tuple = (200,)
    routes: int = 0
    asked: bool = False  # measured only when it is named

    def load_args(self):
        return ("--host", self.host, "--path", self.path, "--connections", self.connections,
                *self.args)


def _routes(n, asked=True):
    return Workload(f"routes-{n}", f"{n:,} routes on the host: exact, prefix, regex and header in "
                    "turn", path=routes.PATH, host=routes.HOST, routes=n, asked=asked,
                    args=("--path-count", n))


THROUGHPUT = (
    Workload("keepalive-64", "keep-alive connections, answers of 64 bytes", key=True),
    Workload("keepalive-1k", "keep-alive connections, answers of 1 KiB", path="/bytes/1024"),
    Workload("keepalive-16k", "keep-alive connections, answers of 16 KiB", path="/bytes/16384"),
    Workload("relay-1m", "keep-alive connections, answers of 1 MiB", path="/bytes/1048576",
             connections=4, key=True, unit="gbps"),
    Workload("connection-per-request", "a new connection for each request, answers of 64 bytes",
             args=("--close",), key=True),
    Workload("errors-10", "every tenth answer of the backend is a 503, passed on",
             path="/bytes/64?errors=10", args=("--allow-errors",), statuses=(200, 503)),
    _routes(1000, asked=False), _routes(1), _routes(100), _routes(10000),
)
BASE = THROUGHPUT[0]  # what latency, idle connections and reloads are measured with
OTHER = {
    **{f"latency-{p}": f"keepalive-64 at {p}% of its own maximum, open loop"
       for p in LATENCY_SHARES},
    **{name: f"{n:,} idle keep-alive connections, each used before and after"
       for name, n in IDLE.items()},
    "mirror": "keepalive-64 with a mirror of everything that is absent, dead, slow and fast in "
              "turn, and at a tenth of its maximum without; weir only",
    "reload": "keepalive-64 while the configuration changes: weir 10 times a second, "
              "the others once a second",
}
ASKED = [*(w.name for w in THROUGHPUT if w.asked), "mirror"]
NAMES = [w.name for w in THROUGHPUT] + list(OTHER)


def what(name):
    """One line on a workload."""
    return OTHER.get(name) or next(w.what for w in THROUGHPUT if w.name == name)
