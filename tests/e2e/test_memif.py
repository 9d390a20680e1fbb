"""Shared memory as a device: what a gateway needs to come back on its socket."""
import os
import signal

from harness import proc
from harness.resources import documents, gateway, single
from harness.weir import Weir


def memif_gateway(lab, path):
    gw = Weir(lab, documents(gateway(), single("hello", "198.18.0.11", 8000, "hello.example.com")))
    gw.node["interfaces"] = [{
        "name": "ext", "addresses": ["198.18.0.2/24"],
        "device": f"net_memif,role=server,id=0,socket={path},socket-abstract=no"}]
    return gw


def test_a_killed_gateways_socket_is_taken_over(lab):
    path = os.path.join(proc.scratch(), "memif.sock")
    first = memif_gateway(lab, path).start()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.popen.wait(10)
    assert os.path.exists(path)
    second = memif_gateway(lab, path).start()
    assert second.ready()
    second.stop()


def test_a_socket_in_use_is_not_taken(lab):
    path = os.path.join(proc.scratch(), "memif2.sock")
    first = memif_gateway(lab, path).start()
    second = memif_gateway(lab, path)
    second.write_config()
    second._start_once()
    code = second.process.popen.wait(20)
    assert code == 1 and "cannot open" in second.process.log()
    assert first.ready() and os.path.exists(path)
    first.stop()
