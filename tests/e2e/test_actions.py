"""What a route does besides forwarding: rewrites, redirects, header operations, CORS, faults.

Rows of istio/behaviours.md are named by their number. Each has a host of its own in one gateway;
`show` asks the backend to answer with the request that it got.
"""
import re
import time
from dataclasses import dataclass, field

import pytest

from harness import bookinfo
from harness.client import curl
from harness.lab import GW_EXT_IP
from harness.resources import documents, virtual_service

TO = "route: [{destination: {host: ratings}}]"
WEIGHTED = ("route: [{destination: {host: reviews, subset: v1}, weight: 100, headers: %s}, "
            "{destination: {host: reviews, subset: v2}, weight: 0}]")


@dataclass
class Row:
    """One host's http rules, one request, and what is seen of it."""
    name: str
    http: str
    path: str = "/"
    lines: tuple = ()           # header lines of the request
    options: tuple = ()         # further ones of curl
    port_in_host: str = ""      # ":8080"
    status: int = 200
    body: str = None            # of the answer
    target: str = None          # the path that the backend got; asks it to show
    sees: dict = field(default_factory=dict)   # header -> values that the backend got; likewise
    gets: dict = field(default_factory=dict)   # header -> values that the client got
    flags: str = "-"
    details: str = None
    took: tuple = (0, 5)        # seconds
    served: bool = None         # did a backend answer?

    @property
    def host(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower()) + ".test"


REDIRECTS = [
    Row("B075 uri", "[{redirect: {uri: /new/path}}]", "/foo?key=value", status=301, body="",
        gets={"location": ["http://@/new/path?key=value"]}, details="direct_response",
        served=False),
    Row("B076 uri with query", "[{redirect: {uri: '/n?z=1'}}]", "/foo?key=value", status=301,
        gets={"location": ["http://@/n?z=1"]}),
    Row("B077 prefix", "[{match: [{uri: {prefix: /foo/}}], redirect: {prefixRewrite: /new/}}]",
        "/foo/bar?q", status=301, gets={"location": ["http://@/new/bar?q"]}),
    Row("B077 plain concatenation",
        "[{match: [{uri: {prefix: /foo}}], redirect: {prefixRewrite: /}}]",
        "/foo/baz", status=301, gets={"location": ["http://@//baz"]}),
    Row("B079 authority", "[{redirect: {authority: y.test}}]", "/a", port_in_host=":8080",
        status=301, gets={"location": ["http://y.test/a"]}),
    Row("B080 scheme and request port",
        "[{redirect: {scheme: https, derivePort: FROM_REQUEST_PORT}}]", "/foo", status=301,
        gets={"location": ["https://@:80/foo"]}),
    Row("B081 request port", "[{redirect: {derivePort: FROM_REQUEST_PORT}}]", "/foo", status=301,
        gets={"location": ["http://@/foo"]}),
    Row("B081 host port", "[{redirect: {derivePort: FROM_REQUEST_PORT}}]", "/foo",
        port_in_host=":80", status=301, gets={"location": ["http://@:80/foo"]}),
    Row("B082 default port", "[{redirect: {port: 443, scheme: https}}]", "/foo", status=301,
        gets={"location": ["https://@/foo"]}),
    Row("B082 port", "[{redirect: {port: 8443, scheme: https}}]", "/foo", port_in_host=":81",
        status=301, gets={"location": ["https://@:8443/foo"]}),
    Row("scheme drops its port", "[{redirect: {scheme: https}}]", "/foo", port_in_host=":80",
        status=301, gets={"location": ["https://@/foo"]}),
    Row("scheme keeps another port", "[{redirect: {scheme: https}}]", "/foo",
        port_in_host=":81", status=301, gets={"location": ["https://@:81/foo"]}),
    *[Row(f"redirect code {code}", f"[{{redirect: {{uri: /x, redirectCode: {code}}}}}]",
          status=code, gets={"location": ["http://@/x"]}) for code in (302, 303, 307, 308)],
    Row("redirect with headers", "[{redirect: {uri: /x}, headers: {response: {set: {x-a: b}}}}]",
        status=301, gets={"x-a": ["b"]}),
]

