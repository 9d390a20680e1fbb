"""B149 of istio/behaviours.md: the Host of a copy, as it is today and as it was in Istio 0.8."""
import pytest

from harness import proc
from harness.client import curl
from harness.lab import GW_EXT_IP
from harness.origin import Origin, fields, ok
from harness.resources import documents, gateway, service, virtual_service, workload

PRIMARY_IP, SHADOW_IP, PORT = "198.18.1.63", "198.18.1.64", 8080
SUFFIX = {"current": "", "0.8": "-shadow"}


class Kept(Origin):
    """Keeps the Host of every request."""

    def __init__(self, lab, ip):
        self.hosts = []
        super().__init__(lab, ip, PORT, self.keep)

    def keep(self, peer, head):
        self.hosts += [value for name, value in fields(head) if name == "host"]
        peer.send(ok())


@pytest.fixture(scope="module")
def origins(lab):
    both = [Kept(lab, ip) for ip in (PRIMARY_IP, SHADOW_IP)]
    yield both
    for origin in both:
        origin.close()


@pytest.fixture(scope="module", params=[(era, n) for era in SUFFIX for n in (1, 4)],
                ids=lambda p: f"{p[0]}-{p[1]}-workers")
def weir(lab, origins, start_weir, request):
    era, workers = request.param
    it = start_weir(lab, documents(
        gateway(), service("primary", PORT), workload("primary", "v1", PRIMARY_IP),
        service("copies", PORT), workload("copies", "v1", SHADOW_IP),
        virtual_service("x", ["x.test"], "[{route: [{destination: {host: primary}}], "
                        "mirror: {host: copies}}]")),
        workers=workers, mesh={"compatibility": era})
    it.suffix = SUFFIX[era]
    yield it
    it.stop()


@pytest.mark.parametrize("port", ["", ":8080"], ids=["name", "name and port"])
def test_b149_host_of_the_copy(lab, weir, origins, port):
    primary, shadow = origins
    primary.hosts.clear()
    shadow.hosts.clear()
    answer = curl(lab.client, f"http://{GW_EXT_IP}/", headers=[f"Host: x.test{port}"])
    assert answer.status == 200
    proc.wait_until("the copy has come", lambda: shadow.hosts)
    assert primary.hosts == [f"x.test{port}"]
    assert shadow.hosts == [f"x.test{weir.suffix}{port}"]
