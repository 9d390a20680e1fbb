"""What an operator touches: readiness, metrics, dumps, logs, signals."""
import json
import re
import signal
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest

from harness import bookinfo, proc
from harness.client import Connection, curl, request
from harness.lab import GW_EXT_IP
from harness.resources import virtual_service
from harness.weir import ADMIN, Weir

HOST = "httpbin.example.com"
ROUTE = virtual_service("httpbin", [HOST], "[{route: [{destination: {host: httpbin}}]}]")
TEXT_LINE = re.compile(
    r'^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "GET /status/200 HTTP/1\.1" 200 - via_upstream - '
    r'"-" 0 \d+ \d+ \S+ "198\.18\.0\.1" "curl/\S+" "[0-9a-f-]{36}" "httpbin\.example\.com" '
    r'"198\.18\.1\.16:8000" outbound\|8000\|\|httpbin\.default\.svc\.cluster\.local ')
JSON_KEYS = {"start_time", "method", "path", "protocol", "response_code", "response_flags",
             "response_code_details", "bytes_received", "bytes_sent", "duration", "user_agent",
             "request_id", "authority", "upstream_host", "upstream_cluster", "route_name"}


def resources():
    return bookinfo.registry() + "---\n" + ROUTE


@pytest.fixture(scope="module")
def weir(lab, bookinfo_servers, start_weir):
    return start_weir(lab, resources())


def get(lab, path="/status/200"):
    return curl(lab.client, f"http://{GW_EXT_IP}{path}", headers=[f"Host: {HOST}"])


def test_ready_on_tcp_and_unix(lab, weir):
    assert weir.get("/ready")[0] == 200
    assert curl(lab.gw, f"http://{ADMIN}/ready").status == 200
    assert weir.get("/no-such-page")[0] == 404


def test_metrics_count_requests(lab, weir):
    before = weir.metrics()
    for _ in range(7):
        get(lab)
    get(lab, "/status/503")

    def counted(**labels):
        name = "istio_requests_total"
        return weir.metrics().sum(name, **labels) - before.sum(name, **labels)

    host = "httpbin.default.svc.cluster.local"
    proc.wait_until("eight requests counted", lambda: counted(destination_service=host) == 8)
    assert counted(destination_service=host, response_code="200") == 7
    assert counted(destination_service=host, response_code="503", response_flags="-") == 1


def test_metrics_of_the_node(weir):
    metrics = weir.metrics()
    for name in ("weir_worker_requests_total", "weir_tcp_passive_opens_total",
                 "weir_mbuf_in_use", "weir_snapshot_generation", "weir_snapshot_apply_seconds",
                 "weir_snapshots_alive"):
        assert any(n.startswith(name) for n, _, _ in metrics.samples), name
    assert metrics.sum("weir_worker_cycles_total", state="busy") > 0
    assert metrics.sum("weir_snapshots_alive") == 1


def test_durations_are_a_histogram(lab, weir):
    get(lab)
    name = "istio_request_duration_milliseconds"

    def complete():
        metrics = weir.metrics()
        total = metrics.sum(f"{name}_count")
        return total > 0 and metrics.sum(f"{name}_bucket", le="+Inf") == total

    proc.wait_until("the histogram's sum", complete)


def test_config_dump_is_json_and_names_what_runs(weir):
    status, text = weir.get("/config_dump")
    assert status == 200
    json.loads(text)
    assert HOST in text and "outbound|8000||httpbin.default.svc.cluster.local" in text


def test_access_log_json(lab, weir):
    answer = get(lab, "/status/418")
    assert answer.status == 418
    record = weir.wait_log("/status/418", lambda r: r["path"] == "/status/418")
    assert JSON_KEYS <= set(record)
    assert record["response_code"] == 418 and record["response_code_details"] == "via_upstream"
    assert record["authority"] == HOST and record["user_agent"].startswith("curl/")
    assert record["upstream_host"] == "198.18.1.16:8000"


def test_clock_is_the_wall_clock(lab, weir):
    before = datetime.now(timezone.utc)
    answer = get(lab, "/status/417")
    after = datetime.now(timezone.utc)
    record = weir.wait_log("/status/417", lambda r: r["path"] == "/status/417")
    start = datetime.fromisoformat(record["start_time"].replace("Z", "+00:00"))
    slack = timedelta(milliseconds=20)
    assert before - slack <= start <= after + slack
    date = parsedate_to_datetime(answer.get("date"))
    assert before - timedelta(seconds=1) <= date <= after


def test_sighup_reads_again(lab, weir):
    generation = weir.generation()
    weir.write("resources.yaml", resources() + "# touched\n")
    weir.process.send_signal(signal.SIGHUP)
    proc.wait_until("a new generation", lambda: weir.generation() > generation)
    assert get(lab).status == 200


def stand_alone(lab, **node):
    """A gateway of this test's own: it ends here."""
    return Weir(lab, resources(), **node).start()


@pytest.fixture
def own(lab, weir):
    """The file's gateway steps aside while a test has its own."""
    weir.stop()
    started = []

    def start(**node):
        started.append(stand_alone(lab, **node))
        return started[-1]

    yield start
    for it in started:
        it.kill()
    weir.start()


def test_access_log_text(lab, own):
    weir = own(log_format="text")
    get(lab)
    weir.stop()
    with open(weir.access_log_path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert TEXT_LINE.match(lines[-1]), lines[-1]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signals_drain(lab, own, sig):
    """The request in progress ends well, no new one is taken, the exit code is 0."""
    weir = own()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(lab, "/delay/1")))
    with Connection(lab.client) as idle:
        assert idle.get("/status/200", HOST).status == 200
        thread.start()
        proc.wait_until("the request is in progress",
                        lambda: weir.metrics().sum("weir_http_active_requests") == 1)
        weir.process.send_signal(sig)
        assert idle.closed(within=1), "an idle connection holds nothing up"
        time.sleep(0.1)
        with pytest.raises(OSError):
            Connection(lab.client, timeout=0.5).get("/status/200", HOST)
    thread.join(10)
    assert [a.status for a in answers] == [200]
    assert weir.process.wait(5) == 0
    weir.stop()


def test_drain_does_not_wait_for_ever(lab, own):
    weir = own(drain={"timeout": "500ms"})
    with Connection(lab.client) as conn:
        conn.send(request("GET", "/delay/20", HOST))
        proc.wait_until("the request is in progress",
                        lambda: weir.metrics().sum("weir_http_active_requests") == 1)
        started = time.monotonic()
        weir.stop()
        assert 0.4 < time.monotonic() - started < 3 * proc.PATIENCE
