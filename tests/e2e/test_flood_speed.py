"""A SYN flood as fast as the generator, over shared memory: who is connected does not notice, who
comes is let in, memory stays flat."""
import json
import os

import pytest

from harness import proc
from harness.lab import GW_EXT_IP, built
from harness.resources import documents, gateway, single
from harness.weir import SANITIZERS, Weir, leak_suppressions

HALF_OPEN_MAX = 4096
RSS_MAX = (16 << 20) * proc.PATIENCE  # tables are on pages of 2 MiB
RING = 14  # log2: what comes while the machine does something else must fit
MEMIF_BACKEND, MEMIF_HOST = "198.18.0.11:8000", "hello.example.com"
# SYNs/s: what the generator can. A machine that gives the gateway a part of a core loses frames in
# the ring whatever the gateway does: then less, but not less than the last.
RATES, SECONDS = (1000000, 1000000, 500000, 250000, 125000), 3


@pytest.fixture()
def memif_weir(lab):
    """A gateway whose one wire is shared memory: as fast as the generator."""
    socket = os.path.join(proc.scratch(), "flood-memif.sock")
    it = Weir(lab, documents(gateway(), single("hello", *MEMIF_BACKEND.split(":"), MEMIF_HOST)))
    it.node["interfaces"] = [{
        "name": "ext", "addresses": ["198.18.0.2/24"],
        "device": f"net_memif,role=server,id=0,socket={socket},socket-abstract=no,rsize={RING}"}]
    it.start()
    yield it, f"net_memif,role=client,id=0,socket={socket},socket-abstract=no,rsize={RING}"
    it.stop()


def generate(lab, device, *args):
    """Open loop: clients that ask at a steady pace, and the backend, in one process."""
    path = os.path.join(proc.scratch(), "flood-load.json")
    it = proc.Process("load", [
        built("weir-load", "WEIR_LOAD_BIN", "bench/load"), "--device", device, "--clients",
        "198.18.0.100/24", "--client-addresses", "64", "--target", f"{GW_EXT_IP}:80", "--host",
        MEMIF_HOST, "--backend", MEMIF_BACKEND, "--json", path, "--duration", "2.5", "--warmup",
        "0.5", *args], ns=lab.gw, env={**SANITIZERS, **leak_suppressions()})
    assert it.wait(60) == 0, it.log()
    with open(path, encoding="utf-8") as f:
        return json.load(f)


@pytest.mark.parametrize("mode", [("--connections", "64", "--rate", "5000"),
                                  ("--connections", "64", "--rate", "500", "--close")],
                         ids=["established", "newcomers"])
def test_syn_flood_at_generator_speed(lab, memif_weir, mode):
    weir, device = memif_weir
    for rate in (int(r / proc.PATIENCE) for r in RATES):
        syns = rate * SECONDS
        calm = generate(lab, device, *mode)
        rss = weir.process.rss()
        stormy = generate(lab, device, *mode, "--syn-flood", str(rate), "--flood-count",
                          str(syns))
        if stormy["rps"] >= 0.95 * calm["rps"]:
            break
    assert stormy["rps"] >= 0.95 * calm["rps"], (stormy["rps"], calm["rps"])
    assert stormy["wrong"] == stormy["resets"] == stormy["connect_failures"] == 0
    assert stormy["flood"]["syns_sent"] > syns / 10
    assert weir.process.rss() - rss < RSS_MAX
    after = weir.metrics()
    assert after.sum("weir_tcp_syn_cookies_sent_total") > 0.3 * stormy["flood"]["syns_sent"]
    assert after.sum("weir_tcp_half_open") <= HALF_OPEN_MAX
