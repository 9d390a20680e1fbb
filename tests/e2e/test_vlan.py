"""Two interfaces on one cable, told apart by their tag; the kernel's part of the tagged one."""
import socket

import pytest

from harness import bookinfo
from harness.client import Connection, ping
from harness.lab import GW_EXT_IP
from harness.resources import virtual_service
from harness.vlan import Vlan
from harness.weir import lab_interfaces

HOST = "reviews.example.com"
VID, GW_IP, CLIENT = 5, "203.0.113.2", "203.0.113.1"


@pytest.fixture(scope="module", params=[1, 3])
def weir(lab, bookinfo_servers, start_weir, request):
    interfaces = lab_interfaces()
    interfaces.append({"name": "ext5", "device": interfaces[0]["device"], "vlan": VID,
                       "addresses": [f"{GW_IP}/24"], "punt": "tap"})
    it = start_weir(lab, bookinfo.registry() + "---\n" + virtual_service(
        "reviews", [HOST], "[{route: [{destination: {host: reviews, subset: v1}}]}]"),
        workers=request.param, interfaces=interfaces)
    with Vlan(lab.client, "vlan5", "c0", VID, f"{CLIENT}/24"):
        yield it
    it.stop()


def test_both_are_served(lab, weir):
    for _ in range(10):
        for ip in (GW_IP, GW_EXT_IP):
            with Connection(lab.client, ip) as conn:
                assert conn.get("/", HOST).status == 200
    assert len(ping(lab.client, GW_IP, 10)) == 10
    assert len(ping(lab.client, GW_EXT_IP, 10)) == 10


def test_the_kernel_behind_a_tag(lab, weir):
    with lab.gw.socket(kind=socket.SOCK_DGRAM) as server, \
            lab.client.socket(kind=socket.SOCK_DGRAM) as client:
        server.settimeout(5)
        client.settimeout(5)
        server.bind((GW_IP, 5353))
        client.sendto(b"question", (GW_IP, 5353))
        data, address = server.recvfrom(100)
        assert data == b"question" and address[0] == CLIENT
        server.sendto(b"answer", address)
        assert client.recv(100) == b"answer"


def test_other_tags_are_counted(lab, weir):
    before = weir.metrics().sum("weir_drops_total", reason="eth_vlan")
    with lab.client.entered(), \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("c0", 0))
        for tag in ("81000006", "88a80005", "8100000581000005"):
            sock.send(b"\xff" * 6 + b"\x02" * 6 + bytes.fromhex(tag) + b"\x08\x00" + bytes(60))
    after = weir.metrics().sum("weir_drops_total", reason="eth_vlan")
    assert after == before + 3
