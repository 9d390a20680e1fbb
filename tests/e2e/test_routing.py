"""What a request is routed to: the tutorial's steps, and the errors when there is nowhere."""
import pytest

from harness import bookinfo, proc
from harness.client import curl, ping, request, tally, Connection
from harness.lab import GW_EXT_IP
from harness.resources import (destination_rule, documents, gateway, service, single,
                               virtual_service, workload)

VIP = bookinfo.VIPS["reviews"]
COOKIE = "^(.*?;)?(user=jason)(;.*)?$"
ALL_V1 = "[{route: [{destination: {host: reviews, subset: v1}}]}]"
ALL_V2 = "[{route: [{destination: {host: reviews, subset: v2}}]}]"
SPLIT = """
- route:
  - {destination: {host: reviews, subset: v1}, weight: 75}
  - {destination: {host: reviews, subset: v2}, weight: 25}
"""
JASON = """
- match: [{headers: {%s}}]
  route: [{destination: {host: reviews, subset: v2}}]
- route: [{destination: {host: reviews, subset: v1}}]
"""


@pytest.fixture(autouse=True)
def tidy(gw):
    yield
    gw.tidy()


def reviews(http, gateways=("mesh", "public")):
    """The tutorial's VirtualService, for the service's address and for the public host."""
    return virtual_service("reviews", ["reviews", "reviews.example.com"], http, gateways)


def by_vip(lab, *lines):
    """Asks as a workload of the mesh does: the service's name and address."""
    return curl(lab.client, f"http://reviews:{bookinfo.PORT}/reviews/0",
                "--resolve", f"reviews:{bookinfo.PORT}:{VIP}", headers=lines)


def by_gateway(lab, *lines, host="reviews.example.com", path="/reviews/0"):
    return curl(lab.client, f"http://{GW_EXT_IP}{path}", headers=(f"Host: {host}", *lines))


WAYS = pytest.mark.parametrize("ask", [by_vip, by_gateway], ids=["mesh", "gateway"])


def who(answer):
    return answer.status, answer.get("x-backend")


def test_answers_ping(lab, gw):
    echoes = ping(lab.client, GW_EXT_IP, 50, size=1400)
    assert len(echoes) == 50


@WAYS
def test_all_to_one_version(lab, gw, ask):
    gw.apply("reviews.yaml", reviews(ALL_V1))
    assert {who(ask(lab)) for _ in range(12)} == {(200, "reviews-v1")}
    gw.apply("reviews.yaml", reviews(ALL_V2))
    assert {who(ask(lab)) for _ in range(12)} == {(200, "reviews-v2")}


def test_no_subset_means_every_version(lab, gw):
    gw.apply("reviews.yaml", reviews("[{route: [{destination: {host: reviews}}]}]"))
    assert {who(by_vip(lab))[1] for _ in range(40)} == {"reviews-v1", "reviews-v2", "reviews-v3"}


def test_service_without_virtual_service(lab, gw):
    """A service's address works in the mesh as soon as the service is known."""
    answer = curl(lab.client, f"http://{bookinfo.VIPS['ratings']}:{bookinfo.PORT}/",
                  headers=["Host: ratings"])
    assert who(answer) == (200, "ratings-v1")


def test_weights(lab, gw):
    gw.apply("reviews.yaml", reviews(SPLIT))
    seen = tally(lab.client, 10000, "reviews.example.com")
    assert sum(seen.values()) == 10000
    assert abs(seen[200, "reviews-v1"] - 7500) <= 4
    assert abs(seen[200, "reviews-v2"] - 2500) <= 4


@WAYS
@pytest.mark.parametrize("rule,line,hit", [
    (f"cookie: {{regex: '{COOKIE}'}}", "Cookie: user=jason", True),
    (f"cookie: {{regex: '{COOKIE}'}}", "Cookie: a=1;user=jason;b=2", True),
    (f"cookie: {{regex: '{COOKIE}'}}", "Cookie: a=1; user=jason", False),
    (f"cookie: {{regex: '{COOKIE}'}}", "Cookie: user=jasonX", False),
    (f"cookie: {{regex: '{COOKIE}'}}", "Accept: */*", False),
    ("end-user: {exact: jason}", "End-User: jason", True),
    ("end-user: {exact: jason}", "end-user: Jason", False),
    ("end-user: {exact: jason}", "end-user: jason2", False),
])
def test_user_jason(lab, gw, ask, rule, line, hit):
    gw.apply("reviews.yaml", reviews(JASON % rule + f"\n# {ask.__name__} {line}"))
    assert who(ask(lab, line)) == (200, "reviews-v2" if hit else "reviews-v1")
    assert who(ask(lab)) == (200, "reviews-v1")


