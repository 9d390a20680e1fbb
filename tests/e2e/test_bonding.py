"""An interface of two devices: requests go on when the one that carries them fails."""
import contextlib

import pytest

from harness import bookinfo, proc
from harness.client import Connection, curl
from harness.resources import virtual_service
from harness.switch import Switch
from harness.vlan import Vlan
from harness.weir import Weir, lab_interfaces

HOST = "reviews.example.com"
GW_IP, CLIENT = "203.0.113.2", "203.0.113.1"
VID, GW_IP5, CLIENT5 = 5, "198.51.100.2", "198.51.100.1"
MEMBERS = ("m0", "m1")
BOUND = 3  # seconds, and a member that fails is noticed within milliseconds


class Bond:
    """A gateway whose outer interface is a bond, and the switch it is plugged into."""

    def __init__(self, lab, weir, switch):
        self.lab, self.weir, self.switch = lab, weir, switch

    def set(self, member, state):
        self.lab.gw.ip("link", "set", member, state)

    def changes(self):
        return self.weir.metrics().sum("weir_net_bond_changes_total")

    def up(self, interface="ext"):
        """The devices that can carry, as the metric says."""
        samples = self.weir.metrics().all("weir_net_bond_member_up", interface=interface)
        assert len(samples) == len(MEMBERS)
        return {labels["device"].split("iface=")[1] for labels, value in samples if value}

    def told(self, *members):
        proc.wait_until(f"{members} can carry", lambda: self.up() == set(members), timeout=20)
        assert self.up("ext5") == set(members)  # of the same devices

    def requests(self, n=20, ip=GW_IP):
        for _ in range(n):
            assert curl(self.lab.client, f"http://{ip}/", headers=(f"Host: {HOST}",),
                        timeout=BOUND).status == 200

    def carrier(self):
        """The member that the switch sends to."""
        macs = {name for mac, name in self.switch.table.items() if mac == self.mac()}
        return macs.pop() if macs else None

    def mac(self):
        text = self.lab.client.ip("neigh", "show", GW_IP, "dev", "sw0")
        return bytes.fromhex(text.split("lladdr ")[1].split()[0].replace(":", ""))

    def carried_by(self, member):
        proc.wait_until(f"{member} carries", lambda: self.carrier() == member, timeout=BOUND)


@contextlib.contextmanager
def bonded(lab, start_weir, workers=1, **bond):
    interfaces = lab_interfaces()[1:]
    devices = [f"net_tap{i},iface={name}" for i, name in enumerate(MEMBERS)]
    for more in ({"name": "ext", "addresses": [f"{GW_IP}/24"]},
                 {"name": "ext5", "addresses": [f"{GW_IP5}/24"], "vlan": VID}):
        interfaces.append({"bond": {"devices": devices, **bond}, **more})
    weir = start_weir(lab, bookinfo.registry() + "---\n" + virtual_service(
        "reviews", [HOST], "[{route: [{destination: {host: reviews, subset: v1}}]}]"),
        workers=workers, interfaces=interfaces)
    try:
        with Switch(lab.client, "sw0", f"{CLIENT}/24", lab.gw, MEMBERS,
                    lacp=bond["mode"] == "802.3ad") as switch:
            yield Bond(lab, weir, switch)
        weir.stop()
    finally:
        weir.kill()  # the next one wants its TAPs and its port


@pytest.mark.parametrize("workers", [1, 3])
def test_the_other_member_takes_over(lab, bookinfo_servers, start_weir, workers):
    with bonded(lab, start_weir, workers, mode="active-backup") as it:
        it.requests()
        it.carried_by("m0")
        for gone, left in (("m0", "m1"), ("m1", "m0")):
            before = it.changes()
            it.told(*MEMBERS)
            with Connection(lab.client, GW_IP) as conn:
                assert conn.get("/", HOST).status == 200
                it.set(gone, "down")
                it.carried_by(left)
                assert conn.get("/", HOST).status == 200
            it.told(left)
            it.requests()
            assert it.changes() == before + 1
            it.set(gone, "up")
            it.told(*MEMBERS)
            it.requests()
        # A member that comes back waits for its turn.
        assert it.carrier() == "m0"


def test_a_failover_is_announced(lab, bookinfo_servers, start_weir):
    """By more than what the waiting member had been sent meanwhile, and the start's words."""
    with bonded(lab, start_weir, mode="active-backup") as it:
        it.requests(1)
        # Three, 2 s apart; of which the first may have been before the switch.
        proc.wait_until("the start has been announced", lambda: it.switch.announced["m0"] >= 2,
                        timeout=6)
        assert it.switch.announced["m1"] == 0
        it.set("m0", "down")
        proc.wait_until("m1 announces", lambda: it.switch.announced["m1"] == 1, timeout=1)
        proc.wait_until("m1 repeats it", lambda: it.switch.announced["m1"] == 3, timeout=6)


def test_a_tagged_interface_fails_over(lab, bookinfo_servers, start_weir):
    with bonded(lab, start_weir, mode="active-backup") as it, \
            Vlan(lab.client, "vlan5", "sw0", VID, f"{CLIENT5}/24"):
        it.requests(3, GW_IP5)
        it.set("m0", "down")
        it.requests(3, GW_IP5)
        it.requests(3)


def test_nobody_left(lab, bookinfo_servers, start_weir):
    with bonded(lab, start_weir, mode="active-backup") as it:
        it.requests()
        for member, changes in (("m0", 2), ("m1", 3)):
            it.set(member, "down")
            proc.wait_until(f"{member} is missed", lambda n=changes: it.changes() == n,
                            timeout=BOUND)
        it.told()
        it.set("m1", "up")
        it.carried_by("m1")
        it.told("m1")
        it.requests()


def test_both_members_carry(lab, bookinfo_servers, start_weir):
    with bonded(lab, start_weir, 3, mode="balance", hash="layer34") as it:
        it.requests(40)
        assert all(it.switch.heard[name] > 20 for name in MEMBERS), it.switch.heard
        it.set("m0", "down")
        it.requests()
        it.set("m0", "up")
        it.requests()


def test_lacp(lab, bookinfo_servers, start_weir):
    with bonded(lab, start_weir, mode="802.3ad") as it:
        assert not it.up()  # the links are, and the partner has not agreed
        proc.wait_until("the aggregation carries", it.changes, timeout=20)
        it.requests()
        it.told(*MEMBERS)
        assert it.switch.joined == set(MEMBERS)
        it.set("m0", "down")
        it.told("m1")
        it.requests()
        it.set("m0", "up")
        it.told(*MEMBERS)
        proc.wait_until("m0 is back", lambda: "m0" in it.switch.joined, timeout=20)
        it.requests()


def test_who_cannot_be_a_member(lab):
    it = Weir(lab, interfaces=[{"name": "ext", "bond": {"devices": ["net_ring0", "net_ring1"]}}])
    it.write_config()
    it._start_once()
    assert it.process.popen.wait(20) == 1
    assert "net_ring0 cannot be a member of a bond" in it.process.log()
