"""The demo: Istio's traffic tutorial, played live through a real gateway.

Brings up client, gateway and backends in network namespaces of its own, applies one resource
after the other and shows what real requests say. Exits 1 when something came out differently.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

from harness import bookinfo, netns, proc
from harness.client import Wrk, curl
from harness.lab import GW_EXT_IP, Lab
from harness.reap import reap
from harness.weir import DRIVERS, Weir
from harness.weirctl import weirctl_bin

REVIEWS = f"http://reviews:{bookinfo.PORT}/reviews"
PUBLIC = "httpbin.example.com"
LOAD_S, CHANGES_PER_S, CONNECTIONS = 5, 4, 64
BAR_WIDTH = 40


class Screen:
    """Text for people: colour on a terminal, none elsewhere."""

    COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

    def __init__(self, out=sys.stdout):
        self.out = out
        self.colour = out.isatty() and "NO_COLOR" not in os.environ
        utf8 = (out.encoding or "").lower().replace("-", "") == "utf8"
        self.block, self.good, self.bad, self.rule = "█✔✘─" if utf8 else "#+!-"

    def paint(self, text, *styles):
        if not self.colour:
            return text
        codes = ";".join(self.COLOURS[s] for s in styles)
        return f"\033[{codes}m{text}\033[0m"

    def line(self, text="", *styles):
        print(self.paint(text, *styles) if styles else text, file=self.out, flush=True)

    def title(self, text):
        self.line()
        self.line(text, "bold", "cyan")
        self.line(self.rule * len(text), "cyan")

    def command(self, text):
        self.line(f"  $ {text}", "bold")

    def yaml(self, text):
        """The part of a resource that says something: its spec."""
        spec = text[text.index("spec:"):]
        for row in spec.rstrip().splitlines():
            self.line(f"    {row}", "yellow")

    def bars(self, counts):
        total = sum(counts.values())
        for name, n in sorted(counts.items()):
            bar = self.block * round(BAR_WIDTH * n / total)
            self.line(f"    {name:<12} {n:>5}  {self.paint(bar, 'green')} {100 * n / total:.1f} %")


class Tour:
    """The steps, and whether what came out was what should."""

    def __init__(self, screen, lab, weir):
        self.screen, self.lab, self.weir = screen, lab, weir
        self.held, self.broken, self.step = 0, [], 0

    def expect(self, right, text):
        s = self.screen
        if right:
            self.held += 1
            s.line(f"  {s.paint(s.good, 'green')} {text}")
        else:
            self.broken.append(text)
            s.line(f"  {s.paint(s.bad + ' NOT SO: ' + text, 'red', 'bold')}")

    def begin(self, title, why):
        self.step += 1
        self.screen.title(f"{self.step}. {title}")
        self.screen.line(f"  {why}")

    def apply(self, resource, name="reviews.yaml", show=True):
        """Hands a file of demo/resources to the gateway, as a user would."""
        with open(os.path.join(bookinfo.RESOURCES, resource), encoding="utf-8") as f:
            text = f.read()
        if show:
            self.screen.yaml(text)
            self.screen.command(f"cp demo/resources/{resource} {self.weir.resources_dir}/{name}")
        self.weir.apply(name, text)

    def ask(self, n, *options):
        """n requests to reviews by one curl; a Counter of what answered."""
        url = f"{REVIEWS}/[1-{n}]"
        shown = " ".join(f"'{o}'" if " " in o else o for o in options)
        self.screen.command(" ".join(filter(None, ["curl", shown, f"'{url}'"])))
        out = self.lab.client.run("curl", "-s", "--max-time", 30, *options, url).stdout
        seen = Counter()
        for row in filter(None, out.splitlines()):
            seen[name_in(row)] += 1
        self.screen.bars(seen)
        return seen

    # ---- the steps

    def one_version(self):
        self.begin("All traffic to one version",
                   "Three versions of `reviews` run. A VirtualService says which one answers.")
        self.apply("all-v1.yaml")
        self.expect(self.ask(20) == {"reviews v1": 20}, "every answer came from v1")

    def canary(self):
        self.begin("A canary: 75 % and 25 %",
                   "Weights split traffic per request. weir deals them out like a deck of cards: "
                   "exact, not only on average.")
        self.apply("canary.yaml")
        seen = self.ask(1000)
        off = max(abs(seen["reviews v1"] - 750), abs(seen["reviews v2"] - 250))
        self.expect(sum(seen.values()) == 1000 and off <= 4,
                    f"750 to v1 and 250 to v2, off by {off}")

    def jason(self):
        self.begin("User jason tests v2",
                   "A match block looks into the request: here, for a cookie by a regular "
                   "expression.")
        self.apply("jason-cookie.yaml")
        self.expect(self.ask(10, "-H", "Cookie: user=jason") == {"reviews v2": 10},
                    "jason sees v2")
        self.expect(self.ask(10, "-H", "Cookie: user=anna") == {"reviews v1": 10},
                    "everybody else still sees v1")
        self.screen.line("  The same by a header that must be equal to a value:")
        self.apply("jason-header.yaml")
        self.expect(self.ask(10, "-H", "end-user: jason") == {"reviews v2": 10},
                    "jason sees v2")
        self.expect(self.ask(10) == {"reviews v1": 10}, "everybody else still sees v1")

    def all_v2(self):
        self.begin("v2 is good: everybody gets it", "The last step of the migration is one line.")
        self.apply("all-v2.yaml")
        self.expect(self.ask(20) == {"reviews v2": 20}, "every answer came from v2")

    def ingress(self):
        self.begin("From outside: a Gateway",
                   f"Port 80 of {GW_EXT_IP} is open for {PUBLIC}, with two path prefixes.")
        self.apply("httpbin.yaml", "httpbin.yaml")
        for path, host, status in (("/status/200", PUBLIC, 200), ("/status/418", PUBLIC, 418),
                                   ("/delay/1", PUBLIC, 200), ("/headers", PUBLIC, 404),
                                   ("/status/200", "other.example.com", 404)):
            self.screen.command(f"curl -i -H 'Host: {host}' http://{GW_EXT_IP}{path}")
            start = time.monotonic()
            answer = curl(self.lab.client, f"http://{GW_EXT_IP}{path}", headers=[f"Host: {host}"])
            took = time.monotonic() - start
            by = answer.get("x-backend") or "weir: no route matched"
            self.expect(answer.status == status,
                        f"{answer.status} in {1000 * took:.0f} ms, by {by}")

    def change_under_load(self):
        self.begin("Changes while everybody is watching",
                   f"wrk keeps {CONNECTIONS} connections busy for {LOAD_S} s; meanwhile the route "
                   f"changes {CHANGES_PER_S} times a second.")
        self.screen.command(f"wrk -c {CONNECTIONS} -d {LOAD_S}s {REVIEWS}/1")
        wrk = Wrk(self.lab.client, f"{REVIEWS}/1", f"reviews:{bookinfo.PORT}", LOAD_S, CONNECTIONS)
        changes = 0
        while wrk.running():
            self.apply(("all-v1.yaml", "canary.yaml", "all-v2.yaml")[changes % 3], show=False)
            changes += 1
            time.sleep(1 / CHANGES_PER_S)
        report = wrk.finish()
        self.screen.line(f"    {report.requests} requests, {report.rate:.0f} a second, "
                         f"{changes} changes of the route meanwhile")
        self.expect(report.requests > 0 and report.non_2xx == 0 and report.socket_errors == 0,
                    f"{report.non_2xx} failed requests, {report.socket_errors} socket errors")
        self.apply("all-v3.yaml", show=False)
        self.expect(self.ask(100) == {"reviews v3": 100},
                    "after the last change every answer is by the last configuration")

    def ledger(self):
        """What the gateway says of itself."""
        metrics = self.weir.metrics()
        requests = metrics.sum("weir_worker_requests_total")
        busy = metrics.sum("weir_worker_cycles_total", state="busy")
        self.screen.title("What weir counted")
        self.screen.line(f"  {requests:.0f} requests, {busy / max(requests, 1):.0f} busy cycles "
                         f"for each, the veth driver's system calls included")
        self.screen.line(f"  {metrics.sum('weir_snapshot_generation'):.0f} configurations, "
                         f"{metrics.sum('weir_snapshots_alive'):.0f} still in memory")

    def run(self):
        for step in (self.one_version, self.canary, self.jason, self.all_v2, self.ingress,
                     self.change_under_load, self.ledger):
            step()


def name_in(row):
    """The service and version in a backend's answer."""
    try:
        answer = json.loads(row)
        return f"{answer['service']} {answer['version']}"
    except (ValueError, KeyError, TypeError):
        return f"? {row[:30]}"