@pytest.mark.parametrize("match,path,hit", [
    ("uri: {exact: /foo}", "/foo", True),
    ("uri: {exact: /foo}", "/foo?x=1", True),
    ("uri: {exact: /foo}", "/foo/", False),
    ("uri: {prefix: /foo}", "/foobar", True),
    ("uri: {prefix: /foo}", "/fo", False),
    ("uri: {regex: '/v[0-9]+'}", "/v12", True),
    ("uri: {regex: '/v[0-9]+'}", "/v12/x", False),
    ("method: {exact: GET}", "/", True),
    ("method: {exact: POST}", "/", False),
    ("authority: {exact: reviews.example.com}", "/", True),
    ("authority: {exact: other.example.com}", "/", False),
    ("uri: {prefix: /a}, method: {exact: POST}", "/a", False),
])
def test_match(lab, gw, match, path, hit):
    gw.apply("reviews.yaml", reviews(f"""
- match: [{{{match}}}]
  route: [{{destination: {{host: reviews, subset: v2}}}}]
- route: [{{destination: {{host: reviews, subset: v1}}}}]
""" + f"# {path}"))
    assert who(by_gateway(lab, path=path)) == (200, "reviews-v2" if hit else "reviews-v1")


def test_first_match_wins_not_the_most_specific(lab, gw):
    gw.apply("reviews.yaml", reviews("""
- match: [{uri: {prefix: /}, method: {exact: GET}}]
  route: [{destination: {host: reviews, subset: v1}}]
- match: [{uri: {exact: /api}}]
  route: [{destination: {host: reviews, subset: v2}}]
"""))
    assert who(by_gateway(lab, path="/api")) == (200, "reviews-v1")


@pytest.fixture
def httpbin(gw):
    gw.apply("httpbin.yaml", virtual_service("httpbin", ["httpbin.example.com"], """
- match: [{uri: {prefix: /status}}, {uri: {prefix: /delay}}]
  route: [{destination: {host: httpbin, port: {number: 8000}}}]
"""))
    yield gw


def test_ingress_prefixes(lab, httpbin):
    def get(path, host="httpbin.example.com"):
        return by_gateway(lab, host=host, path=path).status

    assert get("/status/200") == 200
    assert get("/status/418") == 418
    assert get("/delay/0.1") == 200
    assert get("/headers") == 404
    assert get("/") == 404
    assert get("/status/200", host="HTTPBIN.example.com:80") == 200
    assert get("/status/200", host="httpbin.example.org") == 404
    assert get("/status/200", host=GW_EXT_IP) == 404


def test_not_found_is_empty_and_logged(lab, httpbin):
    answer = by_gateway(lab, host="httpbin.example.com", path="/nowhere?q")
    assert (answer.status, answer.body) == (404, b"")
    assert answer.get("content-length") in (None, "0")
    record = httpbin.wait_log("/nowhere", lambda r: r["path"] == "/nowhere?q")
    assert record["response_flags"] == "NR" and record["response_code"] == 404
    assert record["response_code_details"] == "route_not_found"
    assert record["authority"] == "httpbin.example.com"


def broken(gw, http, *more):
    gw.apply("broken.yaml", documents(virtual_service("broken", ["broken.example.com"], http),
                                      *more))


def to(host, **destination):
    """One rule that routes everything to a host."""
    inner = ", ".join(f"{k}: {v}" for k, v in {"host": host, **destination}.items())
    return f"[{{route: [{{destination: {{{inner}}}}}]}}]"


RESET = "upstream connect error or disconnect/reset before headers. "
NOWHERE = [  # rule, further resources, body, flags, details
    ("unknown-service", to("nothing"), (), "", "NC", "cluster_not_found"),
    ("unknown-subset", to("reviews", subset="v9"), (), "", "NC", "cluster_not_found"),
    ("unknown-port", to("reviews", port="{number: 1234}"), (), "", "NC", "cluster_not_found"),
    ("dotted-is-not-short", to("reviews.nowhere"), (), "", "NC", "cluster_not_found"),
    ("no-endpoint", to("lonely"), (service("lonely", 80),), "no healthy upstream", "UH",
     "no_healthy_upstream"),
    ("empty-subset", to("ratings", subset="v7"), (destination_rule("ratings", "v7"),),
     "no healthy upstream", "UH", "no_healthy_upstream"),
]


