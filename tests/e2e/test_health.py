"""Active health checks, through the real gateway: probes of WorkloadGroups (istio/behaviours.md,
group Q) and weir's annotations.

Each test has a service on a port of its own, so that what is counted is its own. Requests come on
connections of their own, so that with four workers each of them is asked.
"""
import time
from collections import Counter

import pytest
import yaml

from harness import proc
from harness.client import Connection
from harness.nginx import Nginx
from harness.patients import CHECK, NOTHING, Patients
from harness.resources import documents, gateway, virtual_service
from harness.weir import ADMIN
from harness.weirctl import Weirctl

IPS = tuple(f"198.18.1.{n}" for n in (91, 92, 93))
IPS6, PORT6 = ("2001:2:0:1::91", "2001:2:0:1::92"), 11199
NETWORKING = "networking.istio.io/v1"
TICK = 0.1                      # seconds between checks, where nothing else is said


def entry(name, port, annotations=None, ips=IPS[:2], selector=None, policy=None, ports=None,
          localities=()):
    """A ServiceEntry, its route from NAME.test, and a DestinationRule if there is a policy. ports:
    those of one address instead of ips."""
    spec = {"hosts": [f"{name}.test"], "resolution": "STATIC",
            "ports": [{"number": port, "name": "http", "protocol": "HTTP"}]}
    if selector:
        spec["workloadSelector"] = {"labels": selector}
    else:
        spec["endpoints"] = [{"address": ip} for ip in ips]
    if ports:
        spec["endpoints"] = [{"address": ips[0], "ports": {"http": p}} for p in ports]
    for at, locality in zip(spec.get("endpoints", ()), localities):
        at["locality"] = locality
    meta = {"name": name}
    if annotations:
        meta["annotations"] = {f"weir.io/health-check{k}": v for k, v in annotations.items()}
    docs = [yaml.safe_dump({"apiVersion": NETWORKING, "kind": "ServiceEntry", "metadata": meta,
                            "spec": spec}),
            virtual_service(name, [f"{name}.test"], "[{retries: {attempts: 0}, "
                            "route: [{destination: {host: %s.test}}]}]" % name)]
    if policy:
        docs.append(yaml.safe_dump({
            "apiVersion": NETWORKING, "kind": "DestinationRule", "metadata": {"name": name},
            "spec": {"host": f"{name}.test", "trafficPolicy": yaml.safe_load(policy)}}))
    return documents(*docs)


def http(**more):
    """Annotations of a check of /healthz every TICK; rise and fall by one."""
    named = {f"-{k.replace('_', '-')}": v for k, v in more.items()}
    return {"": "http", "-path": CHECK, "-interval": f"{TICK * 1000:.0f}ms", "-timeout": "500ms",
            "-healthy-threshold": "1", "-unhealthy-threshold": "1", **named}


def group(name, probe, ips=IPS[:2]):
    """A WorkloadGroup with this probe, its entries, and their ServiceEntry's selector."""
    labels = {"app": name}
    docs = [yaml.safe_dump({"apiVersion": NETWORKING, "kind": "WorkloadGroup",
                            "metadata": {"name": name},
                            "spec": {"metadata": {"labels": labels}, "template": {},
                                     "probe": yaml.safe_load(probe)}})]
    docs += [yaml.safe_dump({"apiVersion": NETWORKING, "kind": "WorkloadEntry",
                             "metadata": {"name": f"{name}-{i}"},
                             "spec": {"address": ip, "labels": labels}})
             for i, ip in enumerate(ips)]
    return documents(*docs)


def probed(name, port, probe):
    return documents(entry(name, port, selector={"app": name}), group(name, probe))


class Service:
    """A name, a port, and what the test says of its backends."""

    def __init__(self, lab, weir, origin, name, port):
        self.lab, self.weir, self.origin, self.name, self.port = lab, weir, origin, name, port

    def backend(self, i):
        return f"{IPS[i]}:{self.port}"

    def all(self, n=2):
        return {self.backend(i) for i in range(n)}

    def key(self, i):
        return (IPS[i], self.port)

    def ask(self, path="/"):
        with Connection(self.lab.client) as conn:
            return conn.get(path, f"{self.name}.test")

    def seen(self, n=16):
        """Who answers, and the status of those that nobody answers."""
        answers = [self.ask() for _ in range(n)]
        return set(a.get("x-backend") or a.status for a in answers)

    def wait(self, what, timeout=5):
        """Until the backends in use are these, or all requests get this status."""
        want = what if isinstance(what, set) else {what}
        proc.wait_until(f"{self.name} is served by {want}", lambda: self.seen() == want,
                        timeout=timeout, every=0.02)

    def fall(self, i, health=503):
        self.origin.health[self.key(i)] = health

    def rise(self, i):
        self.origin.health.pop(self.key(i), None)

    def checks(self, i):
        return self.origin.checks.get(self.key(i), 0)


