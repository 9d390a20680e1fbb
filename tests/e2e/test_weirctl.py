"""weirctl against a running gateway: what it says must be what the workers do."""
import itertools
import json
from urllib.parse import urlencode

import pytest

from harness import bookinfo, proc
from harness.client import Connection, curl, request
from harness.lab import CLIENT_IP, GW_EXT_IP
from harness.resources import documents, virtual_service, workload
from harness.weir import ADMIN
from harness.weirctl import Weirctl

VIP, PORT = bookinfo.VIPS["reviews"], bookinfo.PORT


def to(subset):
    return f"route: [{{destination: {{host: reviews, subset: {subset}}}}}]"


# Every kind of condition, orders that are not the most specific first, and holes.
ROUTES = f"""
- {{name: jason, match: [{{uri: {{prefix: /reviews}}, headers: {{end-user: {{exact: jason}}}}}}], {to('v2')}}}
- name: two
  match: [{{name: exact, uri: {{exact: /exact}}}}, {{name: nocase, uri: {{prefix: /NoCase}}, ignoreUriCase: true}}]
  {to('v1')}
- {{name: prefix, match: [{{uri: {{prefix: /ex}}}}], {to('v3')}}}
- {{name: regex, match: [{{uri: {{regex: '/v[0-9]+/.*'}}, method: {{exact: GET}}}}], {to('v1')}}}
- {{name: cookie, match: [{{headers: {{cookie: {{regex: '^(.*?;)?(user=jason)(;.*)?$'}}}}}}], {to('v2')}}}
- {{name: absent, match: [{{uri: {{prefix: /w}}, withoutHeaders: {{x-a: {{}}}}}}], {to('v1')}}}
- {{name: without, match: [{{uri: {{prefix: /w}}, withoutHeaders: {{x-a: {{prefix: '1'}}}}}}], {to('v3')}}}
- {{name: method, match: [{{method: {{regex: 'PUT|DELETE'}}}}], {to('v1')}}}
- {{name: authority, match: [{{authority: {{exact: 'many.example.com:80'}}}}], {to('v2')}}}
- {{name: joined, match: [{{headers: {{x-a: {{exact: '2,3'}}}}}}], {to('v3')}}}
- {{name: query, match: [{{queryParams: {{q: {{regex: '[0-9]+'}}, r: {{}}}}}}], {to('v1')}}}
- {{name: nowhere, match: [{{uri: {{prefix: /nowhere}}}}], route: [{{destination: {{host: nothing}}}}]}}
"""
HOSTS = ["many.example.com", "many.example.com:80", "MANY.example.com", "a.wild.example.com",
         "b.a.wild.example.com", "stranger.example.org"]
PATHS = ["/reviews/1", "/exact", "/exact/", "/nocase/x", "/NOCASE", "/v12/a", "/v/a", "/w", "/",
         "/nowhere?q=/exact", "/other", "/other?r&q=12", "/other?r=&q=1a", "/a/../exact",
         "/%65xact", "/./w\\", "//exact"]
HEADERS = [(), ("End-User: jason",), ("end-user: Jason",), ("Cookie: a=1;user=jason",),
           ("X-A: 12",), ("x-a:  2 ", "X-A: 3"), ("x-a: ",)]
METHODS = ["GET", "PUT", "OPTIONS"]


@pytest.fixture(scope="module")
def many(gw):
    gw.apply("many.yaml", documents(
        virtual_service("many", ["many.example.com", "*.wild.example.com"], ROUTES),
        virtual_service("narrow", ["*.a.wild.example.com"],
                        f"[{{name: narrow, {to('v1')}}}]")))
    return gw


@pytest.fixture(scope="module")
def ctl(gw):
    return Weirctl(f"unix:{gw.admin_socket}")


@pytest.fixture
def extra(many):
    """Applies a VirtualService for the time of a test."""
    def apply(name, http):
        many.apply("extra.yaml", virtual_service(name, [f"{name}.example.com"], http))

    yield apply
    many.withdraw("extra.yaml")


def asked(number):
    """The query tells the record of a request from those of the others."""
    return f"n={number}"


def targets(path, number):
    return f"{path}{'&' if '?' in path else '?'}{asked(number)}"


def send_all(lab, cases):
    """All requests over one connection; the statuses."""
    statuses = []
    with Connection(lab.client) as conn:
        for n, (host, path, lines, method) in enumerate(cases):
            conn.send(request(method, targets(path, n), host, *lines))
            statuses.append(conn.read(method).status)
    return statuses