RESPONSES = [
    Row("B087 body", "[{directResponse: {status: 503, body: {string: hi}}}]", status=503,
        body="hi", gets={"content-type": ["text/plain"]}, details="direct_response",
        served=False),
    Row("B087 head", "[{directResponse: {status: 503, body: {string: hi}}}]", status=503,
        options=("--head",), body="", gets={"content-length": ["2"]}),
    Row("direct response of bytes", "[{directResponse: {status: 200, body: {bytes: AP8K}}}]",
        gets={"content-length": ["3"]}),
    Row("direct response without body", "[{directResponse: {status: 204}}]", status=204,
        gets={"content-type": []}),
    Row("B091 content type",
        "[{directResponse: {status: 200, body: {string: '{}'}}, "
        "headers: {response: {set: {content-type: application/json}}}}]",
        body="{}", gets={"content-type": ["application/json"]}),
    Row("long direct response", "[{directResponse: {status: 200, body: {string: %s}}}]"
        % ("abcdefghij" * 5000), body="abcdefghij" * 5000),
]

REWRITES = [
    Row("B092 prefix", "[{match: [{uri: {prefix: /a}}], rewrite: {uri: /b}, %s}]" % TO,
        "/a/x?q=1", target="/b/x?q=1", sees={"x-envoy-original-path": ["/a/x?q=1"]}),
    Row("prefix inside a segment", "[{match: [{uri: {prefix: /a}}], rewrite: {uri: /b}, %s}]"
        % TO, "/abc", target="/bbc"),
    Row("prefix in another case", "[{match: [{uri: {prefix: /ab}, ignoreUriCase: true}], "
        "rewrite: {uri: /x}, %s}]" % TO, "/AB/c", target="/x/c"),
    Row("B094 exact", "[{match: [{uri: {exact: /foo}}], rewrite: {uri: /new/path}, %s}]" % TO,
        "/foo?key=value", target="/new/path?key=value"),
    Row("B095 regex", "[{match: [{uri: {regex: '/foo.*'}}], rewrite: {uri: /bar}, %s}]" % TO,
        "/foo/1", target="/bar"),
    Row("B096 without uri", "[{rewrite: {uri: /v1}, %s}]" % TO, "/foo", target="/v1foo"),
    Row("B097 groups", "[{rewrite: {uriRegexRewrite: "
        "{match: '^/service/([^/]+)(/.*)$', rewrite: '/c/\\2/\\1'}}, %s}]" % TO,
        "/service/up/v1/api?x", target="/c//v1/api/up?x"),
    Row("every match", "[{rewrite: {uriRegexRewrite: {match: a, rewrite: 'b\\0'}}, %s}]" % TO,
        "/aXa", target="/baXba"),
    Row("no match", "[{rewrite: {uriRegexRewrite: {match: zzz, rewrite: y}}, %s}]" % TO,
        "/keep", target="/keep"),
    Row("B100 authority", "[{rewrite: {authority: new-authority}, %s}]" % TO,
        sees={"host": ["new-authority"]}),
]

