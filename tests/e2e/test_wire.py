"""The bad wire itself: it must do what it is asked to, and nothing else."""
import hashlib
import random
import re
import socket
import statistics
import subprocess
import threading

import pytest

from harness.client import ping
from harness.lab import CLIENT_IP, GW_EXT_IP, wire_bin

LINE = re.compile(r"^(w\d)>(w\d) (.*)$", re.M)


@pytest.fixture(scope="module")
def ends(wire_lab):
    """Kernel stacks at both ends of the wire."""
    wire_lab.gw.ip("addr", "add", f"{GW_EXT_IP}/24", "dev", "ext")
    yield wire_lab
    wire_lab.gw.ip("addr", "flush", "dev", "ext")


def counts(log):
    return {m.group(1): {k: int(v) for k, v in (pair.split("=") for pair in m.group(3).split())}
            for m in LINE.finditer(log)}


def transfer(lab, size):
    """Sends size bytes through the wire; (sent digest, received digest)."""
    data = random.Random(1).randbytes(size)
    got = hashlib.sha256()
    with lab.gw.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((GW_EXT_IP, 9000))
        listener.listen()

        def receive():
            with listener.accept()[0] as sock:
                while block := sock.recv(1 << 16):
                    got.update(block)

        reader = threading.Thread(target=receive)
        reader.start()
        with lab.client.socket() as sock:
            sock.settimeout(30)
            sock.connect((GW_EXT_IP, 9000))
            sock.sendall(data)
        reader.join(30)
        assert not reader.is_alive()
    return hashlib.sha256(data).hexdigest(), got.hexdigest()


def test_clean_wire_is_a_wire(ends):
    ends.start_wire()
    echoes = ping(ends.client, GW_EXT_IP, 200)
    assert len(echoes) == 200 and all(len(times) == 1 for times in echoes.values())
    sent, received = transfer(ends, 4 << 20)
    assert sent == received
    for way in counts(ends.stop_wire()).values():
        assert way["in"] == way["out"] > 200
        assert sum(way.values()) == way["in"] + way["out"]


def test_delay_both_ways(ends):
    ends.start_wire("--delay", 10)
    echoes = ping(ends.client, GW_EXT_IP, 50)
    assert len(echoes) == 50
    assert 0.020 <= statistics.median(t for times in echoes.values() for t in times) < 0.040


def test_loss_is_about_as_much_as_asked_for(ends):
    ends.start_wire("--loss", 20)
    received = len(ping(ends.client, GW_EXT_IP, 1000, 0.001, wait=0.1))
    # 0.8 * 0.8 of 1000, five standard deviations wide.
    assert 640 - 76 < received < 640 + 76
    lost = counts(ends.stop_wire())
    assert lost["w0"]["lost"] and lost["w1"]["lost"]


def test_seed_repeats_the_dice(ends):
    def one(seed):
        ends.start_wire("--loss", 30, "--seed", seed)
        ends.client.ip("neigh", "replace", GW_EXT_IP, "dev", "c0", "lladdr", mac(ends.gw, "ext"))
        ends.gw.ip("neigh", "replace", CLIENT_IP, "dev", "ext", "lladdr", mac(ends.client, "c0"))
        answered = ping(ends.client, GW_EXT_IP, 300, 0.001, wait=0.1)
        return sorted(answered), counts(ends.stop_wire())["w0"]

    assert one(7) == one(7)
    assert one(7) != one(8)


def mac(ns, dev):
    return re.search(r"link/ether (\S+)", ns.ip("link", "show", dev)).group(1)


def test_duplicates(ends):
    ends.start_wire("--duplicate", 100)
    echoes = ping(ends.client, GW_EXT_IP, 100)
    # Two requests, each answered and each answer doubled.
    assert len(echoes) == 100 and all(len(times) == 4 for times in echoes.values())


def test_rate_limits(ends):
    ends.start_wire("--rate", 10)
    # 1042 bytes at 10 Mbit/s take 0.83 ms: the last of 60 sent at once waits for the others.
    echoes = ping(ends.client, GW_EXT_IP, 60, interval=0, size=1000)
    assert len(echoes) == 60 and echoes[59][0] > 0.020


@pytest.mark.parametrize("options", [
    ("--loss", 1, "--reorder", 5),
    ("--burst-start", 0.5, "--burst-end", 40, "--jitter", 1),
    ("--corrupt", 1, "--duplicate", 2),
], ids=["loss-reorder", "bursts-jitter", "corrupt-duplicate"])
def test_transfers_survive(ends, options):
    """Offloads are off, so that the kernels' checksums see what was done to a frame."""
    ends.start_wire(*options)
    sent, received = transfer(ends, 2 << 20)
    assert sent == received
    way = counts(ends.stop_wire())["w0"]
    assert way["lost"] + way["burst_lost"] + way["corrupted"] > 0


def test_ends_by_itself(ends):
    ends.stop_wire()
    done = ends.wire_ns.run(wire_bin(), "--seconds", "0.3", "w0", "w1", timeout=5)
    assert done.returncode == 0 and len(counts(done.stdout)) == 2


@pytest.mark.parametrize("argv,message", [
    (("w0",), "usage:"), (("--loss", "101", "w0", "w1"), "--loss 101"),
    (("--loss", "x", "w0", "w1"), "--loss x"), (("--what", "w0", "w1"), "usage:"),
    (("w0", "nope"), "no interface 'nope'"),
])
def test_bad_usage(ends, argv, message):
    done = ends.wire_ns.run(wire_bin(), *argv, timeout=5)
    assert done.returncode == 2 and message in done.stdout


def test_help():
    done = subprocess.run([wire_bin(), "--help"], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0 and "--reorder" in done.stdout