def records(gw, n):
    """The access log by request number, when all of them are in it."""
    def find():
        found = {}
        for record in gw.access_log():
            number = (record["path"] or "").rpartition("n=")[2]
            if number.isdigit():
                found[int(number)] = record
        return found if len(found) >= n else None
    return proc.wait_until(f"{n} records", find)


def explain(gw, url, lines, method):
    """The answer of the API itself: for more questions than there is time to start programs."""
    query = urlencode([("url", url), ("method", method), *(("header", line) for line in lines)])
    status, text = gw.get(f"/api/v1/explain?{query}")
    assert status == 200, text
    return json.loads(text)


def outcome(answer):
    """(route, cluster, status of a local reply) as explained."""
    route = answer.get("route")
    clusters = [t["cluster"] for t in route["targets"]] if route else [None]
    assert len(clusters) == 1
    return (route["name"] if route else None, clusters[0], answer["verdict"].get("status"))


def test_explain_agrees_with_the_gateway(lab, many):
    """The whole product of hosts, paths, headers and methods."""
    cases = list(itertools.product(HOSTS, PATHS, HEADERS, METHODS))
    statuses = send_all(lab, cases)
    logged = records(many, len(cases))
    routes = set()
    for n, (host, path, lines, method) in enumerate(cases):
        answer = explain(many, f"http://{GW_EXT_IP}{targets(path, n)}", (f"Host: {host}", *lines),
                         method)
        record = logged[n]
        status = statuses[n] if statuses[n] in (404, 503) else None
        assert outcome(answer) == (record["route_name"], record["upstream_cluster"], status), \
            (host, path, lines, method, answer)
        routes.add(record["route_name"])
    assert routes == {"jason", "two.exact", "two.nocase", "prefix", "regex", "cookie", "without",
                      "absent", "method", "authority", "joined", "query", "nowhere", "narrow",
                      None}


# ---- explain, for people

def test_explain_says_why(many, ctl):
    lines = ctl.text("explain", f"http://{GW_EXT_IP}/exact?x=1", "-H", "Host: many.example.com",
                     "-H", "end-user: jane", "--from", "198.18.0.1").splitlines()
    assert lines == [
        f"request   GET /exact?x=1 of many.example.com, port 80 of {GW_EXT_IP}, from 198.18.0.1",
        "listener  0.0.0.0:80 (gateway)",
        "host      many.example.com:80, by the domain many.example.com; 13 routes",
        "not       #0 jason VirtualService default/many spec.http[0].match[0]",
        "            uri prefix /reviews: the path is /exact (and 1 more)",
        "route     #1 two.exact VirtualService default/many spec.http[1].match[0]",
        "            uri exact /exact: the path is /exact",
        "            timeout none, 2 retries",
        "cluster   outbound|9080|v1|reviews.default.svc.cluster.local  LEAST_REQUEST",
        "            198.18.1.12:9080  weight 1  version v1",
        "result    forwarded to an endpoint"]


def test_explain_knows_the_nearest_host(many, ctl):
    result = ctl.text("explain", "http://many.exampel.com/").splitlines()[-1]
    assert result == ("result    404 NR: the listener has no virtual host for this host; "
                      "the nearest is many.example.com")
    result = ctl.text("explain", "http://stranger.test/").splitlines()[-1]
    assert result == "result    404 NR: the listener has no virtual host for this host"


def test_explain_tells_the_nearest(many, ctl):
    """Those with the fewest conditions that fail, in order; all of them when asked."""
    url = ("explain", f"http://{GW_EXT_IP}/none", "-H", "Host: many.example.com")
    lines = ctl.text(*url).splitlines()
    routes = [line for line in lines if "VirtualService" in line]
    assert len(routes) == 10
    assert not any(" #0 " in line for line in routes), "two conditions fail there"
    assert lines[-2:] == ["          and 3 that are further off (--all)",
                          "result    404 NR: no route of the virtual host takes the request"]
    lines = ctl.text(*url, "--all").splitlines()
    assert sum("VirtualService" in line for line in lines) == 13
    assert "            header end-user exact jason: there is no such header" not in lines