NAMES = {}
SLOW = "{httpGet: {path: %s, port: %d}, periodSeconds: 1, failureThreshold: 2}"


def declare(name, make, listen=2):
    """A service of this file; `make` is given its name and port."""
    NAMES[name] = (11200 + len(NAMES), make, listen)


declare("annotated", lambda n, p: entry(n, p, http()))
declare("b282", lambda n, p: probed(n, p, SLOW % (CHECK, p)))
declare("b284", lambda n, p: probed(n, p, "{httpGet: {path: healthz, port: %d, httpHeaders: "
                                    "[{name: Host, value: probe.test}]}, periodSeconds: 1}" % p))
declare("b285", lambda n, p: probed(n, p, "{tcpSocket: {port: %d}, periodSeconds: 1}" % p))
declare("tcp", lambda n, p: entry(n, p, {"": "tcp", "-interval": "100ms",
                                         "-unhealthy-threshold": "2"}))
declare("refused", lambda n, p: entry(n, p, http()), listen=0)
declare("statuses", lambda n, p: entry(n, p, http(expected_statuses="200-299,404")))
declare("silent", lambda n, p: entry(n, p, http(timeout="200ms", unhealthy_threshold="3")))
declare("leaving", lambda n, p: entry(n, p, http(interval="1s")))
declare("counted", lambda n, p: entry(n, p, http()))
declare("kept", lambda n, p: entry(n, p, http(interval="60s")))
declare("panic", lambda n, p: entry(n, p, http(), ips=IPS,
                                    policy="{outlierDetection: {minHealthPercent: 50}}"),
        listen=3)
declare("shown", lambda n, p: entry(n, p, http()))
declare("gone", lambda n, p: entry(n, p), listen=3)
declare("both", lambda n, p: entry(
    n, p, http(), policy="{outlierDetection: {consecutive5xxErrors: 1, interval: 100ms, "
    "baseEjectionTime: 60s, maxEjectionPercent: 100}}"))


declare("far", lambda n, p: entry(n, p, http(), localities=("r1/z1", "r2/z1"),
                                  policy="{outlierDetection: {}}"))
declare("hashed", lambda n, p: entry(
    n, p, http(), policy="{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"))
NODE = {"name": "gw-1", "namespace": "istio-system", "labels": {"istio": "ingressgateway"},
        "locality": "r1/z1"}


@pytest.fixture(scope="module")
def origin(lab):
    it = Patients(lab)
    for ip in IPS6:
        it.listen(ip, PORT6)
    for port, _, listen in NAMES.values():
        for ip in IPS[:listen]:
            it.listen(ip, port)
    yield it
    it.stop()


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, origin, start_weir, request):
    origin.health.clear()
    origin.fields.clear()
    for ip in IPS:
        lab.add_backend_ip(ip)
    it = start_weir(lab, documents(gateway(), *(make(name, port)
                                                for name, (port, make, _) in NAMES.items())),
                    workers=request.param, node=NODE)
    yield it
    it.stop()


@pytest.fixture
def service(lab, weir, origin):
    def get(name):
        return Service(lab, weir, origin, name, NAMES[name][0])

    return get


def test_503_is_out_until_it_is_well(service):
    s = service("annotated")
    s.wait(s.all())
    assert "user-agent: weir-health-check" in s.origin.head[s.key(0)]
    assert "host: annotated.test" in s.origin.head[s.key(0)]
    with Connection(s.lab.client) as slow:
        while True:     # in progress at the one that goes out
            slow.send(b"GET /0.7/x HTTP/1.1\r\nHost: annotated.test\r\n\r\n")
            time.sleep(0.1)
            s.fall(0)
            s.wait({s.backend(1)})
            answer = slow.read()
            assert answer.status == 200
            if answer.get("x-backend") == s.backend(0):
                break
            s.rise(0)
            s.wait(s.all())
    assert s.seen(40) == {s.backend(1)}
    s.rise(0)
    s.wait(s.all())


def test_b282_two_failures_of_a_probe(service):
    s = service("b282")
    s.wait(s.all())
    assert "user-agent: istio-probe/1.0" in s.origin.head[s.key(0)]
    before = s.checks(0)
    s.fall(0)
    proc.wait_until("a check has failed", lambda: s.checks(0) > before, timeout=4, every=0.005)
    assert s.seen(24) == s.all(), "one failure is not enough"
    s.wait({s.backend(1)})
    assert s.checks(0) >= before + 2
    s.rise(0)
    s.wait(s.all())


