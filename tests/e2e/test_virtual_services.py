"""Which VirtualService a host gets, several on one host, delegates, and what is refused.

Rows of istio/behaviours.md are named by their number. Each has hosts of its own in one gateway,
whose node lives in istio-system.
"""
import re
from dataclasses import dataclass

import pytest
import yaml

from harness import bookinfo
from harness.client import curl
from harness.lab import GW_EXT_IP
from harness.resources import documents, gateway
from harness.said import errors_of, said

REVIEWS = "reviews.default.svc.cluster.local"
V1, V2, V3 = ("route: [{destination: {host: %s, subset: v%d}}]" % (REVIEWS, n) for n in (1, 2, 3))


def vs(name, hosts, http, ns="default", gateways="[public]", created=None, more=""):
    """A VirtualService; `http` without braces is one rule's fields."""
    doc = yaml.safe_load("{apiVersion: networking.istio.io/v1, kind: VirtualService, "
                         "metadata: {name: %s, namespace: %s}, spec: {%shttp: [%s]}}" % (
                             name, ns, more, http))
    if created:
        doc["metadata"]["creationTimestamp"] = f"{created}-05-01T12:00:00Z"
    if hosts:
        doc["spec"].update(hosts=yaml.safe_load(hosts), gateways=yaml.safe_load(gateways))
    return yaml.safe_dump(doc)


def delegate(name, http, ns="default", more=""):
    return vs(name, None, http, ns=ns, more=more)


@dataclass
class Ask:
    """One request, and who answers: v1, v2, v3 of reviews, or a status."""
    host: str
    path: str
    who: object
    lines: tuple = ()
    name: str = None            # of the route, in the access log


@dataclass
class Row:
    name: str
    docs: list
    asks: list


def x(rule):
    return "{match: [{uri: {exact: /x}}], %s}" % rule


ORDER = [
    Row("B009 older wins", [
        vs("zzz", "[b009.test]", x(V1), created=2020),
        vs("aaa", "[b009.test]", x(V2), created=2021)],
        [Ask("b009.test", "/x", "v1")]),
    Row("B010 then by name", [
        vs("b010-b", "[b010.test]", x(V1)), vs("b010-a", "[b010.test]", x(V2))],
        [Ask("b010.test", "/x", "v2")]),
    Row("B010 then by namespace", [
        vs("b010-n", "[b010n.test]", x(V1), ns="n2", gateways="[default/public]"),
        vs("b010-n", "[b010n.test]", x(V2), ns="n1", gateways="[default/public]")],
        [Ask("b010n.test", "/x", "v2")]),
    Row("exported to this namespace before public, however old", [
        vs("group-a", "[group.test]", x(V1), created=2020),
        vs("group-b", "[group.test]", x(V2), created=2022, more="exportTo: [istio-system], "),
        vs("group-c", "[group.test]", x(V3), created=2023, ns="istio-system",
           gateways="[default/public]", more="exportTo: [\".\"], ")],
        [Ask("group.test", "/x", "v3")]),
    Row("routes follow one another", [
        vs("merge-a", "[merge.test]", x(V1)),
        vs("merge-b", "[merge.test]", "{match: [{uri: {prefix: /y}}], %s}" % V2)],
        [Ask("merge.test", "/x", "v1"), Ask("merge.test", "/y", "v2"),
         Ask("merge.test", "/z", 404)]),
    Row("B014 no fall-through to a wildcard", [
        vs("b014-a", "[x.b014.test]", x(V1)), vs("b014-b", "['*.b014.test']", "{%s}" % V2)],
        [Ask("x.b014.test", "/x", "v1"), Ask("x.b014.test", "/y", 404),
         Ask("y.b014.test", "/y", "v2")]),
    Row("B015 any case, any port", [vs("b015", "[B015.Test]", "{%s}" % V1)],
        [Ask("b015.TEST", "/", "v1"), Ask("b015.test:8080", "/", "v1")]),
    Row("B194 pure catch-alls last", [
        vs("b194-a", "[b194.test]", "{match: [{uri: {prefix: /}}], %s}" % V1, created=2020),
        vs("b194-b", "[b194.test]", "{match: [{uri: {prefix: /api}}], %s}" % V2, created=2021),
        vs("b194-c", "[b194.test]", "{%s}" % V3, created=2022)],
        [Ask("b194.test", "/api", "v2"), Ask("b194.test", "/x", "v1")]),
    Row("a conditional catch-all stays where it is", [
        vs("cond-a", "[cond.test]", "{match: [{method: {exact: GET}}], %s}" % V1, created=2020),
        vs("cond-b", "[cond.test]", "{match: [{uri: {prefix: /api}}], %s}" % V2, created=2021)],
        [Ask("cond.test", "/api", "v1")]),
    Row("B054 only the last rule can have no matches", [
        vs("b054", "[b054.test]", "{%s}, {%s}" % (V1, V2))],
        [Ask("b054.test", "/", "v1")]),
    Row("B055 a longer prefix behind a shorter one", [
        vs("b055", "[b055.test]", "{match: [{uri: {prefix: /a}}], %s}, "
           "{match: [{uri: {prefix: /a/b}}], %s}" % (V1, V2))],
        [Ask("b055.test", "/a/b", "v1")]),
]