def test_explain_weights_and_holes(extra, ctl):
    extra("split", """
- route:
  - {destination: {host: reviews, subset: v1}, weight: 75}
  - {destination: {host: nothing}, weight: 25}
""")
    text = ctl.text("explain", "http://split.example.com/")
    assert "cluster   75 % outbound|9080|v1|reviews.default.svc.cluster.local" in text
    assert ("          25 % outbound|80||nothing.default.svc.cluster.local\n"
            "            there is no such cluster: 503 NC\n"
            "result    forwarded, but some of the clusters cannot be reached\n") in text


SOURCES = """
- {name: from-client, match: [{sourceLabels: {app: caller}}], route: [{destination: {host: ratings}}]}
- {name: from-others, route: [{destination: {host: ratings}}]}
"""


def test_explain_sources(lab, many, ctl):
    """A condition on who asks: the workload with the client's address."""
    many.apply("sources.yaml", documents(
        workload("caller", "v1", CLIENT_IP),
        virtual_service("ratings", ["ratings"], SOURCES, gateways=None)))
    url = f"http://{bookinfo.VIPS['ratings']}:{PORT}/from"
    curl(lab.client, url, headers=["Host: ratings"])
    record = many.wait_log("/from", lambda r: r["path"] == "/from")
    assert record["route_name"] == "from-client"
    assert "source in app=caller: the request is from" in ctl.text("explain", url, "--from",
                                                                  CLIENT_IP)
    for argv, route, actual in (
            (["--from", CLIENT_IP], "from-client", ""),
            (["--from", "198.18.0.9"], "from-others", "the request is from 198.18.0.9"),
            ([], "from-others", "it is not said where the request is from (--from)")):
        answer = ctl.json("explain", url, *argv)
        assert answer["route"]["name"] == route
        assert [m["actual"] for m in answer["misses"]] == ([actual] if actual else [])
    many.withdraw("sources.yaml")


def test_explain_tells_the_normal_path(many, ctl):
    text = ctl.text("explain", f"http://{GW_EXT_IP}/a/../%65xact?x", "-H", "Host: many.example.com")
    assert text.splitlines()[1] == "          the path is taken for /exact?x"
    assert "uri exact /exact: the path is /exact" in text
    done = ctl.run("explain", f"http://{GW_EXT_IP}/%00", check=False)
    assert done.returncode == 1 and "refused with 400" in done.stderr


def test_explain_in_the_mesh(many, ctl):
    """By the service's address and by its name; and where nobody listens."""
    for url, line in ((f"http://{VIP}:{PORT}/", "Host: reviews"),
                      (f"http://{VIP}:{PORT}/", "Host: anything"),
                      (f"http://reviews:{PORT}/", "X: y")):
        answer = ctl.explain(url, line)
        assert answer["listener"]["name"] == f"{VIP}:{PORT}"
        assert answer["route"]["name"] == "default"
        assert outcome(answer)[1] == "outbound|9080||reviews.default.svc.cluster.local"
        assert len(answer["route"]["targets"][0]["details"]["endpoints"]) == 3
    assert answer["virtual_host"]["found_by"] == "exact"
    text = ctl.text("explain", f"http://{GW_EXT_IP}:81/")
    assert text.splitlines()[-1].startswith(
        f"result    connection refused: nothing listens on {GW_EXT_IP}:81; there are listeners on")
    text = ctl.text("explain", "http://203.0.113.1/")
    assert "203.0.113.1:80, which is not an address of this node" in text


ACTIONS = """
- {match: [{uri: {exact: /gone}}], redirect: {uri: /here, authority: new.example.com, redirectCode: 308}}
- {match: [{uri: {exact: /busy}}], directResponse: {status: 418, body: {string: tea}}}
- match: [{uri: {prefix: /old}}]
  rewrite: {uri: /status/200, authority: httpbin}
  headers: {request: {set: {x-from: 'a %REQ(x-in):3%'}, remove: [x-bad]}, response: {add: {x-b: c}}}
  route: [{destination: {host: httpbin}}]
- match: [{uri: {prefix: /fault}}]
  fault: {abort: {percentage: {value: 100}, httpStatus: 503}, delay: {percentage: {value: 0.5}, fixedDelay: 1.5s}}
  route: [{destination: {host: httpbin}}]
- match: [{uri: {prefix: /cors}}]
  corsPolicy: {allowOrigins: [{exact: 'http://a.test'}, {regex: 'b.*'}], allowMethods: [GET]}
  route: [{destination: {host: nothing}}]
"""


