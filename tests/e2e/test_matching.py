"""Which route a request takes: the behaviours of group C by their numbers, through the real gateway.

One gateway serves all rows: each has a host of its own, and its requests go out one after the other
on connections that stay open."""
import pytest
import yaml

from harness import bookinfo
from harness.client import Connection, curl, request
from harness.lab import CLIENT_IP
from harness.resources import documents, virtual_service, workload

BACKENDS = {"a": "v1", "b": "v2", "c": "v3"}  # subsets of reviews
COOKIE = "^(.*?;)?(user=jason)(;.*)?$"
ODD_NAME = "a!#$%&'*+-.^_`|~z"


def rule(to, *blocks, **more):
    """An http rule to one of the backends; no blocks: it has no match."""
    out = {**more, "route": [{"destination": {"host": "reviews", "subset": BACKENDS[to]}}]}
    if blocks:
        out["match"] = list(blocks)
    return out


def uri(**match):
    return {"uri": match}


def headers(**match):
    return {"headers": match}


class Ask:
    """A request, and the backend that answers it ("a", "b", "c") or the status."""

    def __init__(self, want, path="/", *lines, method="GET", authority=None):
        self.want, self.path, self.lines = want, path, lines
        self.method, self.authority = method, authority

    def __repr__(self):
        return f"{self.method} {self.authority or ''}{self.path} {list(self.lines)}"


