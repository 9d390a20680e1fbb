"""What is on the other end of a cable, made in user space: a TAP in a namespace, packet sockets,
and a thread that hears both."""
import fcntl
import os
import select
import socket
import struct
import threading

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
MACS = 12  # bytes in front of a tag


def packet_socket(name):
    """On an interface of the namespace that is entered; it tells the tags of frames beside them."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((name, 0))
    return sock


def tag_of(control):
    """The 802.1Q tag that the kernel took out of a frame; None: it had none."""
    for level, kind, data in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, tci, _ = struct.unpack("IIIHHHH", data)
            if status & TP_STATUS_VLAN_VALID:
                return tci
    return None


def tagged(frame, tci):
    return frame[:MACS] + struct.pack("!HH", 0x8100, tci) + frame[MACS:]


class TapThread:
    """Calls from_tap(frame) and from_socket(sock) of whoever inherits it. A context manager."""

    def __init__(self, ns, name):
        with ns.entered():
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self.tap, TUNSETIFF,
                        struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))

    def start(self, *socks):
        self.socks = socks
        self.stop_r, self.stop_w = os.pipe()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while True:
            ready = select.select([self.tap, self.stop_r, *self.socks], [], [])[0]
            if self.stop_r in ready:
                return
            for it in ready:
                if it == self.tap:
                    self.from_tap(os.read(self.tap, 4096))
                else:
                    self.from_socket(it)

    def close(self):
        os.write(self.stop_w, b"x")
        self.thread.join()
        for sock in self.socks:
            sock.close()
        for fd in (self.tap, self.stop_r, self.stop_w):
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
