"""Both ends of bulk transfers over HTTP, as a program: what is measured is what arrives.

    bulk.py serve IP PORT                     GET: bytes without end; POST: takes them for the
                                              seconds that the head says, and says how many came
    bulk.py pull|push IP PORT FLOWS SECONDS   so many at once, for so long; pull says how many came

BULK_CONGESTION in the environment names the kernel's controller.
"""
import os
import re
import socket
import struct
import sys
import threading
import time

BLOCK = bytes(1 << 18)
ENDLESS = 1 << 50
CONNECT_S = 20
GRACE_S = 2  # what is late may still be counted
HOST = "bulk.example.com"


def congestion(sock):
    name = os.environ.get("BULK_CONGESTION")
    if name:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


def read_head(sock):
    """The head, without what followed it, and the number of bytes that did."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("closed within the head")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, len(rest)


def count(sock, until=None):
    """Bytes that arrive until the end, a reset or a time."""
    n, block = 0, bytearray(1 << 18)
    while until is None or time.monotonic() < until:
        if until is not None:
            sock.settimeout(max(until - time.monotonic(), 0.001))
        try:
            got = sock.recv_into(block)
        except OSError:
            break
        if not got:
            break
        n += got
    return n


def pour(sock, until=None):
    """Sends without end."""
    try:
        while until is None or time.monotonic() < until:
            if until is not None:
                sock.settimeout(max(until - time.monotonic(), 0.001))
            sock.send(BLOCK)
    except OSError:
        pass


def drop(sock):
    """Ends at once: what is still under way does not matter."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def answer(sock):
    try:
        head, begun = read_head(sock)
        if head.startswith(b"GET"):
            sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n".encode())
            pour(sock)
        else:
            seconds = float(re.search(rb"\r\nBulk-Seconds: (\S+)", head, re.I).group(1))
            total = begun + count(sock, time.monotonic() + seconds)
            os.write(1, f"{total}\n".encode())  # in one piece: others write, too
    except OSError:
        pass
    finally:
        sock.close()


def serve(ip, port):
    listener = socket.create_server((ip, port), backlog=64)
    congestion(listener)
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def flow(role, address, seconds, start, totals):
    with socket.create_connection(address, timeout=CONNECT_S) as sock:
        congestion(sock)
        start.wait()
        until = time.monotonic() + seconds
        if role == "pull":
            sock.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            totals.append(count(sock, until))
        else:
            sock.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\n"
                         f"Bulk-Seconds: {seconds}\r\n"
                         f"Content-Length: {ENDLESS}\r\n\r\n".encode())
            pour(sock, until + GRACE_S)
        drop(sock)


def client(role, ip, port, flows, seconds):
    start, totals = threading.Barrier(flows), []
    threads = [threading.Thread(target=flow, args=(role, (ip, port), seconds, start, totals))
               for _ in range(flows)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(sum(totals), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        client(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
