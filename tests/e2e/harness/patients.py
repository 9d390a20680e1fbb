"""Servers whose health the test decides."""
import socket

from .counting import Counting, response

CHECK = "/healthz"
NOTHING = b""


class Patients(Counting):
    """/healthz is answered with what `health` has for an (ip, port): a status, or NOTHING, for ever;
    200 when it has none. Other paths are answered 200, with the field lines of `fields`."""

    def __init__(self, lab):
        super().__init__(lab)
        self.health, self.fields, self.checks, self.head = {}, {}, {}, {}

    def answer(self, key, path, head):
        if path != CHECK:
            return response(key, 200, self.fields.get(key, b""))
        with self.lock:
            self.checks[key] = self.checks.get(key, 0) + 1
            self.head[key] = head.decode()
        health = self.health.get(key, 200)
        return response(key, health) if isinstance(health, int) else health

    def deafen(self, ip, port):
        """Refuses connections from now on."""
        for sock in [s for s in self.listeners if s.getsockname()[:2] == (ip, port)]:
            self.listeners.remove(sock)
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