def test_explain_actions(lab, extra, ctl):
    """Statuses are those that clients get; what a route does is told in words."""
    extra("actions", ACTIONS)
    told = {
        "/gone": (308, ["redirect with 308, the authority becomes new.example.com, "
                        "the path becomes /here"]),
        "/busy": (418, ["answer with 418 and a body of 3 bytes"]),
        "/old": (200, ["rewrite: the first 4 bytes of the path become /status/200",
                       "rewrite: the authority becomes httpbin",
                       "remove request header x-bad", 'set request header x-from: "a %REQ(x-in):3%"',
                       "add response header x-b: c"]),
        "/fault": (503, ["fault: delay 0.5 % of requests for 1.5 s",
                         "fault: abort 100 % of requests with 503"]),
        "/cors": (503, ["CORS: origins http://a.test, regex b.*; methods GET"]),
    }
    for path, (status, words) in told.items():
        answer = ctl.explain(f"http://{GW_EXT_IP}{path}", "Host: actions.example.com")
        real = curl(lab.client, f"http://{GW_EXT_IP}{path}", headers=["Host: actions.example.com"])
        assert (path, answer["verdict"].get("status", 200)) == (path, real.status) == (path, status)
        assert sorted(answer["route"]["actions"]) == sorted(words)
        text = ctl.text("explain", f"http://{GW_EXT_IP}{path}", "-H", "Host: actions.example.com")
        assert all(f"            {line}\n" in text for line in words)
    table = rows(ctl.text("pc", "route", "--name", "actions."))
    assert [row[-2] for row in table[1:3]] == [told["/gone"][1][0], told["/busy"][1][0]]


