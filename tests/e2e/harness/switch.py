"""A switch made in user space between the TAPs of a bond and a client: the kernels at hand have
neither a bridge that could lose a port nor a bond.

As a real one it sends to where it last heard a MAC address from, and to all ports what it has
not heard of. With `lacp` it is a partner of IEEE 802.1AX on the bond's ports and takes them for
one: a frame for the bond goes to the first port that is in the aggregation.
"""
import fcntl
import os
import select
import socket
import struct
import threading

from .vlan import (ETH_P_ALL, IFF_NO_PI, IFF_TAP, MACS, PACKET_AUXDATA, SOL_PACKET,
                   TP_STATUS_VLAN_VALID, TUNSETIFF)

SLOW = b"\x88\x09"
SYSTEM = bytes.fromhex("020000000001")
STATE, COLLECTING = 32, 0x10  # of the frame's sender
IN_SYNC = 0x3D  # active, aggregatable, in sync, collecting, distributing


def lacp_answer(frame, port):
    """What a partner says who agrees with all that the frame says."""
    their = frame[18:32] + bytes([frame[32]])
    our = struct.pack("!H6sHHHB", 1, SYSTEM, 1, 255, port, IN_SYNC)
    body = (b"\x01\x01" + b"\x01\x14" + our + bytes(3) + b"\x02\x14" + their + bytes(3) +
            b"\x03\x10" + struct.pack("!H", 0) + bytes(12) + bytes(52))
    return b"\x01\x80\xc2\x00\x00\x02" + SYSTEM + SLOW + body


def with_tag(frame, control):
    """The frame as it was on the wire: the kernel tells its tag beside it."""
    for level, kind, data in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, tci, _ = struct.unpack("IIIHHHH", data)
            if status & TP_STATUS_VLAN_VALID:
                return frame[:MACS] + struct.pack("!HH", 0x8100, tci) + frame[MACS:]
    return frame


def is_announcement(frame):
    """An ARP request about the sender itself (RFC 5227)."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42]


class Switch:
    """Ports: a TAP `client` in one namespace, interfaces `members` of another."""

    def __init__(self, client_ns, client, address, gw_ns, members, lacp=False):
        self.lacp, self.table, self.heard, self.joined = lacp, {}, {}, set()
        self.announced = dict.fromkeys(members, 0)
        with client_ns.entered():
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self.tap, TUNSETIFF,
                        struct.pack("16sH22x", client.encode(), IFF_TAP | IFF_NO_PI))
        client_ns.ip("addr", "add", address, "dev", client)
        client_ns.ip("link", "set", client, "up")
        self.socks = {}
        for name in members:
            with gw_ns.entered():
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
                sock.bind((name, 0))
            self.socks[name] = sock
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        by_fd = {sock.fileno(): name for name, sock in self.socks.items()}
        while True:
            ready = select.select([self.tap, self.stop_r, *by_fd], [], [])[0]
            if self.stop_r in ready:
                return
            if self.tap in ready:
                self._from_client(os.read(self.tap, 4096))
            for fd in ready:
                if fd in by_fd:
                    self._from_member(by_fd[fd])

    def _from_client(self, frame):
        if self.lacp:
            to = sorted(self.joined)[:1]
        else:
            to = [self.table[frame[:6]]] if frame[:6] in self.table else list(self.socks)
        for name in to:
            self._send(name, frame)

    def _send(self, name, frame):
        try:
            self.socks[name].send(frame)
        except OSError:  # it is down
            self.joined.discard(name)

    def _from_member(self, name):
        try:
            frame, control, _, address = self.socks[name].recvmsg(4096, 64)
        except OSError:  # it went down
            return
        if address[2] == socket.PACKET_OUTGOING:
            return
        self.heard[name] = self.heard.get(name, 0) + 1
        if frame[12:14] == SLOW:
            if self.lacp:
                if frame[STATE] & COLLECTING:
                    self.joined.add(name)
                self._send(name, lacp_answer(frame, 1 + sorted(self.socks).index(name)))
            return
        frame = with_tag(frame, control)
        self.table[frame[6:12]] = name
        self.announced[name] += is_announcement(frame)
        os.write(self.tap, frame)

    def close(self):
        os.write(self.stop_w, b"x")
        self.thread.join()
        for sock in self.socks.values():
            sock.close()
        for fd in (self.tap, self.stop_r, self.stop_w):
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