def test_b284_what_a_probe_takes(service):
    s = service("b284")
    s.wait(s.all())
    assert "host: probe.test" in s.origin.head[s.key(0)]
    s.fall(0, 400)
    s.wait({s.backend(1)})
    s.fall(0, 302)
    s.wait(s.all())
    s.fall(0, NOTHING)
    s.wait({s.backend(1)})
    s.rise(0)
    s.wait(s.all())


def test_b285_a_connection(service):
    s = service("b285")
    s.wait(s.all())
    before = s.origin.tallies[s.port].requests
    time.sleep(1.2)
    assert s.origin.tallies[s.port].requests == before, "nothing is sent"
    s.origin.deafen(*s.key(0))
    s.wait({s.backend(1)})
    s.origin.listen(*s.key(0))
    s.wait(s.all())


def test_tcp_by_annotation(service):
    s = service("tcp")
    s.wait(s.all())
    s.origin.deafen(*s.key(0))
    s.wait({s.backend(1)})
    s.origin.listen(*s.key(0))
    s.wait(s.all())


def test_b287_nobody_is_well(service):
    s = service("refused")
    s.wait(503)
    answer = s.ask("/nobody")
    assert answer.text == "no healthy upstream"
    record = s.weir.wait_log("/nobody", lambda r: r["path"] == "/nobody")
    assert record["response_flags"] == "UH"
    assert record["response_code_details"] == "no_healthy_upstream"
    s.origin.listen(*s.key(1))
    s.wait({s.backend(1)})
    s.origin.deafen(*s.key(1))
    s.wait(503)


def test_expected_statuses(service):
    s = service("statuses")
    s.wait(s.all())
    for status, well in ((404, True), (302, False), (204, True), (500, False), (299, True)):
        s.fall(0, status)
        s.wait(s.all() if well else {s.backend(1)})
    s.rise(0)
    s.wait(s.all())


def test_who_does_not_answer_has_more_tries(service):
    """Three timeouts of 200 ms; a wrong answer would have been enough (Envoy)."""
    s = service("silent")
    s.wait(s.all())
    s.fall(0, NOTHING)
    began = time.monotonic()
    s.wait({s.backend(1)})
    assert time.monotonic() - began >= 0.5
    s.rise(0)
    s.wait(s.all())
    s.fall(0, 500)
    s.wait({s.backend(1)})
    s.rise(0)
    s.wait(s.all())


def test_immediate_fail_in_a_response(service):
    s = service("leaving")
    s.wait(s.all())
    s.origin.fields[s.key(0)] = b"x-envoy-immediate-health-check-fail: true\r\n"
    seen = Counter()
    for _ in range(20):
        answer = s.ask()
        seen[answer.get("x-backend"), answer.get("x-envoy-immediate-health-check-fail")] += 1
    s.origin.fields.clear()
    # A check may pass in the middle of this.
    assert 1 <= seen[s.backend(0), "true"] <= 3, seen
    assert seen[s.backend(1), None] == sum(seen.values()) - seen[s.backend(0), "true"]
    s.wait(s.all())


def test_one_worker_checks_an_endpoint(service):
    s = service("counted")
    s.wait(s.all())
    before, began = [s.checks(i) for i in range(2)], time.monotonic()
    time.sleep(2)
    took = time.monotonic() - began
    for i in range(2):
        checks = s.checks(i) - before[i]
        assert 0.5 * took / TICK <= checks <= 1.1 * took / TICK + 1, checks


def test_reloads_keep_it(service):
    """Checks are a minute apart: what is known of the two is known from the first one."""
    s = service("kept")
    s.wait(s.all())
    before = [s.checks(i) for i in range(2)]
    for i in range(20):
        s.weir.apply("other.yaml", virtual_service("other", [f"other{i}.test"],
                                                   "[{directResponse: {status: 204}}]"))
    assert s.seen() == s.all()
    s.weir.withdraw("other.yaml")
    assert s.seen(24) == s.all()
    assert [s.checks(i) for i in range(2)] == before


def test_panic(service):
    s = service("panic")
    s.wait(s.all(3))
    s.fall(0)
    s.wait({s.backend(1), s.backend(2)})
    s.fall(1)
    s.wait(s.all(3))
    s.fall(2)
    time.sleep(5 * TICK)
    assert s.seen(30) == s.all(3)
    for i in range(3):
        s.rise(i)