HEADERS = [
    Row("B151 add", "[{headers: {request: {add: {istio-custom-header: v}}}, %s}]" % TO,
        lines=("istio-custom-header: mine",), sees={"istio-custom-header": ["mine", "v"]}),
    Row("B152 set", "[{headers: {request: {set: {x-custom: v}}}, %s}]" % TO,
        lines=("x-custom: mine", "X-Custom: more"), sees={"x-custom": ["v"]}),
    Row("remove", "[{headers: {request: {remove: [X-Gone]}}, %s}]" % TO,
        lines=("x-gone: 1",), sees={"x-gone": []}),
    Row("B154 set and add", "[{headers: {request: {set: {x: '1'}, add: {x: '2'}}}, %s}]" % TO,
        lines=("x: 0",), sees={"x": ["1", "2"]}),
    Row("B155 authority", "[{headers: {request: {set: {':authority': h}}}, %s}]" % TO,
        sees={"host": ["h"]}),
    Row("B155 host of a destination",
        "[{route: [{destination: {host: ratings}, headers: {request: {set: {Host: h}}}}]}]",
        sees={"host": ["h"]}),
    Row("B156 single", "[{headers: {request: {set: {Host: r}}}, route: [{destination: "
        "{host: ratings}, headers: {request: {set: {Host: d}}}}]}]", sees={"host": ["r"]}),
    Row("B156 weighted", "[{headers: {request: {set: {Host: r}}}, %s}]"
        % (WEIGHTED % "{request: {set: {Host: d}}}"), sees={"host": ["r"]}),
    Row("B155 weighted", "[{%s}]" % (WEIGHTED % "{request: {set: {Host: d}}}"),
        sees={"host": ["d"]}),
    Row("B159 response of a destination", "[{%s}]" % (WEIGHTED % (
        "{response: {add: {x-a: b}, set: {x-backend: other}, remove: [content-type]}}")),
        gets={"x-a": ["b"], "x-backend": ["other"], "content-type": []}),
    Row("B160 single", "[{headers: {request: {set: {x: r}}}, route: [{destination: "
        "{host: ratings}, headers: {request: {set: {x: d}}}}]}]", sees={"x": ["d"]}),
    Row("B160 weighted", "[{headers: {request: {set: {x: r}}}, %s}]"
        % (WEIGHTED % "{request: {set: {x: d}}}"), sees={"x": ["r"]}),
    Row("B161 percent", "[{headers: {request: {set: {x: '100%%%%'}}}, %s}]" % TO,
        sees={"x": ["100%"]}),
    Row("variables of the request", "[{headers: {request: {set: {"
        "x-a: 'p %%PROTOCOL%%', x-b: '%%REQ(:path)%%', x-c: '%%REQ(x-none?User-Agent):4%%', "
        "x-d: '%%DOWNSTREAM_LOCAL_PORT%%', x-e: '%%REQ(x-none)%%', "
        "x-f: '%%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%%', x-g: '%%REQ(:METHOD)%%'}}}, "
        "rewrite: {uri: /new}, %s}]" % TO, "/p?q", lines=("User-Agent: abcdefg",),
        sees={"x-a": ["p HTTP/1.1"], "x-b": ["/p?q"], "x-c": ["abcd"], "x-d": ["80"],
              "x-e": [], "x-f": [GW_EXT_IP], "x-g": ["GET"]}),
    Row("variables of the response", "[{headers: {response: {set: {x-a: '%%REQ(x-in)%%', "
        "x-b: '%%RESP(x-backend)%%!', x-c: '%%RESPONSE_CODE%%', "
        "x-d: '%%UPSTREAM_CLUSTER%%'}}}, %s}]" % TO, lines=("x-in: one", "x-in: two"),
        gets={"x-a": ["one,two"], "x-b": ["ratings-v1!"], "x-c": ["200"],
              "x-d": ["outbound|9080||ratings.default.svc.cluster.local"]}),
    Row("server stays", "[{headers: {response: {set: {server: mine}}}, %s}]" % TO,
        gets={"server": ["istio-envoy"]}),
    Row("date is set once", "[{headers: {response: {set: {date: today}}}, %s}]" % TO,
        gets={"date": ["today"]}),
    Row("appendHeaders of 0.8", "[{appendHeaders: {x-old: v}, %s}]" % TO, sees={"x-old": ["v"]}),
]

CORS = "corsPolicy: {allowOrigins: [{exact: 'http://cors.com'}, {regex: 'https://.*\\.ok'}], " \
       "allowMethods: [GET, PUT], allowHeaders: [x-a, x-b], exposeHeaders: [x-c], maxAge: 24h, " \
       "allowCredentials: true%s}"
PREFLIGHT = ("--request", "OPTIONS")
ASKS = "Access-Control-Request-Method: PUT"

