"""/api/v1/capture: what comes out is what was on the wire, for any tool that reads pcapng."""
import contextlib
import http.client
import math
import subprocess
import threading
import time
import urllib.parse

import pytest

from harness import bookinfo, proc
from harness.client import Connection, Wrk, ping
from harness.lab import CLIENT_IP, GW_EXT_IP
from harness.resources import virtual_service

HOST = "reviews.example.com"
SECONDS_MAX = 60  # of a capture
READ = """
import sys
from scapy.all import Ether, PcapNgReader, TCP
with PcapNgReader(sys.argv[1]) as reader:
    for p in reader:
        p = Ether(bytes(p)) if not isinstance(p, Ether) else p
        tcp = p[TCP] if TCP in p else None
        print(float(p.time), len(p), p.payload.name, *((p.payload.src, tcp.sport, p.payload.dst,
              tcp.dport, bytes(tcp.payload)[:16].hex()) if tcp else ()))
"""


@pytest.fixture(scope="module", params=[1, 3])
def weir(lab, bookinfo_servers, start_weir, request):
    it = start_weir(lab, bookinfo.registry() + "---\n" + virtual_service(
        "reviews", [HOST], "[{route: [{destination: {host: reviews, subset: v1}}]}]"),
        workers=request.param)
    yield it
    it.stop()


class Capture:
    """A capture in the background."""

    def __init__(self, weir, **query):
        self.weir, self.answer = weir, None
        if "seconds" in query:  # it must last as long as those that are waited for
            query["seconds"] = min(math.ceil(query["seconds"] * proc.PATIENCE), SECONDS_MAX)
        self.path = "/api/v1/capture?" + urllib.parse.urlencode(query)
        self.thread = threading.Thread(target=self._get)
        self.thread.start()
        time.sleep(0.3 * proc.PATIENCE)

    def _get(self):
        self.answer = self.weir.get_bytes(self.path, timeout=70)

    def packets(self):
        """What scapy reads: [time, length, layer, and for TCP source, port, destination, port,
        first bytes]."""
        self.thread.join()
        status, data = self.answer
        assert status == 200, data
        path = f"{self.weir.dir}/capture.pcapng"
        with open(path, "wb") as f:
            f.write(data)
        done = subprocess.run(["/usr/bin/python3", "-B", "-c", READ, path], text=True, check=True,
                              stdout=subprocess.PIPE)
        return [line.split() for line in done.stdout.splitlines()]


def get(lab):
    with Connection(lab.client) as conn:
        assert conn.get("/", HOST).status == 200
        return conn.sock.getsockname()[1]


def test_a_connection(lab, weir):
    capture = Capture(weir, filter=f"host {CLIENT_IP} and tcp port 80", seconds=1)
    before = time.time()
    ping(lab.client, GW_EXT_IP, 3)
    port = str(get(lab))
    seen = capture.packets()
    assert all(p[2] == "IP" and CLIENT_IP in (p[3], p[5]) for p in seen)
    ours = [p for p in seen if port in (p[4], p[6])]
    assert len(ours) >= 7  # three of the handshake, two of data, two FINs
    assert all(abs(float(p[0]) - before) < 5 * proc.PATIENCE for p in ours)
    firsts = [bytes.fromhex(p[7]) if len(p) > 7 else b"" for p in ours]
    assert any(f.startswith(b"GET / HTTP/1.1") for f in firsts)
    assert any(f.startswith(b"HTTP/1.1 200") for f in firsts)
    assert [p[0] for p in ours] == sorted(p[0] for p in ours)


def test_the_last_packets_of_many(lab, weir):
    capture = Capture(weir, filter="tcp and interface ext", packets=50, seconds=2)
    wrk = Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, 1, connections=8)
    wrk.finish()
    seen = capture.packets()
    assert 45 <= len(seen) <= 50
    assert all(GW_EXT_IP in (p[3], p[5]) for p in seen)


def test_the_first_packets_at_once(lab, weir):
    began = time.monotonic()
    capture = Capture(weir, filter="port 80 and in", packets=2, seconds=30, keep="first")
    get(lab)
    seen = capture.packets()
    assert len(seen) == 2 and time.monotonic() - began < 10
    assert all(p[5] == GW_EXT_IP for p in seen)


def test_one_at_a_time(lab, weir):
    capture = Capture(weir, seconds=1)
    assert weir.get("/api/v1/capture?seconds=1")[0] == 409
    capture.packets()
    assert weir.get_bytes("/api/v1/capture?seconds=1&filter=arp")[0] == 200


@pytest.mark.parametrize("query,why", [
    ("filter=hots+1.2.3.4", "hots"), ("packets=10001", "packets"), ("seconds=0", "seconds"),
    ("keep=all", "keep"),
])
def test_mistakes_are_refused(weir, query, why):
    status, text = weir.get(f"/api/v1/capture?{query}")
    assert status == 400 and why in text


def test_a_client_that_leaves_ends_nothing(lab, weir):
    """Its capture is freed when its time is over, and traffic goes on."""
    with pytest.raises(OSError):
        weir.get("/api/v1/capture?seconds=1", timeout=0.2 / proc.PATIENCE)
    get(lab)
    proc.wait_until("the next capture is possible",
                    lambda: weir.get_bytes("/api/v1/capture?seconds=1&filter=arp")[0] == 200,
                    timeout=10)


def test_stop_with_a_capture_in_progress(lab, weir):
    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            weir.get_bytes("/api/v1/capture?seconds=60", timeout=70)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    weir.stop()
    asking.join()
    weir.start()