# The number and what is special about the row; its rules; its requests.
ROWS = [
    ("B024-or", [rule("b", uri(prefix="/status"), uri(prefix="/delay"))], [
        Ask("b", "/status/200"), Ask("b", "/delay/0"), Ask(404, "/headers")]),
    ("B025-prefix", [rule("b", uri(prefix="/foo"))], [
        Ask("b", "/foobar"), Ask("b", "/foo"), Ask(404, "/fo"), Ask(404, "/FOO")]),
    ("B026-exact", [rule("b", uri(exact="/foo"))], [
        Ask("b", "/foo?x=1"), Ask("b", "/foo"), Ask(404, "/foo/")]),
    ("B027-regex", [rule("b", uri(regex="/v[0-9]+"))], [
        Ask("b", "/v12"), Ask("b", "/v12?q"), Ask(404, "/v12/x"), Ask(404, "/x/v12")]),
    ("B029-method", [rule("b", {"method": {"exact": "GET"}}), rule("c", uri(prefix="/c"))], [
        Ask("b"), Ask(404, method="POST"), Ask("c", "/c", method="POST"),
        Ask(404, method="get")]),
    ("B030-header", [rule("b", headers(**{"end-user": {"exact": "jason"}}))], [
        Ask("b", "/", "End-User: jason"), Ask(404, "/", "End-User: Jason"), Ask(404)]),
    ("B031-cookie", [rule("b", headers(cookie={"regex": COOKIE}))], [
        Ask("b", "/", "Cookie: a=1;user=jason"), Ask(404, "/", "Cookie: a=1; user=jason"),
        Ask(404, "/", "Cookie: user=jasonX"), Ask("b", "/", "Cookie: user=jason;b=2")]),
    ("B032-joined", [rule("b", headers(**{"x-a": {"exact": "1,2"}}))], [
        Ask("b", "/", "x-a: 1", "X-A: 2"), Ask("b", "/", "x-a: 1,2"),
        Ask(404, "/", "x-a: 2", "x-a: 1"), Ask(404, "/", "x-a: 1")]),
    ("B035-without", [rule("b", {"withoutHeaders": {"end-user": {"exact": "jason"}}})], [
        Ask("b"), Ask("b", "/", "end-user: bob"), Ask(404, "/", "end-user: jason")]),
    ("B036-without-any", [rule("b", {"withoutHeaders": {"end-user": {"regex": "*"}}})], [
        Ask("b"), Ask(404, "/", "end-user: x"), Ask(404, "/", "end-user:")]),
    ("B037-absent-is-empty", [rule("b", {"withoutHeaders": {"end-user": {"regex": ".*"}}})], [
        Ask(404), Ask(404, "/", "end-user: x")]),
    ("B039-name", [rule("b", headers(**{ODD_NAME: {"exact": "v"}}))], [
        Ask("b", "/", f"{ODD_NAME}: v"), Ask(404, "/", f"{ODD_NAME[:-1]}: v")]),
    ("B040-pseudo", [rule("b", headers(**{":method": {"exact": "GET"}})),
                     rule("c", headers(**{":path": {"exact": "/p?q=1"}}))], [
        Ask("b"), Ask("c", "/p?q=1", method="POST"), Ask(404, "/p", method="POST")]),
    ("B041-query", [rule("b", {"queryParams": {"q": {"exact": "1"}}}),
                    rule("c", {"queryParams": {"e": {"exact": ""}}}),
                    rule("a", {"queryParams": {"r": {"regex": "[a-c]+"}, "p": {}}})], [
        Ask("b", "/?q=1"), Ask(404, "/?q=2"), Ask(404), Ask("c", "/?e"), Ask("c", "/?e="),
        Ask(404, "/?e=1"), Ask("b", "/x?a=2&q=1&q=2"), Ask(404, "/?q=2&q=1"),
        Ask(404, "/?Q=1"), Ask(404, "/?q=%31"), Ask("a", "/?p=%20&r=abc"), Ask(404, "/?r=abc"),
        Ask(404, "/?p&r=abcd")]),
    ("B042-authority", [rule("b", {"authority": {"exact": "b042-authority.test"}})], [
        Ask("b"), Ask(404, authority="b042-authority.test:80")]),
    ("B044-and", [rule("b", {**uri(prefix="/a"), **headers(x={"exact": "1"})})], [
        Ask("b", "/a", "x: 1"), Ask(404, "/a"), Ask(404, "/", "x: 1")]),
    ("B044-or", [rule("b", uri(prefix="/a"), headers(x={"exact": "1"}))], [
        Ask("b", "/", "x: 1"), Ask("b", "/a"), Ask(404)]),
    ("B045-order", [rule("a", uri(prefix="/")), rule("b", uri(prefix="/api"))], [
        Ask("a", "/api"), Ask("a")]),
    ("B046-regex-catch-all", [
        rule("a", uri(regex=".*"), fault={"abort": {"httpStatus": 418,
                                                    "percentage": {"value": 100}}}),
        rule("b")], [
        Ask(418), Ask(418, "/x", method="POST")]),
    ("B047-no-catch-all", [rule("a", {**uri(prefix="/"), "method": {"exact": "GET"}}),
                           rule("b")], [
        Ask("a"), Ask("b", method="POST")]),
    ("B049-gateways", [rule("a", {"gateways": ["elsewhere"]}),
                       rule("b", {"gateways": ["public"], "sourceLabels": {"app": "nobody"}})], [
        Ask("b")]),
    ("B050-source-labels", [rule("a", {"sourceLabels": {"app": "reviews"}}),
                            rule("b", {"sourceLabels": {"istio": "ingressgateway"}})], [
        Ask("b")]),
    ("B051-source-namespace", [rule("a", {"sourceNamespace": "other"}),
                               rule("b", {"sourceNamespace": "istio-system"})], [
        Ask("b")]),
    ("B056-empty-prefix", [rule("a", uri(prefix="")), rule("b", uri(exact="/b"))], [
        Ask("a"), Ask("a", "/b")]),
    ("port", [rule("a", {"port": 8080}), rule("b", {"port": 80})], [Ask("b")]),
    ("ignore-case", [rule("a", {**uri(prefix="/Api"), "ignoreUriCase": True}),
                     rule("b", {**uri(exact="/Exact"), "ignoreUriCase": True}),
                     rule("c", {**uri(regex="/R"), "ignoreUriCase": True})], [
        Ask("a", "/aPI/x"), Ask("b", "/eXACT"), Ask(404, "/exact/"), Ask("c", "/R"),
        Ask(404, "/r")]),
    ("scheme", [rule("a", {"scheme": {"exact": "https"}}),
                rule("b", {"scheme": {"exact": "http"}})], [Ask("b")]),
]


def host_of(name):
    return f"{name.lower()}.test"


def resources():
    return documents(*(virtual_service(f"row-{name.lower()}", [host_of(name)],
                                       yaml.safe_dump(rules)) for name, rules, _ in ROWS))


@pytest.fixture(scope="module")
def rows(lab, gw):
    gw.apply("rows.yaml", resources())
    with Connection(lab.client) as conn:
        yield conn


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_row(rows, row):
    name, _, asked = row
    wrong = []
    for ask in asked:
        rows.send(request(ask.method, ask.path, ask.authority or host_of(name), *ask.lines))
        answer = rows.read()
        backend = (answer.get("x-backend") or "").removeprefix("reviews-")
        got = next((k for k, v in BACKENDS.items() if v == backend), answer.status)
        if got != ask.want:
            wrong.append(f"{ask}: {got}, not {ask.want}")
    assert not wrong, "\n".join(wrong)


def test_b024_and_b052_in_the_log(lab, gw, rows):
    """No route: flag NR. A route's name: the rule's and the block's."""
    gw.apply("named.yaml", virtual_service("named", ["b052.test"], yaml.safe_dump([
        rule("a", {**uri(exact="/rm"), "name": "m"}, uri(exact="/r"), name="r")])))
    for path in ("/rm?b052", "/r?b052", "/none?b052"):
        rows.get(path, "b052.test")
    names = {}
    for path in ("/rm?b052", "/r?b052", "/none?b052"):
        record = gw.wait_log(path, lambda r, path=path: r["path"] == path)
        names[path.partition("?")[0]] = (record["route_name"], record["response_flags"])
    assert names["/rm"] == ("r.m", "-") and names["/r"] == ("r", "-")
    assert names["/none"][1] == "NR"