CROSS_ORIGIN = [
    Row("B164 origin", "[{%s, %s}]" % (CORS % "", TO), lines=("Origin: http://cors.com",),
        gets={"access-control-allow-origin": ["http://cors.com"],
              "access-control-allow-credentials": ["true"],
              "access-control-expose-headers": ["x-c"], "access-control-allow-methods": []},
        served=True),
    Row("B164 without origin", "[{%s, %s}]" % (CORS % "", TO),
        gets={"access-control-allow-origin": []}, served=True),
    Row("origin by regex", "[{%s, %s}]" % (CORS % "", TO), lines=("Origin: https://a.ok",),
        gets={"access-control-allow-origin": ["https://a.ok"]}),
    Row("origin by regex, whole", "[{%s, %s}]" % (CORS % "", TO),
        lines=("Origin: https://a.ok.evil",), gets={"access-control-allow-origin": []}),
    Row("preflight", "[{%s, %s}]" % (CORS % "", TO), options=PREFLIGHT,
        lines=("Origin: http://cors.com", ASKS), body="", served=False,
        gets={"access-control-allow-origin": ["http://cors.com"],
              "access-control-allow-methods": ["GET,PUT"],
              "access-control-allow-headers": ["x-a,x-b"], "access-control-max-age": ["86400"],
              "access-control-allow-credentials": ["true"]}, details="cors_response"),
    Row("B165 forwarded", "[{%s, %s}]" % (CORS % "", TO), options=PREFLIGHT,
        lines=("Origin: http://evil.com", ASKS), served=True,
        gets={"access-control-allow-origin": []}),
    Row("B165 ignored", "[{%s, %s}]" % (CORS % ", unmatchedPreflights: IGNORE", TO),
        options=PREFLIGHT, lines=("Origin: http://evil.com", ASKS), served=False,
        gets={"access-control-allow-origin": []}, details="cors_response"),
    Row("B166 any", "[{corsPolicy: {allowOrigin: ['*']}, %s}]" % TO,
        lines=("Origin: http://evil.com",),
        gets={"access-control-allow-origin": ["http://evil.com"]}),
    Row("B166 new form wins", "[{corsPolicy: {allowOrigin: ['*'], allowOrigins: "
        "[{exact: 'http://a'}]}, %s}]" % TO, lines=("Origin: http://evil.com",),
        gets={"access-control-allow-origin": []}),
    Row("allowed origin, no backend", "[{corsPolicy: {allowOrigins: [{exact: 'http://a'}]}, "
        "route: [{destination: {host: nowhere}}]}]", lines=("Origin: http://a",), status=503,
        flags="NC", gets={"access-control-allow-origin": ["http://a"]}),
]

ALWAYS = "percentage: {value: 100}"
FAULTS = [
    Row("B129 delay", "[{fault: {delay: {%s, fixedDelay: 2s}}, %s}]" % (ALWAYS, TO),
        flags="DI", took=(2, 4), served=True),
    Row("B130 percent", "[{fault: {delay: {percent: 100, fixedDelay: 500ms}}, %s}]" % TO,
        flags="DI", took=(0.5, 3), served=True),
    Row("B131 no percentage", "[{fault: {delay: {fixedDelay: 3s}}, %s}]" % TO, took=(0, 2),
        served=True),
    Row("B132 abort", "[{fault: {abort: {%s, httpStatus: 418}}, %s}]" % (ALWAYS, TO), status=418,
        body="fault filter abort", flags="FI", details="fault_filter_abort", served=False),
    Row("B134 old abort", "[{fault: {abort: {percent: 100, httpStatus: 500}}, %s}]" % TO,
        status=500, flags="FI", served=False),
    Row("B136 gRPC", "[{fault: {abort: {%s, grpcStatus: UNAVAILABLE}}, %s}]" % (ALWAYS, TO),
        lines=("content-type: application/grpc",), flags="FI",
        gets={"grpc-status": ["14"], "grpc-message": ["fault filter abort"]}, served=False),
    Row("gRPC client, HTTP status", "[{fault: {abort: {%s, httpStatus: 403}}, %s}]"
        % (ALWAYS, TO), lines=("content-type: application/grpc+proto",), flags="FI",
        gets={"grpc-status": ["7"], "content-type": ["application/grpc"]}, body=""),
    Row("gRPC client, no cluster", "[{route: [{destination: {host: nowhere}}]}]",
        lines=("content-type: application/grpc",), flags="NC", gets={"grpc-status": ["14"]}),
    Row("B137 both", "[{fault: {delay: {%s, fixedDelay: 400ms}, abort: {%s, httpStatus: 503}}, "
        "%s}]" % (ALWAYS, ALWAYS, TO), status=503, flags="DI,FI", took=(0.4, 3), served=False),
    Row("B139 delay and timeout", "[{fault: {delay: {%s, fixedDelay: 900ms}}, timeout: 500ms, "
        "%s}]" % (ALWAYS, TO), flags="DI", took=(0.9, 4), served=True),
    Row("delayed upload", "[{fault: {delay: {%s, fixedDelay: 300ms}}, %s}]" % (ALWAYS, TO),
        options=("--data", "x" * 3000), flags="DI", took=(0.3, 3), served=True),
    Row("fault of another", "[{match: [{headers: {end-user: {exact: jason}}}], fault: {abort: "
        "{%s, httpStatus: 500}}, %s}, {%s}]" % (ALWAYS, TO, TO), served=True),
]

