"""Where a point is measured: one wire between the generator and the system under test.

Clients, backends and the system under test are hosts of one link, 198.18.0.0/15: the generator
plays all but one of them. A wire is a memif (shared memory, like a NIC's rings) or a veth; the
veth's near end belongs to weir (AF_XDP) or to the kernel (nginx, haproxy), its far end always to
the generator, through AF_XDP.
"""
import contextlib
import os

from harness import netns, proc

SUT_IP, BACKEND_IP, CLIENTS_IP = "198.18.0.2", "198.19.0.1", "198.18.64.1"
PREFIX = 15
PORT, BACKEND_PORT = 80, 9080
MTU = 1500
PORTS_PER_CLIENT = 50_000  # connections of one client address, at most

# For kernel servers: many connections, quickly opened; none of it leaves their namespace.
SYSCTLS = {"core/somaxconn": "65535", "ipv4/tcp_max_syn_backlog": "65535",
           "ipv4/ip_local_port_range": "1024 65535", "ipv4/tcp_tw_reuse": "1"}


class Memif:
    """Shared memory between two processes; the near one is the server of the socket."""
    path = "memif"

    def __init__(self):
        self.gw = netns.Namespace("bench-memif")
        self.load_ns = self.gw
        self.socket = os.path.join(proc.scratch(), "memif.sock")

    def _device(self, role):
        return f"net_memif,role={role},id=0,socket={self.socket},socket-abstract=no"

    def clear(self):
        """Removes the socket of a server that did not."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)

    @property
    def near(self):
        return self._device("server")

    @property
    def far(self):
        return self._device("client")

    def down(self):
        self.gw.down()


class Veth:
    """A cable between two namespaces. `kernel`: its near end has an address and a TCP stack."""
    path = "veth"

    def __init__(self, kernel):
        role = "kernel" if kernel else "xdp"
        self.gw = netns.Namespace(f"bench-{role}")
        self.load_ns = netns.Namespace(f"bench-{role}-load")
        netns.veth(self.gw, "near", self.load_ns, "far", MTU)
        if kernel:
            self._kernel_end()

    def _kernel_end(self):
        for key, value in SYSCTLS.items():
            self.gw.sysctl(key, value)
        self.gw.ip("addr", "add", f"{SUT_IP}/{PREFIX}", "dev", "near")
        # Big sends are cut into segments at the last moment, as with any NIC. Joining received
        # ones (GRO) only costs here: measured 5 to 15 % slower. Checksums are computed and
        # checked, as weir does.
        self.gw.run("ethtool", "-K", "near", "sg", "on", "gso", "on")

    def receive_on(self, cpu):
        """Where the kernel end's receiving is done: on this core, at the price of an interrupt
        between cores, or (None) on the sender's, as a veth does it."""
        mask = f"{1 << cpu:x}" if cpu is not None else "0"
        self.gw.run("sh", "-c", f"echo {mask} > /sys/class/net/near/queues/rx-0/rps_cpus",
                    check=True)

    def clear(self):
        """A cable keeps nothing."""

    @property
    def near(self):
        return "net_af_xdp,iface=near"

    @property
    def far(self):
        return "net_af_xdp,iface=far"

    def down(self):
        self.load_ns.down()
        self.gw.down()


class Rig:
    """All wires of a run, made as they are first needed. Use as a context manager."""

    def __init__(self):
        proc.raise_limits()
        self._wires = {}

    def _wire(self, key, make):
        if key not in self._wires:
            self._wires[key] = make()
        return self._wires[key]

    def memif(self):
        return self._wire("memif", Memif)

    def veth(self):
        return self._wire("veth", lambda: Veth(kernel=False))

    def kernel_veth(self):
        return self._wire("kernel", lambda: Veth(kernel=True))

    def down(self):
        for wire in self._wires.values():
            wire.down()
        self._wires = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.down()
