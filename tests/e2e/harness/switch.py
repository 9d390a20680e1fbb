"""A switch made in user space between the TAPs of a bond and a client: the kernels at hand have
neither a bridge that could lose a port nor a bond.

As a real one it sends to where it last heard a MAC address from, and to all ports what it has
not heard of. With `lacp` it is a partner of IEEE 802.1AX on the bond's ports and takes them for
one: a frame for the bond goes to the first port that is in the aggregation.
"""
import os
import socket
import struct

from .tap import TapThread, packet_socket, tag_of, tagged

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
    tci = tag_of(control)
    return frame if tci is None else tagged(frame, tci)


def is_announcement(frame):
    """An ARP request about the sender itself (RFC 5227)."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42]


class Switch(TapThread):
    """Ports: a TAP `client` in one namespace, interfaces `members` of another."""

    def __init__(self, client_ns, client, address, gw_ns, members, lacp=False):
        super().__init__(client_ns, client)
        self.lacp, self.table, self.heard, self.joined = lacp, {}, {}, set()
        self.announced = dict.fromkeys(members, 0)
        client_ns.ip("addr", "add", address, "dev", client)
        client_ns.ip("link", "set", client, "up")
        with gw_ns.entered():
            self.ports = {name: packet_socket(name) for name in members}
        self.names = {sock: name for name, sock in self.ports.items()}
        self.start(*self.names)

    def from_tap(self, frame):
        if self.lacp:
            to = sorted(self.joined)[:1]
        else:
            to = [self.table[frame[:6]]] if frame[:6] in self.table else list(self.ports)
        for name in to:
            self._send(name, frame)

    def _send(self, name, frame):
        try:
            self.ports[name].send(frame)
        except OSError:  # it is down
            self.joined.discard(name)

    def from_socket(self, sock):
        name = self.names[sock]
        try:
            frame, control, _, address = sock.recvmsg(4096, 64)
        except OSError:  # it went down
            return
        if address[2] == socket.PACKET_OUTGOING:
            return
        self.heard[name] = self.heard.get(name, 0) + 1
        if frame[12:14] == SLOW:
            if self.lacp:
                if frame[STATE] & COLLECTING:
                    self.joined.add(name)
                self._send(name, lacp_answer(frame, 1 + sorted(self.ports).index(name)))
            return
        frame = with_tag(frame, control)
        self.table[frame[6:12]] = name
        self.announced[name] += is_announcement(frame)
        os.write(self.tap, frame)