def test_b009_older_first_b014_no_fall_through_b015_host(lab, gw, rows):
    """Two objects of one host: the older one's rules come first. The longest host has all of it."""
    def dated(name, when, host, to, path):
        doc = yaml.safe_load(virtual_service(name, [host], yaml.safe_dump([
            rule(to, uri(exact=path))])))
        doc["metadata"]["creationTimestamp"] = when
        return yaml.safe_dump(doc)

    gw.apply("aged.yaml", documents(
        dated("zzz", "2020-01-01T00:00:00Z", "b009.test", "b", "/x"),
        dated("aaa", "2021-01-01T00:00:00Z", "b009.test", "c", "/x"),
        dated("wide", "2019-01-01T00:00:00Z", "*.b014.test", "a", "/wide"),
        dated("narrow", "2021-01-01T00:00:00Z", "x.b014.test", "b", "/narrow")))
    assert rows.get("/x", "b009.test").get("x-backend") == "reviews-v2"
    assert rows.get("/narrow", "x.b014.test").get("x-backend") == "reviews-v2"
    assert rows.get("/wide", "x.b014.test").status == 404
    assert rows.get("/wide", "y.b014.test").get("x-backend") == "reviews-v1"
    assert rows.get("/narrow", "X.B014.test:8080").get("x-backend") == "reviews-v2"


REFUSED = [
    ("B034-null-header", "[{match: [{headers: {x-a: null}}], %s}]", "is null"),
    ("B039-bad-name", "[{match: [{headers: {a b: {exact: v}}}], %s}]", "header name"),
    ("B051-namespace", "[{match: [{sourceNamespace: Not_A_Label}], %s}]", "namespace"),
    ("B056-empty-header-prefix", "[{match: [{headers: {x: {prefix: ''}}}], %s}]", "prefix"),
    ("B057-long", "[{match: [{uri: {regex: '" + "a" * 1025 + "'}}], %s}]", "1025"),
    ("B057-look-ahead", "[{match: [{uri: {regex: '(?=x)'}}], %s}]", "look-around"),
    ("claims", "[{match: [{headers: {'@request.auth.claims.group': {exact: a}}}], %s}]", "JWT"),
    ("query-empty-prefix", "[{match: [{queryParams: {q: {prefix: ''}}}], %s}]", "prefix"),
    ("query-regex", "[{match: [{queryParams: {q: {regex: '(a'}}}], %s}]", "parenthesis"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(lab, gw, rows, case):
    """What cannot be matched is refused with the reason, and what was there stays."""
    name, text, why = case
    before = gw.generation()
    gw.write("bad.yaml", virtual_service("bad", ["bad.test"],
                                         text % "route: [{destination: {host: reviews}}]"))
    done = gw.check()
    gw.remove("bad.yaml")
    assert done.returncode == 1 and why in done.stdout, done.stdout
    assert rows.get("/foo", "b026-exact.test").get("x-backend") == "reviews-v2", name
    assert gw.generation() == before


# ---- the mesh: the workload that sends

VIP = bookinfo.VIPS["reviews"]
SOURCES = """
- match: [{sourceLabels: {app: jason, version: v1}}]
  route: [{destination: {host: ratings}}]
- match: [{sourceNamespace: shop}]
  route: [{destination: {host: productpage}}]
"""


def by_vip(lab):
    answer = curl(lab.client, f"http://reviews:{bookinfo.PORT}/",
                  "--resolve", f"reviews:{bookinfo.PORT}:{VIP}")
    return answer.get("x-backend")


def test_b050_in_the_mesh(lab, gw, rows):
    """sourceLabels and sourceNamespace are those of whoever has the client's address; without a
    block for it there is no VirtualService."""
    gw.apply("sources.yaml", virtual_service("sources", ["reviews"], SOURCES, gateways=()))
    assert by_vip(lab).startswith("reviews-")
    gw.apply("jason.yaml", workload("jason", "v1", CLIENT_IP))
    assert by_vip(lab) == "ratings-v1"
    gw.apply("jason.yaml", workload("jason", "v2", CLIENT_IP))
    assert by_vip(lab).startswith("reviews-")
    gw.apply("jason.yaml", workload("jason", "v2", CLIENT_IP, ns="shop"))
    assert by_vip(lab) == "productpage-v1"
    gw.withdraw("jason.yaml")
    gw.withdraw("sources.yaml")