ROWS = REDIRECTS + RESPONSES + REWRITES + HEADERS + CROSS_ORIGIN + FAULTS


@pytest.fixture(scope="module", params=[1, 4], ids=lambda n: f"{n}-workers")
def routed(lab, bookinfo_servers, start_weir, request):
    hosts = [row.host for row in ROWS]
    assert len(set(hosts)) == len(hosts)
    rules = (virtual_service(row.host.replace(".", "-"), [row.host], row.http) for row in ROWS)
    it = start_weir(lab, documents(bookinfo.registry(), *rules), workers=request.param)
    yield it
    it.stop()


def ask(lab, row):
    shown = ("X-Show: 1",) if row.target or row.sees else ()
    lines = (f"Host: {row.host}{row.port_in_host}", *row.lines, *shown)
    return curl(lab.client, f"http://{GW_EXT_IP}{row.path}", "--path-as-is", *row.options,
                headers=lines)


def check_shown(row, answer):
    """What the backend got, as it says in its answer."""
    start, *lines = answer.text.split("\r\n")
    got = [tuple(line.split(": ", 1)) for line in lines if ": " in line]
    if row.target:
        assert start.split(" ")[1] == row.target
    for name, values in row.sees.items():
        assert [v for n, v in got if n.lower() == name] == values, answer.text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(lab, routed, row):
    began = time.monotonic()
    answer = ask(lab, row)
    took = time.monotonic() - began
    assert answer.status == row.status
    assert row.took[0] <= took, took
    for name, values in row.gets.items():
        assert answer.all(name) == [v.replace("@", row.host) for v in values]
    if row.body is not None:
        assert answer.text == row.body
    if row.served is not None:
        assert (answer.get("x-backend") is not None) == row.served
    if row.target or row.sees:
        check_shown(row, answer)
    record = routed.wait_log(row.name, lambda r: r["authority"] == row.host + row.port_in_host)
    assert (record["response_flags"] or "-") == row.flags
    assert record["path"] == row.path
    if row.details:
        assert record["response_code_details"] == row.details


SHARES = "[{fault: {delay: {percentage: {value: 50}, fixedDelay: 1ms}, " \
         "abort: {percentage: {value: 25}, httpStatus: 418}}, %s}]" % TO


def test_shares_are_drawn_one_by_one(lab, routed):
    """Half is delayed, a quarter aborted, an eighth both; and 0.0001 percent is nearly never."""
    routed.apply("shares.yaml", documents(
        virtual_service("shares", ["shares.test"], SHARES),
        virtual_service("rare", ["rare.test"], SHARES.replace("50", "0.0001").replace(
            "25", "0.0001"))))
    n = 2000
    for host in ("shares.test", "rare.test"):
        done = curl(lab.client, f"http://{GW_EXT_IP}/[1-{n}]", "-o", "/dev/null",
                    headers=[f"Host: {host}"], timeout=60)
        assert done.status == 0  # curl was told to throw the answers away
    routed.wait_log("the last", lambda r: (r["authority"], r["path"]) == ("rare.test", f"/{n}"))
    routed.withdraw("shares.yaml")
    flags = {host: [r["response_flags"] for r in routed.access_log() if r["authority"] == host]
             for host in ("shares.test", "rare.test")}
    delayed = sum("DI" in f for f in flags["shares.test"])
    aborted = sum("FI" in f for f in flags["shares.test"])
    both = sum("DI" in f and "FI" in f for f in flags["shares.test"])
    assert abs(delayed - n / 2) < 130 and abs(aborted - n / 4) < 110 and abs(both - n / 8) < 85
    assert sum("DI" in f or "FI" in f for f in flags["rare.test"]) < 10