def keep(screen, lab, weir):
    """Leaves it up until Ctrl-C and says what to try."""
    inside = f"ip netns exec {lab.client.name}"
    weirctl = f"{weirctl_bin()} --admin unix:{weir.admin_socket}"
    screen.title("It stays up until Ctrl-C. In another terminal, try")
    for what, text in (
            ("ask a service of the mesh", f"{inside} curl -i {REVIEWS}/0"),
            ("come from outside",
             f"{inside} curl -i -H 'Host: {PUBLIC}' http://{GW_EXT_IP}/status/418"),
            ("put it under load", f"{inside} wrk -c 64 -d 5s {REVIEWS}/0"),
            ("change a route: save, and it counts",
             f"${{EDITOR:-vi}} {weir.resources_dir}/reviews.yaml"),
            ("read its metrics", f"curl -s --unix-socket {weir.admin_socket} http://weir/metrics"),
            ("see what the workers run on", f"{weirctl} proxy-config route"),
            ("ask who would serve a request, and why",
             f"{weirctl} explain {REVIEWS}/0 -H 'end-user: jason'"),
            ("follow the access log", f"tail -f {weir.access_log_path}")):
        screen.line(f"  # {what}", "dim")
        screen.command(text)
    try:
        while weir.process.running():
            time.sleep(0.2)
        screen.line("weir has ended:\n" + weir.log()[-2000:], "red")
        return 1
    except KeyboardInterrupt:
        screen.line()
        return 0


