"""A tagged interface made in user space: the kernels at hand have no 802.1Q devices."""
import os
import socket

from .tap import TapThread, packet_socket, tag_of, tagged


class Vlan(TapThread):
    """A TAP in a namespace whose frames pass a cable with a tag."""

    def __init__(self, ns, name, cable, vid, address):
        super().__init__(ns, name)
        self.vid = vid
        with ns.entered():
            self.wire = packet_socket(cable)
        ns.ip("addr", "add", address, "dev", name)
        ns.ip("link", "set", name, "address", "02:00:00:00:05:01", "up")
        ns.ip("link", "set", cable, "promisc", "on")
        self.start(self.wire)

    def from_tap(self, frame):
        self.wire.send(tagged(frame, self.vid))

    def from_socket(self, wire):
        frame, control, _, address = wire.recvmsg(4096, 64)
        tci = tag_of(control)
        if address[2] != socket.PACKET_OUTGOING and tci is not None and tci & 0xFFF == self.vid:
            os.write(self.tap, frame)
