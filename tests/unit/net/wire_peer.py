#!/usr/bin/python3
"""The other end of wire.sh: `ping ADDR` checks echo replies of every size; `tcp FROM ADDR N` sends N
segments and checks what is reflected; `send FROM ADDR N` only sends; `listen SECONDS` checks what
another peer's segments became on their way through. Segment number i carries bytes that follow from i."""
import os
import random
import socket
import struct
import sys
import threading
import time

SIZES = (0, 1, 2, 3, 100, 535, 536, 1459, 1460)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def payload(i):
    rng = random.Random(i)
    return rng.randbytes(rng.choice(SIZES))


def segment(src, dst, i):
    data = payload(i)
    head = struct.pack("!HHIIBBHHH", 10000 + i % 500, 80, i, 0, 0x50, 0x10, 1000, 0, 0)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst)
    pseudo += struct.pack("!BBH", 0, 6, len(head) + len(data))
    return head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:] + data


def ping(dst):
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.settimeout(2)
    for size in (0, 1, 2, 55, 56, 1000, 1471, 1472):
        body = bytes((size + j) & 255 for j in range(size))
        head = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, size)
        packet = head[:2] + struct.pack("!H", checksum(head + body)) + head[4:] + body
        start = time.time()
        sock.sendto(packet, (dst, 0))
        while True:
            reply = sock.recv(4096)[20:]
            if reply[0] == 0 and reply[4:8] == packet[4:8]:
                break
        assert checksum(reply) == 0 and reply[8:] == body, "reply differs"
        print("ping", dst, size, "bytes: %d us" % ((time.time() - start) * 1e6))


class Receiver(threading.Thread):
    """Counts distinct good segments from port 80; ours and resets do not count."""

    def __init__(self, sock, seconds):
        super().__init__()
        self.sock, self.end, self.good, self.bad = sock, time.time() + seconds, set(), 0

    def run(self):
        self.sock.settimeout(0.2)
        while time.time() < self.end:
            try:
                packet = self.sock.recv(4096)
            except socket.timeout:
                continue
            tcp = packet[20:]
            sport, _, seq = struct.unpack("!HHI", tcp[:8])
            if sport != 80 or tcp[13] & 4:
                continue
            pseudo = packet[12:20] + struct.pack("!BBH", 0, 6, len(tcp))
            if checksum(pseudo + tcp) == 0 and tcp[20:] == payload(seq):
                self.good.add(seq)
            else:
                self.bad += 1


def raw_tcp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    return sock


def send(src, dst, count):
    sock = raw_tcp()
    for i in range(count):
        sock.sendto(segment(src, dst, i), (dst, 0))
        if i % 32 == 31:
            time.sleep(0.001)


def report(receiver):
    receiver.join()
    print("intact", len(receiver.good), "damaged", receiver.bad)
    return receiver.bad == 0 and len(receiver.good) > 0


def main():
    verb = sys.argv[1]
    if verb == "ping":
        ping(sys.argv[2])
        return True
    if verb == "listen":
        receiver = Receiver(raw_tcp(), float(sys.argv[2]))
        receiver.start()
        return report(receiver)
    src, dst, count = sys.argv[2], sys.argv[3], int(sys.argv[4])
    if verb == "send":
        send(src, dst, count)
        return True
    receiver = Receiver(raw_tcp(), 1 + count / 4000)
    receiver.start()
    send(src, dst, count)
    return report(receiver)


sys.exit(not main())