@pytest.mark.parametrize("argv,says", [
    (["https://x/"], "url https://x/: only http is served"),
    (["http:///x"], "it has no host"),
    (["http://x:0/"], "a port is 1 to 65535"),
    (["http://x:70000/"], "a port is 1 to 65535"),
    (["http://x:1a/"], "the port is no number"),
    (["http://u@x/"], "a user or password"),
    (["http://[::1/"], "the ] of an IPv6 address is missing"),
    (["http://[::g]/"], "there is no IPv6 address"),
    (["http://x/a b"], "blanks and control characters"),
    (["http://x/", "-H", "no-colon"], "header no-colon: write it as NAME: VALUE"),
    (["http://x/", "-H", "a b: c"], "write it as NAME: VALUE"),
    (["http://x/", "-H", "Host: a", "-H", "host: b"], "Host is there twice"),
    (["http://x/", "-X", "G E"], "that is no method"),
    (["http://x/", "--from", "here"], "from here: that is no IP address"),
    (["http://x/", "--to", "1.2.3"], "to 1.2.3: that is no IP address"),
])
def test_explain_refuses(gw, ctl, argv, says):
    done = ctl.run("explain", *argv, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("weirctl: ") and says in done.stderr
    assert done.stderr.count("\n") == 1


# ---- proxy-config

def rows(text):
    """The table as lists of cells."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()]
            for line in text.splitlines()]


def test_listeners(many, ctl):
    text = ctl.text("proxy-config", "listener")
    assert ["0.0.0.0:80", "gateway", "3", "404"] in rows(text)
    assert [f"{VIP}:{PORT}", "mesh"] == rows(ctl.text("pc", "listeners", "--address", VIP))[1][:2]
    assert len(rows(ctl.text("pc", "listener", "--port", "80"))) == 2
    assert ctl.json("pc", "listener", "--port", "81") == []
    assert text.splitlines()[0].index("KIND") == text.splitlines()[1].index("gateway")


def test_routes(many, ctl):
    table = rows(ctl.text("proxy-config", "route", "--name", "many.example.com"))
    assert table[0] == ["VIRTUAL HOST", "DOMAINS", "#", "ROUTE", "MATCH", "DESTINATION", "FROM"]
    assert table[1] == [
        "many.example.com:80", "many.example.com", "0", "jason",
        "uri prefix /reviews, header end-user exact jason",
        "outbound|9080|v2|reviews.default.svc.cluster.local",
        "VirtualService default/many spec.http[0].match[0]"]
    assert [row[0] for row in table[2:]] == [str(n) for n in range(1, 13)]
    assert table[3][2] == "uri prefix /nocase in any case"
    assert table[5][2] == "uri regex /v[0-9]+/.*, method exact GET"
    assert table[7][2] == "uri prefix /w, without header x-a present"
    vhosts = ctl.json("proxy-config", "route", "--port", "80")
    assert [v["domains"] for v in vhosts] == [["*.a.wild.example.com"], ["*.wild.example.com"],
                                              ["many.example.com"]]
    mesh = ctl.json("proxy-config", "route", "--name", "reviews.default")
    assert {"reviews", "reviews.default", VIP} <= set(mesh[0]["domains"])
    assert mesh[0]["routes"][0]["match"] == []


def test_clusters_and_endpoints(many, ctl):
    table = rows(ctl.text("proxy-config", "cluster", "--fqdn", "reviews.default", "--subset", "v2"))
    assert table[1:] == [["reviews.default.svc.cluster.local", "9080", "v2", "LEAST_REQUEST", "1",
                          "outbound|9080|v2|reviews.default.svc.cluster.local"]]
    assert {c["port"] for c in ctl.json("pc", "cluster", "--port", "8000")} == {8000}
    assert len(rows(ctl.text("pc", "endpoint", "--fqdn", "reviews", "--subset", ""))) == 4
    table = rows(ctl.text("pc", "endpoint", "--cluster", "|v2|reviews"))
    assert table[1:] == [["198.18.1.13:9080", "HEALTHY", "OK", "1", "v2",
                          "outbound|9080|v2|reviews.default.svc.cluster.local"]]
    found = ctl.json("pc", "endpoints", "--address", "198.18.1.13", "--port", "9080")
    assert {e["address"] for e in found} == {"198.18.1.13:9080"} and len(found) == 2
    assert ctl.json("pc", "endpoints", "--address", "198.18.1.1") == []


# ---- the rest

def test_status(gw, ctl):
    lines = ctl.text("status").splitlines()
    assert "node        gw-1" in lines and "state       serving" in lines
    assert f"source      {gw.resources_dir}" in lines
    assert ctl.json("status")["generation"] == gw.generation()
    gw.write("bad.yaml", "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                         "metadata: {name: bad}\nspec: {hots: [x]}\n")
    proc.wait_until("the problem is told", lambda: "bad.yaml:4:8: error: " in ctl.text("status"))
    gw.remove("bad.yaml")
    proc.wait_until("it is gone", lambda: "bad.yaml" not in ctl.text("status"))


def test_version(gw, ctl):
    version = ctl.json("version")
    assert version["client"] == version["server"]
    assert ctl.text("version", "--client") == f"weirctl {version['client']}\n"


def test_over_tcp(lab, gw, monkeypatch):
    """Directly, whatever is set for other programs."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert "serving" in Weirctl(ADMIN, lab.gw).text("status")


def test_address_of_the_environment(gw, monkeypatch):
    monkeypatch.setenv("WEIR_ADMIN", f"unix:{gw.admin_socket}")
    assert "serving" in Weirctl(None).text("status")
    assert Weirctl("unix:/nowhere").run("status", check=False).returncode == 1


def test_long_questions(many, ctl):
    """A request that is too large to be asked is refused, and in words."""
    url = f"http://{GW_EXT_IP}/reviews/{'a' * 7000}"
    answer = ctl.explain(url, "Host: many.example.com", "end-user: jason", f"x-a: {'b' * 9000}")
    assert answer["route"]["name"] == "jason"
    done = ctl.run("explain", url, "-H", f"x-a: {'b' * 40000}", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the question is too long" in done.stderr


@pytest.mark.parametrize("admin,says", [
    ("unix:/nowhere/admin.sock", "No such file or directory. Is weir running?"),
    ("127.0.0.1:9", "Connection refused. Is weir running?"),
    ("nonsense", "an address is unix:PATH or HOST:PORT"),
    ("unix:" + "x" * 200, "the path of a socket has 1 to 107 bytes"),
    ("127.0.0.1:x", "an address is unix:PATH or HOST:PORT"),
])
def test_nobody_there(gw, admin, says):
    for verb in (["status"], ["explain", "http://x/"], ["pc", "cluster"]):
        done = Weirctl(admin, gw.lab.gw).run(*verb, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"weirctl: {admin}: ") and says in done.stderr


def test_full_disk_is_a_failure(gw, ctl):
    with open("/dev/full", "w") as full:
        done = ctl.run("status", check=False, stdout=full)
    assert done.returncode == 1 and "could not be written" in done.stderr