BINDING = [
    Row("B017 host *", [
        gateway("any", ["*.b017.test"], port=8017),
        vs("b017", "['*']", "{%s}" % V1, gateways="[any]")],
        [Ask("x.b017.test", "8017/", "v1"), Ask("b017.test", "8017/", 404)]),
    Row("B020 gateways of other namespaces", [
        gateway("gw20", port=8020, ns="other"),
        vs("b020-a", "[a.b020.test]", "{%s}" % V1, gateways="[other/gw20]"),
        vs("b020-b", "[b.b020.test]", "{%s}" % V1, gateways="[gw20]"),
        vs("b020-c", "[c.b020.test]", "{%s}" % V1, ns="other", gateways="[gw20]"),
        vs("b020-d", "[d.b020.test]", "{%s}" % V1, ns="other", gateways="[./gw20]")],
        [Ask("a.b020.test", "8020/", "v1"), Ask("b.b020.test", "8020/", 404),
         Ask("c.b020.test", "8020/", "v1"), Ask("d.b020.test", "8020/", "v1")]),
    Row("B021 the old form", [
        gateway("gw21", port=8021, ns="istio-system"),
        vs("b021", "[b021.test]", "{%s}" % V1,
           gateways="[gw21.istio-system.svc.cluster.local]")],
        [Ask("b021.test", "8021/", "v1")]),
    Row("B022 hidden from the node", [
        vs("b022-a", "[a.b022.test]", "{%s}" % V1, ns="shop", gateways="[default/public]",
           more="exportTo: ['.'], "),
        vs("b022-b", "[b.b022.test]", "{%s}" % V1, ns="shop", gateways="[default/public]",
           more="exportTo: [istio-system], ")],
        [Ask("a.b022.test", "/", 404), Ask("b.b022.test", "/", "v1")]),
    Row("B192 namespaces of server hosts", [
        gateway("gw92", ["ns1/*.b192.test", "./own.test"], port=8192),
        vs("b192-a", "[a.b192.test]", "{%s}" % V1, ns="ns1", gateways="[default/gw92]"),
        vs("b192-b", "[b.b192.test]", "{%s}" % V1, ns="ns2", gateways="[default/gw92]"),
        vs("b192-c", "[own.test]", "{%s}" % V1, ns="ns2", gateways="[default/gw92]"),
        vs("b192-d", "[own.test]", "{%s}" % V2, gateways="[gw92]")],
        [Ask("a.b192.test", "8192/", "v1"), Ask("b.b192.test", "8192/", 404),
         Ask("own.test", "8192/", "v2")]),
    Row("the narrower host", [
        gateway("narrow", ["a.narrow.test"], port=8033),
        vs("narrow", "['*.narrow.test']", "{%s}" % V1, gateways="[narrow]")],
        [Ask("a.narrow.test", "8033/", "v1"), Ask("b.narrow.test", "8033/", 404)]),
]


def root(name, http, more=""):
    return vs(name, f"[{name}.test]", http + ", {match: [{uri: {prefix: /own}}], %s}" % V3,
              more=more)