def test_b262_failover_by_checks(service):
    """The nearest keeps everything while it is well."""
    s = service("far")
    proc.wait_until("the near one serves", lambda: s.seen() == {s.backend(0)}, timeout=5)
    s.fall(0)
    s.wait({s.backend(1)})
    s.rise(0)
    s.wait({s.backend(0)})


def test_hash_goes_on_to_the_next(service):
    s = service("hashed")

    def users():
        answers = {}
        for user in range(30):
            with Connection(s.lab.client) as conn:
                answers[user] = conn.get("/", "hashed.test", f"x-user: {user}").get("x-backend")
        return answers

    proc.wait_until("both serve", lambda: set(users().values()) == s.all(), timeout=5)
    before = users()
    s.fall(0)
    proc.wait_until("one serves", lambda: set(users().values()) == {s.backend(1)}, timeout=5)
    s.rise(0)
    proc.wait_until("all are where they were", lambda: users() == before, timeout=5)


def test_ipv6(lab, weir, origin):
    weir.apply("six.yaml", entry("six", PORT6, http(), ips=IPS6))
    s = Service(lab, weir, origin, "six", PORT6)
    backends = {f"{ip}:{PORT6}" for ip in IPS6}
    s.wait(backends)
    origin.health[IPS6[0], PORT6] = 503
    s.wait(backends - {f"{IPS6[0]}:{PORT6}"})
    del origin.health[IPS6[0], PORT6]
    s.wait(backends)
    weir.withdraw("six.yaml")


def test_both_kinds(service):
    """Ejected and checked at once: a check that passes does not end an ejection."""
    s = service("both")
    s.wait(s.all())
    answer = s.origin.answer
    s.origin.answer = lambda key, path, head: (
        answer(key, path, head).replace(b" 200 ", b" 500 ")
        if key == s.key(0) and path != CHECK else answer(key, path, head))
    proc.wait_until("one is ejected", lambda: s.seen(24) == {s.backend(1)}, timeout=5)
    s.origin.answer = answer
    time.sleep(5 * TICK)
    assert s.seen(24) == {s.backend(1)}
    assert flags(s, 0) == ["failed_outlier_check"]
    s.fall(0)
    proc.wait_until("it is both", lambda: flags(s, 0) == ["failed_active_hc",
                                                          "failed_outlier_check"])
    s.rise(0)


def endpoint(s, i):
    """As /clusters has it."""
    clusters = yaml.safe_load(s.weir.get(f"/clusters?name={s.name}.test")[1])["clusters"]
    return next(e for c in clusters for e in c["endpoints"] if e["address"] == s.backend(i))


def flags(s, i):
    return endpoint(s, i)["health_flags"]


def test_what_is_shown(service):
    s = service("shown")
    s.wait(s.all())
    s.fall(0)
    s.wait({s.backend(1)})
    assert flags(s, 0) == ["failed_active_hc"] and flags(s, 1) == []
    shown = endpoint(s, 0)
    assert shown["health"] == "unhealthy" and endpoint(s, 1)["health"] == "healthy"
    assert shown["last_health_check"] == "status" and shown["last_health_check_status"] == 503
    assert shown["health_checks"] > shown["health_checks_passed"] >= 1

    weirctl = Weirctl(ADMIN, s.lab.gw)
    table = weirctl.text("proxy-config", "endpoint", "--cluster", "shown.test").splitlines()
    assert table[0].split()[:4] == ["ENDPOINT", "STATUS", "OUTLIER", "CHECK"], table
    rows = {line.split()[0]: line.split()[1:3] for line in table[1:]}
    assert rows == {s.backend(0): ["UNHEALTHY", "OK"], s.backend(1): ["HEALTHY", "OK"]}
    assert endpoint(s, 0)["health_flags"] in [
        e["health_flags"] for e in weirctl.json("proxy-config", "endpoint", "--cluster",
                                                "shown.test")]

    text = weirctl.text("explain", "http://shown.test/")
    assert f"{s.backend(0)}  weight 1  version unknown  unhealthy: failed_active_hc\n" in text
    assert f"{s.backend(1)}  weight 1  version unknown\n" in text

    cluster = f"outbound|{s.port}||shown.test"
    metrics = s.weir.metrics()
    assert metrics.sum("weir_cluster_unhealthy_endpoints", cluster=cluster) == 1
    assert metrics.sum("weir_cluster_health_checks_total", cluster=cluster, result="failed") >= 1
    assert metrics.sum("weir_cluster_health_checks_total", cluster=cluster, result="passed") >= 2
    assert metrics.sum("weir_health_checks_total", result="status") >= 1
    assert metrics.sum("weir_health_checks_started_total") >= metrics.sum(
        "weir_health_checks_total", result="passed")
    s.rise(0)
    s.wait(s.all())
    out = f"endpoint {s.backend(0)} of {cluster} is out: its health check was answered with an " \
        "unexpected status (503)"
    back = f"endpoint {s.backend(0)} of {cluster} is in again: it passed its health checks"
    proc.wait_until("it is said", lambda: back in s.weir.log())
    log = s.weir.log()
    assert log.count(out) == 1 and log.count(back) == 1
    assert f"endpoint {s.backend(1)} of {cluster}" not in log


