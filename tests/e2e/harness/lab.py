"""The place where everything runs: client - gateway - backends.

    client 198.18.0.1 -- ext 198.18.0.2 | gateway | int 198.18.1.2 -- 198.18.1.11 ... backends
            2001:2::1        2001:2::2                  2001:2:0:1::2  2001:2:0:1::11 ...

The gateway's side of the cables has no kernel address: what owns it is the program under test.
With `bad_wire` a fourth namespace sits between client and gateway, and weir-wire in it; the
kernels then speak no IPv6, whose own messages would be counted and lost with the test's.
"""
import os

from . import proc
from .netns import Namespace, SetupError, veth

CLIENT_IP, GW_EXT_IP = "198.18.0.1", "198.18.0.2"
GW_INT_IP = "198.18.1.2"
CLIENT_IP6, GW_EXT_IP6 = "2001:2::1", "2001:2::2"
GW_INT_IP6 = "2001:2:0:1::2"
VIP_RANGE, VIP_RANGE6 = "10.96.0.0/16", "2001:2:0:ff::/64"
MTU = 1500

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))


def built(name, env, *places):
    """A program of the build: from the environment, or the first place that has it."""
    asked = os.environ.get(env)
    if asked:
        return asked
    build = os.environ.get("WEIR_BUILD", os.path.join(REPO, "build"))
    for place in places:
        path = os.path.join(build, place, name)
        if os.path.isfile(path):
            return path
    raise SetupError(f"{name} is not in {build}: ./run build, or set {env}")


def wire_bin():
    return built("weir-wire", "WEIR_WIRE_BIN", "tools")


class Lab:
    """Namespaces and cables. Use as a context manager, or call down()."""

    def __init__(self, label="", bad_wire=False):
        proc.raise_limits()
        prefix = f"{label}-" if label else ""
        self.namespaces = []
        self.wire = None
        try:
            self.client = self._namespace(f"{prefix}client")
            self.gw = self._namespace(f"{prefix}gw")
            self.back = self._namespace(f"{prefix}back")
            self.wire_ns = self._namespace(f"{prefix}wire") if bad_wire else None
            self._cables()
        except Exception:
            self.down()
            raise

    def _namespace(self, role):
        ns = Namespace(role)
        self.namespaces.append(ns)
        return ns

    def _cables(self):
        if self.wire_ns:
            veth(self.client, "c0", self.wire_ns, "w0", MTU)
            veth(self.wire_ns, "w1", self.gw, "ext", MTU)
        else:
            veth(self.client, "c0", self.gw, "ext", MTU)
        veth(self.gw, "int", self.back, "b0", MTU)
        self.client.ip("addr", "add", f"{CLIENT_IP}/24", "dev", "c0")
        self.client.ip("route", "add", VIP_RANGE, "via", GW_EXT_IP)
        self.back.ip("addr", "add", "198.18.1.1/24", "dev", "b0")
        self.back.ip("route", "add", "default", "via", GW_INT_IP)
        if not self.wire_ns:
            self._ipv6(self.client, "c0", CLIENT_IP6, VIP_RANGE6, GW_EXT_IP6)
            self._ipv6(self.back, "b0", "2001:2:0:1::1", "default", GW_INT_IP6)
        for ns in (self.client, self.back):
            ns.sysctl("ipv4/tcp_tw_reuse", "1")
            ns.sysctl("ipv4/ip_local_port_range", "10000 65000")
            ns.sysctl("core/somaxconn", "16384")
            ns.sysctl("ipv4/tcp_max_syn_backlog", "16384")

    @staticmethod
    def _ipv6(ns, dev, address, route, via):
        """An address that counts at once, on an interface that asks for no router."""
        ns.sysctl("ipv6/conf/lo/disable_ipv6", "0")
        for key, value in (("accept_ra", "0"), ("router_solicitations", "0"),
                           ("disable_ipv6", "0")):
            ns.sysctl(f"ipv6/conf/{dev}/{key}", value)
        ns.ip("addr", "add", f"{address}/64", "dev", dev, "nodad")
        ns.ip("-6", "route", "add", route, "via", via)

    def add_backend_ip(self, ip):
        """A host more behind the gateway."""
        if f" {ip}/" not in self.back.ip("addr", "show", "dev", "b0"):
            prefix = (f"{ip}/64", "nodad") if ":" in ip else (f"{ip}/24",)
            self.back.ip("addr", "add", prefix[0], "dev", "b0", *prefix[1:])

    def start_wire(self, *options, first=False):
        """(Re)starts the bad wire between client and gateway."""
        self.stop_wire()
        self.wire = proc.Process("wire", [wire_bin(), *options, "w0", "w1"], ns=self.wire_ns,
                                 first=first)
        proc.wait_until("weir-wire is up", lambda: "ready" in self.wire.log() or
                        not self.wire.running())
        if not self.wire.running():
            raise SetupError(f"weir-wire: {self.wire.log()}")

    def stop_wire(self):
        """Ends the wire and returns the statistics it prints."""
        if not self.wire:
            return ""
        wire, self.wire = self.wire, None
        code, log = wire.stop(), wire.log()
        assert code == 0 and not wire.sanitizer_reports(), f"weir-wire ended with {code}:\n{log}"
        return log

    def down(self):
        try:
            self.stop_wire()
        finally:
            for ns in reversed(self.namespaces):
                ns.down()
            self.namespaces = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.down()
