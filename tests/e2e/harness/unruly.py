"""Backends that break in every way there is, each on an address of its own, told how by datagrams
"ADDRESS MODE" on a unix socket. A process of its own, so that the test's own work slows nobody.

    python3 -m harness.unruly SOCKET PORT ADDRESS ...
"""
import asyncio
import contextlib
import os
import socket
import struct
import sys

from . import proc

MODES = ("well", "dead", "stalled", "reset", "slow")
SLOW_S = 0.4


class Exchange(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, backend):
        self.backend, self.transport, self.data = backend, None, b""

    def connection_made(self, transport):
        self.transport = transport
        self.backend.exchanges.add(self)
        if self.backend.mode == "reset":
            self.reset()

    def connection_lost(self, exc):
        self.backend.exchanges.discard(self)

    def reset(self):
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def data_received(self, data):
        mode = self.backend.mode
        self.data += data
        while b"\r\n\r\n" in self.data:
            self.data = self.data.split(b"\r\n\r\n", 1)[1]
            if mode == "reset":
                self.reset()
            elif mode == "slow":
                asyncio.get_running_loop().call_later(SLOW_S, self.answer)
            elif mode == "well":
                self.answer()

    def answer(self):
        if not self.transport.is_closing():
            self.transport.write(self.backend.response)


class Backend:
    """One address."""

    def __init__(self, ip, port):
        self.ip, self.port, self.mode = ip, port, "well"
        self.server, self.exchanges = None, set()
        self.response = (f"HTTP/1.1 200 OK\r\nContent-Length: {len(ip)}\r\n\r\n{ip}").encode()

    async def become(self, mode):
        self.mode = mode
        if mode == "dead" and self.server:
            self.server.close()
            self.server = None
        if mode in ("dead", "reset"):
            for exchange in list(self.exchanges):
                exchange.reset()
        if mode != "dead" and not self.server:
            self.server = await asyncio.get_running_loop().create_server(
                lambda: Exchange(self), self.ip, self.port, reuse_address=True, backlog=256)


async def serve(path, port, addresses):
    backends = {ip: Backend(ip, port) for ip in addresses}
    control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    control.setblocking(False)
    for backend in backends.values():
        await backend.become("well")
    control.bind(path)
    while True:
        ip, mode = (await asyncio.get_running_loop().sock_recv(control, 256)).decode().split()
        await backends[ip].become(mode)


class Unruly:
    """The process, and the way to tell it."""

    def __init__(self, lab, port, addresses):
        self.path = os.path.join(proc.scratch(), f"unruly-{port}.sock")
        for ip in addresses:
            lab.add_backend_ip(ip)
        self.process = proc.Process("unruly", [sys.executable, "-B", "-m", "harness.unruly",
                                               self.path, port, *addresses], ns=lab.back)
        proc.wait_until("the unruly backends listen", lambda: os.path.exists(self.path))
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def become(self, ip, mode):
        self.control.sendto(f"{ip} {mode}".encode(), self.path)

    def close(self):
        self.control.close()
        self.process.kill()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