def test_reload_changes_checks(service):
    """Added to a service in use, without a gap; to an endpoint that is new; and taken away."""
    s = service("gone")
    s.fall(0)
    s.weir.apply("resources2.yaml", entry("later", s.port, ips=IPS[:2]))
    later = Service(s.lab, s.weir, s.origin, "later", s.port)
    assert later.seen() == later.all()
    s.fall(0, 200)
    s.weir.apply("resources2.yaml", entry("later", s.port, http(), ips=IPS[:2]))
    assert later.seen(24) == later.all(), "no gap"
    s.fall(2)
    s.weir.apply("resources2.yaml", entry("later", s.port, http(), ips=IPS))
    assert later.seen(40) == later.all(2), "the third has not passed a check"
    s.rise(2)
    later.wait(later.all(3))
    s.weir.apply("resources2.yaml", entry("later", s.port, http(), ips=IPS[:1]))
    time.sleep(0.2)
    before = s.checks(0), s.checks(2)
    time.sleep(6 * TICK)
    assert s.checks(0) > before[0] and s.checks(2) == before[1]
    s.fall(0)
    later.wait(503)
    s.weir.apply("resources2.yaml", entry("later", s.port, ips=IPS[:1]))
    later.wait(later.all(1))
    s.rise(0)
    s.weir.withdraw("resources2.yaml")


def test_a_real_server_dies_and_comes_back(lab, weir, origin):
    servers = [Nginx(lab, "real", f"v{i}", ip, port=11190) for i, ip in enumerate(IPS[:2])]
    try:
        weir.apply("real.yaml", entry("real", 11190, http(path="/status/200")))
        s = Service(lab, weir, origin, "real", 11190)
        s.wait({"real-v0", "real-v1"})
        servers[0].kill()
        s.wait({"real-v1"})
        servers[0].start()
        s.wait({"real-v0", "real-v1"})
        weir.apply("real.yaml", entry("real", 11190, http(path="/status/503")))
        s.wait(503)
    finally:
        weir.withdraw("real.yaml")
        for server in servers:
            server.kill()


def totals(weir):
    metrics = weir.metrics()
    return (metrics.sum("weir_health_checks_started_total"),
            metrics.sum("weir_health_checks_total", result="refused"),
            metrics.sum("weir_health_checks_in_flight"))


MANY = 3000


def test_thousands_that_refuse(service):
    """They are all checked, a bounded number at a time, and others' requests do not notice."""
    s = service("counted")
    s.wait(s.all())
    started, refused, _ = totals(s.weir)
    s.weir.apply("many.yaml", entry("many", 80, {"": "tcp", "-interval": "2s"}, ips=IPS,
                                    ports=range(20000, 20000 + MANY)))

    def done():
        now = totals(s.weir)
        assert now[2] <= 512 * s.weir.node["dataplane"]["workers"]
        assert s.ask().status == 200
        return now[1] >= refused + 2 * MANY

    proc.wait_until("they were checked twice", done, timeout=15)
    assert totals(s.weir)[0] >= started + 2 * MANY
    s.weir.withdraw("many.yaml")
    proc.wait_until("nothing is left of it", lambda: totals(s.weir)[2] <= 64, timeout=5)


def test_endpoints_come_and_go_while_they_are_checked(service):
    """Silent ones keep a check in flight all the time: every reload ends some and begins others."""
    s = service("counted")
    for ip in IPS:
        s.origin.health[ip, s.port] = NOTHING
    for i in range(30):
        more = http(interval="5ms", timeout="20ms", host=f"h{i % 2}.test")
        s.weir.apply("churn.yaml", entry("churn", s.port, more, ips=IPS[:1 + i % 3]))
    for ip in IPS:
        s.origin.health.pop((ip, s.port))
    s.weir.withdraw("churn.yaml")
    s.wait(s.all())
