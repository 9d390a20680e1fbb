"""A tagged interface made in user space: the kernels at hand have no 802.1Q devices."""
import fcntl
import os
import select
import socket
import struct
import threading

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
MACS = 12


class Vlan:
    """A TAP in a namespace whose frames pass a cable with a tag. Use as a context manager."""

    def __init__(self, ns, name, cable, vid, address):
        self.tag = struct.pack("!HH", 0x8100, vid)
        self.vid = vid
        with ns.entered():
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self.tap, TUNSETIFF,
                        struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.wire.bind((cable, 0))
        ns.ip("addr", "add", address, "dev", name)
        ns.ip("link", "set", name, "address", "02:00:00:00:05:01", "up")
        ns.ip("link", "set", cable, "promisc", "on")
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while True:
            ready = select.select([self.tap, self.wire, self.stop_r], [], [])[0]
            if self.stop_r in ready:
                return
            if self.tap in ready:
                frame = os.read(self.tap, 4096)
                self.wire.send(frame[:MACS] + self.tag + frame[MACS:])
            if self.wire in ready:
                self._receive()

    def _receive(self):
        """The kernel takes the tag out of the frame and tells it beside."""
        frame, control, _, address = self.wire.recvmsg(4096, 64)
        if address[2] == socket.PACKET_OUTGOING:
            return
        for level, kind, data in control:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, *_, tci, _ = struct.unpack("IIIHHHH", data)
            if status & TP_STATUS_VLAN_VALID and tci & 0xFFF == self.vid:
                os.write(self.tap, frame)

    def close(self):
        os.write(self.stop_w, b"x")
        self.thread.join()
        self.wire.close()
        for fd in (self.tap, self.stop_r, self.stop_w):
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
