"""Which of several backends answers: loadBalancer of a DestinationRule, through the gateway.

Rows of istio/behaviours.md are named by their number. Each has a service of its own, whose
endpoints are the same three backends; the gateway is in r1/z1.
"""
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from harness import proc
from harness.client import curl, tally
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway, virtual_service

BACKENDS = {"reviews-v1": "198.18.1.12", "reviews-v2": "198.18.1.13", "reviews-v3": "198.18.1.14"}
V1, V2, V3 = BACKENDS
HEALTH = "outlierDetection: {}, "


@dataclass
class Row:
    """One service's policy, and the share of each backend that answers requests like these."""
    name: str
    policy: str
    shares: dict                       # backend -> percent
    slack: float = 6                   # percent, either way
    endpoints: tuple = ("", "", "")    # further fields of each
    lines: tuple = ()
    path: str = "/"
    n: int = 600

    @property
    def host(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower()) + ".test"


EVENLY = {V1: 100 / 3, V2: 100 / 3, V3: 100 / 3}
WEIGHTS = ("weight: 3", "weight: 1", "weight: 1")
BY_WEIGHT = {V1: 60, V2: 20, V3: 20}
NEAR = ("locality: r1/z1", "locality: r1/z2", "locality: r2/z1")

SPREAD = [
    Row("B244 random", "loadBalancer: {simple: RANDOM}", EVENLY, slack=2, n=10000),
    Row("round robin", "loadBalancer: {simple: ROUND_ROBIN}", EVENLY, slack=0.2),
    Row("least request", "loadBalancer: {simple: LEAST_REQUEST}", EVENLY),
    Row("pass through", "loadBalancer: {simple: PASSTHROUGH}", EVENLY),
    Row("B246 round robin", "loadBalancer: {simple: ROUND_ROBIN}", BY_WEIGHT, 0.5, WEIGHTS),
    Row("B246 random", "loadBalancer: {simple: RANDOM}", BY_WEIGHT, 6, WEIGHTS),
    Row("least request by weight", "loadBalancer: {simple: LEAST_REQUEST}", BY_WEIGHT, 6, WEIGHTS),
    Row("B247 no header", "loadBalancer: {consistentHash: {httpHeaderName: x-user}}", EVENLY, 9),
    Row("B250 no parameter", "loadBalancer: {consistentHash: {httpQueryParameterName: q}}",
        EVENLY, 9, path="/?p=1"),
    Row("cookie without ttl", "loadBalancer: {consistentHash: {httpCookie: {name: user}}}",
        EVENLY, 9),
    Row("B262 nearest", HEALTH + "loadBalancer: {simple: ROUND_ROBIN}", {V1: 100}, 0, NEAR),
    Row("B262 no outlier detection", "loadBalancer: {simple: ROUND_ROBIN}", EVENLY, 0.2, NEAR),
    Row("locality off", HEALTH + "loadBalancer: {localityLbSetting: {enabled: false}}",
        EVENLY, 6, NEAR),
    Row("distribute", "loadBalancer: {localityLbSetting: {distribute: "
        "[{from: r1/*, to: {r1/z2: 30, r2: 70}}]}}", {V2: 30, V3: 70}, 6, NEAR),
    Row("distribute to nobody's locality", "loadBalancer: {localityLbSetting: {distribute: "
        "[{from: r1/z1, to: {r9: 100}}]}}", {None: 100}, 0, NEAR, n=20),
]

STICKY = [
    ("B247 header", "httpHeaderName: x-user", lambda i: {"lines": (f"X-User: u{i}",)}),
    ("header by maglev", "httpHeaderName: x-user, maglev: {tableSize: 1009}",
     lambda i: {"lines": (f"X-User: u{i}",)}),
    ("two lines", "httpHeaderName: x-user", lambda i: {"lines": ("X-User: a", f"X-User: u{i}")}),
    ("B250 query", "httpQueryParameterName: q", lambda i: {"path": f"/?a=b&q={i}&q=9"}),
    ("cookie", "httpCookie: {name: user}", lambda i: {"lines": (f"Cookie: a=b; user={i}",)}),
    ("old ring size", "httpHeaderName: x-user, minimumRingSize: 3000",
     lambda i: {"lines": (f"X-User: u{i}",)}),
]
GIVEN = {"cookie-given.test": "ttl: 90s, path: /p, attributes: [{name: SameSite, value: Lax}]",
         "cookie-of-a-session.test": "ttl: 0s"}