DELEGATES = [
    Row("a delegate", [
        root("d1", "{match: [{uri: {prefix: /p}}], delegate: {name: d1-leaf}}"),
        delegate("d1-leaf", "{match: [{uri: {prefix: /p/q}}], %s}, {%s}" % (V1, V2))],
        [Ask("d1.test", "/p/q", "v1"), Ask("d1.test", "/p/r", "v2"), Ask("d1.test", "/q", 404),
         Ask("d1.test", "/own", "v3")]),
    Row("B169 outside the root's prefix", [
        root("b169", "{match: [{uri: {prefix: /p}}], delegate: {name: b169-leaf}}"),
        delegate("b169-leaf", "{match: [{uri: {prefix: /q}}], %s}, "
                 "{match: [{uri: {exact: /p1}}], %s}" % (V1, V2))],
        [Ask("b169.test", "/q", 404), Ask("b169.test", "/p", 404), Ask("b169.test", "/p1", "v2")]),
    Row("B170 the root's timeout unless the delegate has one", [
        root("b170", "{timeout: 200ms, delegate: {name: b170-leaf}}"),
        delegate("b170-leaf", "{match: [{uri: {prefix: /delay/1}}], %s}, "
                 "{match: [{uri: {prefix: /delay/2}}], timeout: 9s, %s}" % (
                     V1.replace("reviews", "httpbin").replace(", subset: v1", ""),
                     V1.replace("reviews", "httpbin").replace(", subset: v1", "")))],
        [Ask("b170.test", "/delay/1", 504), Ask("b170.test", "/delay/2", 200)]),
    Row("B171 a delegate that is missing", [
        root("b171", "{match: [{uri: {prefix: /p}}], delegate: {name: nobody}}")],
        [Ask("b171.test", "/p", 404), Ask("b171.test", "/own", "v3")]),
    Row("B172 a delegate that is hidden", [
        root("b172", "{match: [{uri: {prefix: /p}}], delegate: {name: b172-leaf, namespace: n}}, "
             "{match: [{uri: {prefix: /q}}], delegate: {name: b172-seen, namespace: n}}"),
        delegate("b172-leaf", "{%s}" % V1, ns="n", more="exportTo: ['.'], "),
        delegate("b172-seen", "{%s}" % V2, ns="n", more="exportTo: [default], ")],
        [Ask("b172.test", "/p", 404), Ask("b172.test", "/q", "v2"),
         Ask("b172.test", "/own", "v3")]),
    Row("B174 expressions do not combine", [
        root("b174", "{match: [{uri: {regex: '/p.*'}}], delegate: {name: b174-leaf}}"),
        delegate("b174-leaf", "{match: [{uri: {exact: /px}}], %s}, "
                 "{match: [{headers: {k: {exact: v}}}], %s}" % (V1, V2))],
        [Ask("b174.test", "/px", 404), Ask("b174.test", "/px", "v2", ("k: v",))]),
    Row("B175 both names", [
        root("b175", "{name: r, delegate: {name: b175-leaf}}"),
        delegate("b175-leaf", "{name: s, match: [{uri: {prefix: /p}}], %s}" % V1)],
        [Ask("b175.test", "/p", "v1", name="r-s")]),
    Row("the root's actions", [
        root("acts", "{match: [{uri: {prefix: /p}}], rewrite: {uri: /own}, "
             "headers: {response: {set: {x-backend: v9}}}, delegate: {name: acts-leaf}}"),
        delegate("acts-leaf", "{%s}" % V1)],
        [Ask("acts.test", "/p", "v9")]),
]

ROWS = ORDER + BINDING + DELEGATES
ASKS = [pytest.param(ask, id=f"{row.name}: {ask.host}/{ask.path.lstrip('/')}{' '.join(ask.lines)}")
        for row in ROWS for ask in row.asks]


@pytest.fixture(scope="module")
def merged(lab, bookinfo_servers, start_weir):
    # Later rows first in the file: its order must not matter.
    docs = [doc for row in reversed(ROWS) for doc in row.docs]
    return start_weir(lab, documents(bookinfo.registry(), *docs))


@pytest.mark.parametrize("ask", ASKS)
def test_ask(lab, merged, ask):
    port, path = re.fullmatch(r"(\d*)(/.*)", ask.path).groups()
    answer = curl(lab.client, f"http://{GW_EXT_IP}:{port or 80}{path}",
                  headers=(f"Host: {ask.host}", *ask.lines))
    if isinstance(ask.who, str):
        assert (answer.status, answer.get("x-backend").replace("reviews-", "")) == (200, ask.who)
    else:
        assert answer.status == ask.who
    if ask.name:
        record = merged.wait_log(ask.host, lambda r: r["authority"] == ask.host)
        assert record["route_name"] == ask.name