@pytest.mark.parametrize("case", NOWHERE, ids=[case[0] for case in NOWHERE])
def test_nowhere_to_go(lab, gw, case):
    name, http, more, body, flag, details = case
    broken(gw, http, *more)
    answer = by_gateway(lab, host="broken.example.com", path=f"/{name}")
    assert (answer.status, answer.text) == (503, body)
    record = gw.wait_log(name, lambda r: r["path"] == f"/{name}")
    assert (record["response_flags"], record["response_code_details"]) == (flag, details)


def test_connection_refused(lab, gw):
    """A host that is up with nobody on the port."""
    lab.add_backend_ip("198.18.1.40")
    broken(gw, to("refused"), service("refused", 81), workload("refused", "v1", "198.18.1.40"))
    answer = by_gateway(lab, host="broken.example.com", path="/refused")
    assert answer.status == 503
    assert answer.text.startswith(RESET)
    assert "reset reason: remote connection failure" in answer.text
    record = gw.wait_log("/refused", lambda r: r["path"] == "/refused")
    assert "UF" in record["response_flags"].split(",")


def test_timeout(lab, gw):
    gw.apply("slow.yaml", virtual_service("slow", ["slow.example.com"], """
- timeout: 0.3s
  route: [{destination: {host: httpbin}}]
"""))
    answer = by_gateway(lab, host="slow.example.com", path="/delay/5")
    assert (answer.status, answer.text) == (504, "upstream request timeout")
    record = gw.wait_log("/delay/5", lambda r: r["path"] == "/delay/5")
    assert record["response_flags"] == "UT" and 250 <= record["duration"] < 2000
    assert by_gateway(lab, host="slow.example.com", path="/delay/0.05").status == 200


def test_short_names_are_of_the_resources_namespace(lab, gw):
    """`reviews` in namespace shop is reviews.shop, and has nothing to do with default's."""
    gw.apply("shop.yaml", documents(
        service("reviews", bookinfo.PORT, ns="shop"),
        workload("reviews", "v1", "198.18.1.15", ns="shop"),
        virtual_service("shop", ["shop.example.com"], to("reviews"), ["default/public"],
                        ns="shop"),
        virtual_service("full", ["full.example.com"], to("reviews.shop.svc.cluster.local"))))
    for host in ("shop.example.com", "full.example.com"):
        assert who(by_gateway(lab, host=host)) == (200, "ratings-v1")


def test_wildcard_hosts(lab, gw):
    gw.apply("wild.yaml", documents(
        virtual_service("wild", ["*.wild.example.com"], to("ratings")),
        virtual_service("one", ["one.wild.example.com"], to("productpage"))))
    assert who(by_gateway(lab, host="a.wild.example.com"))[1] == "ratings-v1"
    assert who(by_gateway(lab, host="a.b.wild.example.com"))[1] == "ratings-v1"
    assert who(by_gateway(lab, host="one.wild.example.com"))[1] == "productpage-v1"
    assert who(by_gateway(lab, host="wild.example.com"))[0] == 404


def test_gateway_of_other_nodes(lab, gw):
    """A Gateway whose selector does not fit this node opens no port and binds no route."""
    foreign = single("foreign", "198.18.1.15", 9080, "foreign.example.com")
    gw.apply("foreign.yaml", documents(
        """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: elsewhere, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 8088, name: http, protocol: HTTP}, hosts: ["*"]}]
""", foreign.replace("- public", "- elsewhere")))
    assert by_gateway(lab, host="foreign.example.com").status == 404
    with pytest.raises(ConnectionRefusedError):
        Connection(lab.client, GW_EXT_IP, 8088)


def test_gateway_ports_come_and_go(lab, gw):
    gw.apply("port.yaml", documents(
        """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8081, name: http, protocol: HTTP}, hosts: ["*.second.example.com"]}]
""", virtual_service("second", ["a.second.example.com", "b.example.com"], to("ratings"),
                     ["second"])))
    with Connection(lab.client, GW_EXT_IP, 8081) as conn:
        assert conn.get("/", "a.second.example.com").status == 200
        # The route's host is none of the server's.
        assert conn.get("/", "b.example.com").status == 404
    # Other port, other Gateway.
    assert by_gateway(lab, host="a.second.example.com").status == 404
    gw.withdraw("port.yaml")
    with pytest.raises(ConnectionRefusedError):
        Connection(lab.client, GW_EXT_IP, 8081)


