"""Retries, faults, mirrors and DestinationRules that are wrong: every clause of the rows of
istio/behaviours.md, groups F, G, H, M, N and O, that ends with "error".

`weir --check` names each of them, and a gateway that is given one goes on with what it has.
"""
import threading

import pytest

from harness import bookinfo, proc
from harness.client import Connection
from harness.resources import documents, virtual_service
from harness.said import errors_of, said

TO = "route: [{destination: {host: reviews}}]"
RULE = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n" \
       "metadata: {name: %s}\nspec: {%s}\n"

# Of one rule of a VirtualService; the row's number, what is written, and the code of what is said.
RULES = [
    ("b104", "timeout: 0s", "WEIR0117"),
    ("b127", "retries: {attempts: -1}", "WEIR0315"),
    ("b127", "retries: {attempts: 0, perTryTimeout: 1s}", "WEIR0316"),
    ("b127", "retries: {attempts: 1, perTryTimeout: 0.1ms}", "WEIR0117"),
    ("b127", "retries: {attempts: 1, retryOn: foo}", "WEIR0317"),
    ("b127", "retries: {attempts: 1, retryOn: '503, reset'}", "WEIR0317"),
    ("b127", "retries: {attempts: 1, retryOn: '520'}", "WEIR0317"),
    ("b141", "fault: {}", "WEIR0341"),
    ("b141", "fault: {abort: {percentage: {value: 101}, httpStatus: 500}}", "WEIR0344"),
    ("b141", "fault: {abort: {percentage: {value: 0.00001}, httpStatus: 500}}", "WEIR0344"),
    ("b141", "fault: {abort: {httpStatus: 99}}", "WEIR0332"),
    ("b141", "fault: {abort: {grpcStatus: nope}}", "WEIR0345"),
    ("b141", "fault: {abort: {http2Error: PROTOCOL_ERROR}}", "WEIR0343"),
    ("b141", "fault: {delay: {exponentialDelay: 1s}}", "WEIR0343"),
    ("b145", "mirror: {host: b}, mirrorPercent: 101", "WEIR0347"),
    ("b147", "mirror: {host: b}, mirrors: [{destination: {host: b}}]", "WEIR0346"),
]

# Of a DestinationRule's trafficPolicy.
POLICIES = [
    ("b225", "connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}",
     "WEIR0430"),
    ("b226", "connectionPool: {}", "WEIR0402"),
    ("b226", "connectionPool: {tcp: {maxConnections: -1}}", "WEIR0114"),
    ("b226", "connectionPool: {http: {http1MaxPendingRequests: -1}}", "WEIR0114"),
    ("b226", "connectionPool: {http: {maxRequestsPerConnection: -1}}", "WEIR0114"),
    ("b226", "connectionPool: {http: {http2KeepAlive: {interval: 1s}}}", "WEIR0431"),
    ("b242", "outlierDetection: {maxEjectionPercent: 101}", "WEIR0114"),
    ("b242", "outlierDetection: {maxEjectionPercent: -1}", "WEIR0114"),
    *[("b252", "loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: %d}}}" % n,
       "WEIR0415") for n in (4, 0, 5000011)],
    ("b260", "", "WEIR0401"),
    ("b260", "portLevelSettings: [{loadBalancer: {simple: RANDOM}}]", "WEIR0126"),
    ("b260", "tunnel: {protocol: CONNECT, targetHost: a.test, targetPort: 80}, "
     "proxyProtocol: {version: V1}", "WEIR0407"),
    ("b264", "loadBalancer: {localityLbSetting: {distribute: [{from: r1, to: {r1: 80, r2: 30}}]}}",
     "WEIR0417"),
    ("b264", "loadBalancer: {localityLbSetting: {distribute: [{from: r1, to: {r1: 100}}], "
     "failover: [{from: r1, to: r2}]}}", "WEIR0418"),
    ("b264", "loadBalancer: {localityLbSetting: {failover: [{from: r1, to: r1}]}}", "WEIR0419"),
]

# Of a DestinationRule's subsets.
SUBSETS = [
    ("b260", "{name: v1}, {name: v1}", "WEIR0404"),
    ("b260", "{name: v_1}", "WEIR0403"),
]


def numbered(rows, write):
    """(name of the object, document, code) of each row."""
    return [(f"{number}-{i}", write(f"{number}-{i}", text), code)
            for i, (number, text, code) in enumerate(rows)]


OBJECTS = [
    *numbered(RULES, lambda name, text: virtual_service(
        name, [f"{name}.test"], "[{%s, %s}]" % (text, TO))),
    *numbered(POLICIES, lambda name, text: RULE % (
        f"p-{name}", "host: %s, trafficPolicy: {%s}" % (name, text))),
    *numbered(SUBSETS, lambda name, text: RULE % (
        f"s-{name}", "host: %s, subsets: [%s]" % (name, text))),
]


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def weir(lab, bookinfo_servers, start_weir, request):
    it = start_weir(lab, documents(bookinfo.registry(), virtual_service(
        "kept", ["kept.test"], "[{%s}]" % TO)), workers=request.param)
    yield it
    it.stop()


def name_of(document):
    return document.split("name: ", 1)[1].split("\n")[0].split("}")[0]


def test_check_names_each(weir):
    """All of them in one file, which the running gateway refuses as a whole."""
    weir.write("wrong.yaml", documents(*(document for _, document, _ in OBJECTS)))
    done = weir.check()
    weir.remove("wrong.yaml")
    problems = said(done.stdout, "wrong.yaml")
    assert done.returncode == 1
    missing = [(document, code, problems.get(name_of(document))) for _, document, code in OBJECTS
               if code not in errors_of(problems, name_of(document))]
    assert not missing


class Asking:
    """Keep-alive clients that go on asking until they are told to stop."""

    def __init__(self, lab, n):
        self.stopping, self.statuses = threading.Event(), []
        self.threads = [threading.Thread(target=self._ask, args=(lab,)) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def _ask(self, lab):
        with Connection(lab.client) as conn:
            while not self.stopping.is_set():
                try:
                    self.statuses.append(conn.get("/", "kept.test").status)
                except (OSError, EOFError) as problem:
                    self.statuses.append(repr(problem))
                    return

    def finish(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self.statuses


def test_a_reload_of_each_loses_nothing(lab, weir):
    """One after the other into a running gateway: each is refused, and clients see nothing."""
    before, asking = weir.generation(), Asking(lab, 4)
    try:
        for _, document, code in OBJECTS:
            name = name_of(document)
            weir.write("given.yaml", document)
            proc.wait_until(f"{name} is refused with {code}",
                            lambda: code in errors_of(said(weir.log(), "given.yaml"), name))
        assert weir.metrics().sum("weir_config_errors") > 0
        assert weir.generation() == before
        weir.remove("given.yaml")
        proc.wait_until("no error is left",
                        lambda: not weir.metrics().sum("weir_config_errors"))
    finally:
        statuses = asking.finish()
    assert len(statuses) > 100 and set(statuses) == {200}