# What is written, by the name of the object, and the codes that are said of it; the first is the
# one that the row is about. Errors end the check with status 1, warnings do not.
REFUSED = {
    "b016": ("hosts: ['*.foo.com', '*.com'], http: [{%s}]" % V1, "WEIR0303"),
    "b017": ("hosts: ['*'], http: [{%s}]" % V1, "WEIR0302"),
    "b017-mesh": ("hosts: ['*'], gateways: [public, mesh], http: [{%s}]" % V1, "WEIR0302"),
    "b019": ("hosts: [foo.1], http: [{%s}]" % V1, "WEIR0206"),
    "b034": ("hosts: [a.b], http: [{match: [{headers: {x-a: null}}], %s}]" % V1, "WEIR0313"),
    "b039": ("hosts: [a.b], http: [{match: [{headers: {a b: {}}}], %s}]" % V1, "WEIR0312"),
    "b051": ("hosts: [a.b], http: [{match: [{sourceNamespace: N_L}], %s}]" % V1, "WEIR0314"),
    "b056": ("hosts: [a.b], http: [{match: [{headers: {a: {prefix: ''}}}], %s}]" % V1, "WEIR0207"),
    "b057": ("hosts: [a.b], http: [{match: [{uri: {regex: '(?=x)'}}], %s}]" % V1, "WEIR0209"),
    "b064": ("hosts: [a.b], http: [{route: [{weight: 1}]}]", "WEIR0306"),
    "b072": ("hosts: [a.b], http: [{route: [{destination: {host: '*'}}]}]", "WEIR0307"),
    "b074": ("hosts: [a.b]", "WEIR0304"),
    "b084": ("hosts: [a.b], http: [{redirect: {uri: /x, redirectCode: 304}}]", "WEIR0330"),
    "b085": ("hosts: [a.b], http: [{redirect: {}}]", "WEIR0329"),
    "b086": ("hosts: [a.b], http: [{redirect: {uri: /x}, %s}]" % V1, "WEIR0322"),
    "b089": ("hosts: [a.b], http: [{directResponse: {status: 199}}]", "WEIR0332"),
    "b099": ("hosts: [a.b], http: [{rewrite: {}, %s}]" % V1, "WEIR0337"),
    "b127": ("hosts: [a.b], http: [{retries: {attempts: -1}, %s}]" % V1, "WEIR0315"),
    "b141": ("hosts: [a.b], http: [{fault: {abort: {httpStatus: 99}}, %s}]" % V1, "WEIR0332"),
    "b147": ("hosts: [a.b], http: [{mirror: {host: b}, mirrors: [{destination: {host: b}}], "
             "%s}]" % V1, "WEIR0346"),
    "b157": ("hosts: [a.b], http: [{rewrite: {authority: a}, headers: {request: {set: "
             "{Host: b}}}, %s}]" % V1, "WEIR0340"),
    "b161": ("hosts: [a.b], http: [{headers: {request: {set: {a: 100%%}}}, %s}]" % V1, "WEIR0350"),
    "b162": ("hosts: [a.b], http: [{headers: {request: {set: {a: \"\\x01\"}}}, %s}]" % V1,
             "WEIR0349"),
    "b167": ("hosts: [a.b], http: [{corsPolicy: {allowMethods: [FOO]}, %s}]" % V1, "WEIR0352"),
    "b180": ("hosts: [s.test], tls: [{match: [{sniHosts: [a.other]}], %s}]" % V1, "WEIR0357"),
    "b184": ("hosts: [s.test], tcp: [{}]", "WEIR0354"),
}
WARNED = {
    "warned-b021": ("hosts: [c.b], gateways: [gw.istio-system.svc.cluster.local], "
                    "http: [{%s}]" % V1, "WEIR0211"),
    "warned-b054": ("hosts: [d.b], http: [{%s}, {%s}]" % (V1, V2), "WEIR0318"),
    "warned-b055": ("hosts: [e.b], http: [{match: [{uri: {prefix: /a}}], %s}, "
             "{match: [{uri: {prefix: /a/b}}], %s}]" % (V1, V2), "WEIR0319"),
    "warned-b145": ("hosts: [f.b], http: [{mirrorPercent: 50, %s}]" % V1, "WEIR0121"),
    "warned-b171": ("hosts: [g.b], http: [{delegate: {name: nobody}}]", "WEIR0710"),
}
OBJECT = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n" \
         "metadata: {name: %s}\nspec: {%s}\n"


def check(merged, rows):
    """One run over all objects: status, and what was said as {name: [(severity, code, text)]}."""
    merged.write("checked.yaml", documents(*(OBJECT % (n, spec) for n, (spec, _) in rows.items())))
    done = merged.check()
    merged.remove("checked.yaml")
    return done.returncode, said(done.stdout, "checked.yaml")


def test_everything_is_refused_at_once_and_changes_nothing(lab, merged):
    before = merged.generation()
    code, problems = check(merged, REFUSED)
    assert code == 1
    for name, (_, wanted) in REFUSED.items():
        assert wanted in errors_of(problems, name), name
    assert merged.generation() == before
    assert curl(lab.client, f"http://{GW_EXT_IP}/x", headers=["Host: b009.test"]).status == 200


def test_warnings_do_not_refuse(merged):
    code, problems = check(merged, WARNED)
    assert code == 0
    for name, (_, wanted) in WARNED.items():
        assert ("warning", wanted) in [(s, c) for s, c, _ in problems.get(name, [])], name
        assert not errors_of(problems, name), problems[name]