def test_route_names_and_clusters_in_the_log(lab, gw):
    gw.apply("named.yaml", virtual_service("named", ["named.example.com"], """
- name: the-rule
  route: [{destination: {host: reviews, subset: v3}}]
"""))
    assert who(by_gateway(lab, host="named.example.com", path="/n?x=1"))[1] == "reviews-v3"
    record = gw.wait_log("/n", lambda r: r["path"] == "/n?x=1")
    assert record["route_name"] == "the-rule"
    assert record["upstream_cluster"] == "outbound|9080|v3|reviews.default.svc.cluster.local"
    assert record["upstream_host"] == "198.18.1.14:9080"
    assert record["response_flags"] == "-" and record["method"] == "GET"


def test_static_service_entry(lab, gw):
    gw.apply("entry.yaml", documents("""apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec:
  hosts: [outside.example.net]
  addresses: [10.96.7.7]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]
  resolution: STATIC
  endpoints: [{address: 198.18.1.15}]
""", virtual_service("outside", ["outside.example.com"], to("outside.example.net"))))
    assert who(by_gateway(lab, host="outside.example.com")) == (200, "ratings-v1")
    answer = curl(lab.client, "http://10.96.7.7/", headers=["Host: outside.example.net"])
    assert who(answer) == (200, "ratings-v1")


def test_endpoint_slice(lab, gw):
    gw.apply("slice.yaml", documents("""apiVersion: v1
kind: Service
metadata: {name: sliced, namespace: default}
spec: {clusterIP: 10.96.7.8, ports: [{name: http, port: 80}]}
""", """apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: sliced-1, namespace: default, labels: {kubernetes.io/service-name: sliced}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- {addresses: [198.18.1.12], conditions: {ready: true}}
- {addresses: [198.18.1.13], conditions: {ready: false}}
"""))
    answers = {who(curl(lab.client, "http://10.96.7.8/", headers=["Host: sliced"]))
               for _ in range(6)}
    assert answers == {(200, "reviews-v1")}


def test_keep_alive_follows_the_routes(lab, gw):
    """A route is looked up for each request, not for each connection."""
    gw.apply("reviews.yaml", reviews(ALL_V1 + "# keep-alive"))
    with Connection(lab.client) as conn:
        assert conn.get("/", "reviews.example.com").get("x-backend") == "reviews-v1"
        gw.apply("reviews.yaml", reviews(ALL_V2 + "# keep-alive"))
        assert conn.get("/", "reviews.example.com").get("x-backend") == "reviews-v2"
        conn.send(request("GET", "/", "nobody.example.com"))
        assert conn.read().status == 404
        assert conn.get("/", "reviews.example.com").status == 200


def moved(vip):
    """A service with one workload, at this address of the mesh."""
    return documents(service("moved", 8000, cluster_ip=vip),
                     workload("moved", "v1", "198.18.1.16"))


def test_connection_outlives_its_vip(lab, gw):
    """A service that loses its address: what is under way ends well, and then the connection."""
    gw.apply("moved.yaml", moved("10.96.7.20"))
    with Connection(lab.client, "10.96.7.20", 8000) as busy, \
            Connection(lab.client, "10.96.7.20", 8000) as idle:
        assert idle.get("/", "moved").status == 200
        busy.send(request("GET", "/delay/0.8", "moved"))
        proc.wait_until("the request is in progress",
                        lambda: gw.metrics().sum("weir_http_active_requests") >= 1)
        gw.apply("moved.yaml", moved("10.96.7.21"))
        assert busy.read().status == 200
        for conn in (busy, idle):
            answer = conn.get("/", "moved")
            assert (answer.status, answer.get("connection")) == (404, "close")
            assert conn.closed()
    assert curl(lab.client, "http://10.96.7.21:8000/", headers=["Host: moved"]).status == 200


def test_connection_outlives_a_gateway_that_comes_back(lab, gw):
    """Deleted and written anew, as an editor or a controller may do it."""
    resources = documents(gateway("third", port=8083),
                          virtual_service("third", ["third.example.com"], to("ratings"),
                                          ["third"]))
    gw.apply("third.yaml", resources)
    with Connection(lab.client, port=8083) as conn:
        assert conn.get("/", "third.example.com").status == 200
        gw.withdraw("third.yaml")
        gw.apply("third.yaml", resources)
        assert conn.get("/", "third.example.com").status == 200