def introduce(screen, lab, weir, servers):
    driver = weir.node["interfaces"][0]["device"].split(",")[0]
    screen.title("weir: Istio's routes, run by one process on DPDK")
    screen.line("  Three network namespaces, made for this demo and gone after it:")
    screen.line(f"    client  {lab.client.name}")
    screen.line(f"    gateway {lab.gw.name}: weir (pid {weir.process.pid}), "
                f"its own TCP on {driver}")
    screen.line(f"    backends {lab.back.name}: nginx as {', '.join(sorted(servers))}")
    if driver != DRIVERS[0]:
        screen.line(f"  {DRIVERS[0]} cannot be opened here; {driver} does the same, slower.",
                    "yellow")


def play(screen, stay):
    with Lab() as lab:
        servers = bookinfo.start(lab)
        lab.client.hosts(bookinfo.VIPS)
        weir = Weir(lab, bookinfo.registry()).start()
        introduce(screen, lab, weir, servers)
        tour = Tour(screen, lab, weir)
        tour.run()
        code = keep(screen, lab, weir) if stay else 0
        weir.stop()
    screen.title("The end")
    screen.line(f"  {tour.held} of {tour.held + len(tour.broken)} expectations held; "
                "namespaces and processes are gone.")
    for text in tour.broken:
        screen.line(f"  {screen.bad} not so: {text}", "red")
    return 1 if tour.broken else code


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it up until Ctrl-C")
    options = parser.parse_args()
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda number, frame: sys.exit(128 + number))
    # A shell starts what it puts into the background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    screen = Screen()
    reap()
    try:
        return play(screen, options.keep)
    except KeyboardInterrupt:
        screen.line("\ninterrupted; all is put away", "yellow")
        return 130
    except (netns.SetupError, ChildProcessError, TimeoutError, AssertionError,
            subprocess.SubprocessError) as problem:
        screen.line(f"\n{problem}", "red")
        return 1
    finally:
        proc.clear_scratch()


if __name__ == "__main__":
    sys.exit(main())