def service(host, policy, endpoints=("", "", ""), addresses=tuple(BACKENDS.values())):
    """A service with its policy and the route to it."""
    name = host.split(".")[0]
    entries = "".join(f"  - {{address: {ip}, {more}}}\n" for ip, more in zip(addresses, endpoints))
    return documents(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}}}\nspec:\n  hosts: [{host}]\n  resolution: STATIC\n"
        "  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]\n"
        f"  endpoints:\n{entries}",
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}}}\nspec: {{host: {host}, trafficPolicy: {{{policy}}}}}\n",
        virtual_service(name, [host], f"[{{route: [{{destination: {{host: {host}}}}}]}}]"))


def sticky_host(name):
    return "sticky-" + name.lower().replace(" ", "-") + ".test"


def hashed(key):
    return f"loadBalancer: {{consistentHash: {{{key}}}}}"


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def balanced(lab, bookinfo_servers, start_weir, request):
    services = [service(row.host, row.policy, row.endpoints) for row in SPREAD]
    services += [service(sticky_host(name), hashed(key)) for name, key, _ in STICKY]
    services += [service(host, hashed(f"httpCookie: {{name: user, {more}}}"))
                 for host, more in GIVEN.items()]
    services += [service("source.test", hashed("useSourceIp: true"))]
    node = {"name": "gw-1", "namespace": "istio-system", "locality": "r1/z1",
            "labels": {"istio": "ingressgateway"}}
    it = start_weir(lab, documents(gateway(), *services), node=node, workers=request.param)
    it.n_workers = request.param
    yield it
    it.stop()


def answers(lab, host, n, path="/", lines=(), connections=1):
    seen = tally(lab.client, n, host, path, lines, connections=connections)
    return Counter({name: count for (_, name), count in seen.items()})


@pytest.mark.parametrize("row", SPREAD, ids=lambda row: row.name)
def test_shares(lab, balanced, row):
    seen = answers(lab, row.host, row.n, row.path, row.lines, 2 * balanced.n_workers)
    # What is exact is so for each worker, which may end anywhere in its cycle.
    slack = row.slack + (200 * (balanced.n_workers - 1) / row.n if row.slack else 0)
    assert set(seen) == set(row.shares), seen
    for name, percent in row.shares.items():
        assert abs(seen[name] * 100 / row.n - percent) <= slack, seen


@pytest.mark.parametrize("name, key, ask", STICKY, ids=[row[0] for row in STICKY])
def test_one_key_has_one_backend(lab, balanced, name, key, ask):
    owners = set()
    for i in range(40):
        seen = answers(lab, sticky_host(name), 4, connections=4, **ask(i))
        assert len(seen) == 1 and None not in seen, (i, seen)
        owners |= set(seen)
    assert owners == set(BACKENDS)


def test_b249_source_address(lab, balanced):
    """Each client has one backend, and they do not all have the same."""
    assert len(answers(lab, "source.test", 60, connections=20)) == 1
    owners = set()
    for ip in (f"198.18.0.{n}" for n in range(201, 213)):
        if f" {ip}/" not in lab.client.ip("addr", "show", "dev", "c0"):
            lab.client.ip("addr", "add", f"{ip}/24", "dev", "c0")
        seen = {curl(lab.client, f"http://{GW_EXT_IP}/", "--interface", ip,
                     headers=["Host: source.test"]).get("x-backend") for _ in range(4)}
        assert len(seen) == 1 and None not in seen, (ip, seen)
        owners |= seen
    assert len(owners) > 1


