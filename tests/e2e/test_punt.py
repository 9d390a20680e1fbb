"""The kernel's part of an address that weir serves HTTP on: bird and plain sockets behind a TAP."""
import re
import socket
import threading

import pytest

from harness import bookinfo, proc
from harness.bird import Bird
from harness.client import Connection, Wrk, ping
from harness.lab import CLIENT_IP, CLIENT_IP6, GW_EXT_IP, GW_EXT_IP6
from harness.resources import virtual_service
from harness.weir import lab_interfaces

HOST = "reviews.example.com"
SSH_PORT, UDP_PORT = 2022, 5353
TAP = "weir-ext"


@pytest.fixture(scope="module", params=[1, 4])
def weir(lab, bookinfo_servers, start_weir, request):
    it = start_weir(lab, bookinfo.registry() + "---\n" + virtual_service(
        "reviews", [HOST], "[{route: [{destination: {host: reviews, subset: v1}}]}]"),
        workers=request.param, interfaces=lab_interfaces(punt="tap"))
    yield it
    it.stop()
    assert TAP not in lab.gw.ip("link")


@pytest.fixture()
def echo_server(lab, weir):
    """A TCP server of the kernel's that says everything back, on weir's address."""
    listener = lab.gw.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((GW_EXT_IP, SSH_PORT))
    listener.listen()

    def serve(sock):
        with sock:
            while data := sock.recv(1 << 16):
                sock.sendall(data)

    def accept():
        try:
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_the_tap_is_the_interfaces_twin(lab, weir):
    tap, ext = lab.gw.ip("addr", "show", TAP), lab.gw.ip("link", "show", "ext")
    mac = r"link/ether (\S+)"
    assert re.search(mac, tap).group(1) == re.search(mac, ext).group(1)
    assert f"inet {GW_EXT_IP}/24" in tap and "UP" in tap and "mtu 1500" in tap


def get(lab):
    with Connection(lab.client) as conn:
        return conn.get("/", HOST)


SESSIONS = {"v4": (GW_EXT_IP, CLIENT_IP, "203.0.113.0/24", "198.51.100.0/24"),
            "v6": (GW_EXT_IP6, CLIENT_IP6, "2001:db8:1::/48", "2001:db8:2::/48")}


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
def test_bgp_and_bfd(lab, weir, session):
    """Sessions of bird's come up on the address that serves HTTP, and survive its load."""
    ours, theirs, our_net, their_net = session
    birds = [Bird(lab.gw, "gw", ours, 65001, theirs, 65002, our_net),
             Bird(lab.client, "client", theirs, 65002, ours, 65001, their_net)]
    try:
        for bird in birds:
            proc.wait_until("BGP is up", bird.established, timeout=40)
            proc.wait_until("BFD is up", bird.bfd_up, timeout=20)
        proc.wait_until("routes are there", lambda: their_net in birds[0].routes() and
                        our_net in birds[1].routes(), timeout=20)
        report = Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, 4, connections=32).finish()
        assert report.non_2xx == 0 and report.socket_errors == 0, report.text
        assert birds[0].established() and birds[1].bfd_up()
    finally:
        for bird in birds:
            bird.stop()


def test_a_kernel_server_beside_http(lab, weir, echo_server):
    data = bytes(range(256)) * 4096
    with Connection(lab.client, port=SSH_PORT, timeout=30) as conn:
        sender = threading.Thread(target=conn.send, args=(data,))
        sender.start()
        assert conn.read_exactly(len(data)) == data
        sender.join()
    assert get(lab).status == 200
    metrics = weir.metrics()
    assert metrics.sum("weir_net_punt_to_kernel_total") > 100
    assert metrics.sum("weir_net_punt_from_kernel_total") > 100


def test_many_kernel_connections(lab, weir, echo_server):
    """Their hashes lead to all workers."""
    for i in range(40):
        with Connection(lab.client, port=SSH_PORT) as conn:
            conn.send(b"%d" % i)
            assert conn.read_exactly(len(str(i))) == b"%d" % i


def test_the_kernel_opens_connections(lab, weir):
    with lab.client.socket() as listener:
        listener.bind((CLIENT_IP, 0))
        listener.listen()
        sock = lab.gw.socket()
        sock.settimeout(5)
        sock.connect(listener.getsockname())
        peer, address = listener.accept()
        assert address[0] == GW_EXT_IP
        with peer, sock:
            sock.sendall(b"hello")
            assert peer.recv(5) == b"hello"


def test_udp_both_ways(lab, weir):
    with lab.gw.socket(kind=socket.SOCK_DGRAM) as server, \
            lab.client.socket(kind=socket.SOCK_DGRAM) as client:
        server.settimeout(5)
        client.settimeout(5)
        server.bind((GW_EXT_IP, UDP_PORT))
        for size in (1, 1400, 6000):  # the last in fragments, which the kernel puts together
            client.sendto(b"x" * size, (GW_EXT_IP, UDP_PORT))
            data, address = server.recvfrom(1 << 16)
            assert data == b"x" * size
            server.sendto(data, address)
            assert client.recv(1 << 16) == data


def test_closed_ports_are_refused_by_the_kernel(lab, weir):
    with lab.client.socket() as sock:
        sock.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            sock.connect((GW_EXT_IP, 2023))


def test_pings_both_ways(lab, weir):
    assert len(ping(lab.client, GW_EXT_IP, 20)) == 20
    assert len(ping(lab.client, GW_EXT_IP, 5, size=4000)) == 5  # the kernel's, in fragments
    assert len(ping(lab.gw, CLIENT_IP, 20)) == 20
    assert weir.metrics().sum("weir_net_icmp_echo_total") >= 20


def test_http_goes_on_under_a_flood_of_the_kernels(lab, weir):
    """A flood to closed ports is cut at the queue; weir's own connections do not notice."""
    before = weir.metrics()
    with lab.client.socket(kind=socket.SOCK_DGRAM) as sock:
        wrk = Wrk(lab.client, f"http://{GW_EXT_IP}/", HOST, 3, connections=16)
        sent = 0
        while wrk.running():
            for _ in range(64):
                try:
                    sock.sendto(b"flood", (GW_EXT_IP, 9))
                    sent += 1
                except OSError:  # the kernel's answer to an earlier one
                    pass
        report = wrk.finish()
    assert report.non_2xx == 0 and report.socket_errors == 0, report.text
    after = weir.metrics()
    passed = (after.sum("weir_net_punt_to_kernel_total") -
              before.sum("weir_net_punt_to_kernel_total"))
    assert passed < 10000 * 6 * proc.PATIENCE
    dropped = after.sum("weir_drops_total", reason="punt_queue_full")
    assert sent < 60000 or dropped > 0
