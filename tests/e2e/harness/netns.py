"""Network namespaces and veth pairs that do not outlive the run that made them.

Namespaces are called weir-<pid>-<role>, so that a later run (or `python3 -m harness.reap`) can
tell what a killed one left behind.
"""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time

NETNS_DIR = "/run/netns"
ETC_DIR = "/etc/netns"  # what is here shadows /etc for programs run inside
CLONE_NEWNET = 0x40000000
OWNED = re.compile(r"^weir-(\d+)-")
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro")

_libc = ctypes.CDLL(None, use_errno=True)


class SetupError(Exception):
    """A command of the set-up failed; the message has its output."""


def sh(*argv):
    """Runs a command of the set-up and returns its output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SetupError(f"{' '.join(argv)}: {done.stdout.strip()}")
    return done.stdout


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))


class Namespace:
    """One network namespace; `down()` ends what runs in it and removes it."""

    def __init__(self, role):
        self.name = f"weir-{os.getpid()}-{role}"
        sh("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        # A new namespace inherits the host's forwarding: here only the gateway forwards.
        # IPv6 is off where nobody turns it on, so that nothing but the test speaks on the wire.
        for key, value in (("ipv4/ip_forward", "0"), ("ipv6/conf/default/disable_ipv6", "1"),
                           ("ipv6/conf/all/disable_ipv6", "1")):
            self.sysctl(key, value)

    def ip(self, *argv):
        return sh("ip", "-n", self.name, *argv)

    def sysctl(self, key, value):
        with self.entered(), contextlib.suppress(FileNotFoundError):
            with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as f:
                f.write(value)

    def hosts(self, names):
        """Names that programs inside can use: {name: address}."""
        folder = os.path.join(ETC_DIR, self.name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "hosts"), "w", encoding="ascii") as f:
            f.write("127.0.0.1 localhost\n")
            f.writelines(f"{address} {name}\n" for name, address in names.items())

    def exec_argv(self, argv):
        """argv as run inside; `ip` execs it, so the pid is the program's own."""
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, *argv, timeout=60, **kw):
        """Runs a program inside to its end."""
        return subprocess.run(self.exec_argv(argv), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, **kw)

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside; sockets made here stay inside afterwards."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"{NETNS_DIR}/{self.name}", os.O_RDONLY)
        try:
            _setns(there)
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(there)
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        with self.entered():
            return socket.socket(family, kind, proto)

    def down(self):
        remove(self.name)


def family_of(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def veth(a, a_if, b, b_if, mtu=1500):
    """Joins two namespaces by a cable without offloads: what is sent is what arrives."""
    sh("ip", "link", "add", a_if, "netns", a.name, "mtu", str(mtu),
       "type", "veth", "peer", "name", b_if, "netns", b.name, "mtu", str(mtu))
    for ns, dev in ((a, a_if), (b, b_if)):
        off = [word for name in OFFLOADS for word in (name, "off")]
        ns.run("ethtool", "-K", dev, *off)
        ns.ip("link", "set", dev, "up")


def remove(name):
    """Ends every process of a namespace, then the namespace."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        pids = subprocess.run(["ip", "netns", "pids", name], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout.split()
        for pid in map(int, pids):
            # Our own thread may be passing through.
            if pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)
        if not pids:
            break
        time.sleep(0.2)
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    shutil.rmtree(os.path.join(ETC_DIR, name), ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(ETC_DIR)


def alive(pid):
    """Does it run? A zombie that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def leftovers():
    """Namespaces whose maker is dead."""
    names = os.listdir(NETNS_DIR) if os.path.isdir(NETNS_DIR) else []
    owned = ((name, OWNED.match(name)) for name in names)
    return [name for name, m in owned if m and not alive(m.group(1))]