@pytest.mark.parametrize("host, attributes", [
    ("cookie-given.test", "; Max-Age=90; Path=/p; SameSite=Lax; HttpOnly"),
    ("cookie-of-a-session.test", "; HttpOnly")])
def test_a_cookie_is_given(lab, balanced, host, attributes):
    """Who has none gets one, and comes back with it to the backend that answered."""
    owners = set()
    for _ in range(12):
        first = curl(lab.client, f"http://{GW_EXT_IP}/", headers=[f"Host: {host}"])
        cookie = first.get("set-cookie")
        match = re.fullmatch('user="([0-9a-f]{16})"' + re.escape(attributes), cookie)
        assert match, cookie
        owners.add(first.get("x-backend"))
        for value in (match.group(1), f'"{match.group(1)}"'):
            again = curl(lab.client, f"http://{GW_EXT_IP}/",
                         headers=[f"Host: {host}", f"Cookie: user={value}"])
            assert again.get("x-backend") == first.get("x-backend")
            assert again.get("set-cookie") is None
    assert len(owners) > 1


def test_b261_warmup(lab, balanced):
    """A backend that is added gets a tenth of a share at first, and all of it in the end,
    from all workers alike. It is known from the first request for its service on."""
    policy = "loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: %s}}"
    two, conns = tuple(BACKENDS.values())[:2], 1 if balanced.n_workers == 1 else 40
    for duration in ("1s", "300s"):
        balanced.apply("warm.yaml", service("warm.test", policy % duration, addresses=two))
        answers(lab, "warm.test", 10 * conns, connections=conns)
        curl(lab.client, f"http://{GW_EXT_IP}/delay/1.2", headers=["Host: warm.test"])
        assert set(answers(lab, "warm.test", 400, connections=conns)) == {V1, V2}
    balanced.apply("warm.yaml", service("warm.test", policy % "300s"))
    seen = answers(lab, "warm.test", 1000, connections=conns)
    assert 20 <= seen[V3] <= 80 and abs(seen[V1] - seen[V2]) < 40, seen
    balanced.apply("warm.yaml", service("warm.test", policy % "1s"))
    curl(lab.client, f"http://{GW_EXT_IP}/delay/1.2", headers=["Host: warm.test"])
    seen = answers(lab, "warm.test", 600, connections=conns)
    assert abs(seen[V3] - 200) <= 12, seen
    balanced.withdraw("warm.yaml")


def test_b262_failover(lab, balanced):
    """Whoever is nearest takes everything, until it is ejected; then the next one."""
    policy = ("outlierDetection: {consecutive5xxErrors: 1, maxEjectionPercent: 100, "
              "baseEjectionTime: 300s}, loadBalancer: {simple: ROUND_ROBIN}")
    balanced.apply("near.yaml", service("near.test", policy, NEAR))
    for name in (V1, V2, V3):
        assert set(answers(lab, "near.test", 60)) == {name}
        assert set(answers(lab, "near.test", 1, "/status/500")) == {name}
    assert set(answers(lab, "near.test", 10)) == {None}
    balanced.withdraw("near.yaml")


REFUSED = [
    ("B252", hashed("useSourceIp: true, maglev: {tableSize: 4}"), "WEIR0415"),
    ("B264", "loadBalancer: {localityLbSetting: {distribute: "
     "[{from: r1, to: {r1: 80, r2: 30}}]}}", "WEIR0417"),
    ("two tables", hashed("useSourceIp: true, ringHash: {}, maglev: {tableSize: 7}"), "WEIR0413"),
]


@pytest.mark.parametrize("name, policy, code", REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_wrong_changes_nothing(lab, balanced, name, policy, code):
    balanced.write("wrong.yaml", service("wrong.test", policy))
    try:
        proc.wait_until(f"{code} in the log", lambda: code in balanced.log())
        assert answers(lab, SPREAD[1].host, 3) == Counter({V1: 1, V2: 1, V3: 1})
        assert set(answers(lab, "wrong.test", 3)) == {None}
    finally:
        balanced.remove("wrong.yaml")
