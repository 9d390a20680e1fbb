"""Bad input: a sentence that says what to do, the documented exit code, no effect on traffic."""
import os
import shutil
import time

import pytest
import yaml

from harness import bookinfo, proc
from harness.client import tally
from harness.resources import virtual_service
from harness.weir import Weir, weir_bin

HOST = "reviews.example.com"
GOOD = virtual_service("reviews", [HOST],
                       "[{route: [{destination: {host: reviews, subset: v1}}]}]")


@pytest.fixture
def files(lab):
    """A gateway that was never started: configuration and resources only."""
    it = Weir(lab, bookinfo.registry() + "---\n" + GOOD, name="files")
    it.write_config()
    yield it
    shutil.rmtree(it.dir)


def run(weir, *options, timeout=20):
    return weir.lab.gw.run(weir_bin(), "-c", weir.config_path, *options, timeout=timeout)


def test_check_accepts(files):
    done = run(files, "--check")
    assert done.returncode == 0, done.stdout


NODE = [  # name, change to the node configuration, what the message has
    ("unknown-key", lambda c: c["dataplane"].update(wrokers=2), ["wrokers", "workers"]),
    ("unknown-section", lambda c: c.update(interface=[]), ["interface", "interfaces"]),
    ("wrong-type", lambda c: c["dataplane"].update(workers="many"), ["workers", "many"]),
    ("wrong-size", lambda c: c["dataplane"].update(memory="lots"), ["memory", "lots"]),
    ("wrong-enum", lambda c: c["dataplane"].update(idle="lazy"), ["lazy", "adaptive"]),
    ("wrong-address", lambda c: c["interfaces"][0].update(addresses=["198.18.0.300/24"]),
     ["198.18.0.300"]),
    ("wrong-duration", lambda c: c["drain"].update(timeout="30"), ["timeout", "30"]),
    ("list-for-map", lambda c: c.update(node=["gw"]), ["node"]),
]


@pytest.mark.parametrize("change,words", [case[1:] for case in NODE], ids=[c[0] for c in NODE])
@pytest.mark.parametrize("options", [[], ["--check"]], ids=["start", "check"])
def test_node_configuration(files, change, words, options):
    config = yaml.safe_load(yaml.safe_dump(files.node))
    change(config)
    files.write_config(yaml.safe_dump(config))
    done = run(files, *options)
    # A check reports problems with 1, a start that cannot be with 2.
    assert done.returncode == (1 if options else 2), done.stdout
    line = next(text for text in done.stdout.splitlines() if files.config_path in text)
    place = line.split(files.config_path + ":", 1)[1].split(":")
    assert place[0].isdigit() and place[1].isdigit(), line
    assert all(word in done.stdout for word in words), done.stdout


def test_every_problem_is_reported(files):
    config = dict(files.node, dataplane={"wrokers": 2, "idle": "lazy"}, admni={})
    files.write_config(yaml.safe_dump(config))
    out = run(files, "--check").stdout
    assert all(word in out for word in ("wrokers", "lazy", "admni")), out


def test_missing_configuration(lab):
    done = lab.gw.run(weir_bin(), "-c", "/nowhere/weir.yaml", timeout=20)
    assert done.returncode == 2 and "/nowhere/weir.yaml" in done.stdout


def test_bad_usage(lab):
    done = lab.gw.run(weir_bin(), "--nonsense", timeout=20)
    assert done.returncode == 2 and "nonsense" in done.stdout


def test_device_that_cannot_be_opened(files):
    files.node["interfaces"][0]["device"] = "net_af_packet,iface=nope0"
    files.write_config()
    done = run(files)
    assert done.returncode not in (0, None) and done.returncode > 0
    assert "nope0" in done.stdout and "ext" in done.stdout, done.stdout


BROKEN = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: broken, namespace: default}
spec:
  hosts: [broken.example.com]
  gateways: [public]
  http:
"""
RESOURCES = [  # name, file, words of the message, line of the problem
    ("unknown-field", BROKEN + "  - rout: [{destination: {host: reviews}}]\n", ["rout"], 8),
    ("wrong-type", BROKEN + "  - route: [{destination: {host: reviews}, weight: heavy}]\n",
     ["weight", "heavy"], 8),
    ("no-route", BROKEN + "  - match: [{uri: {exact: /x}}]\n", ["route"], 8),
    ("bad-regex", BROKEN + "  - match: [{uri: {regex: '(['}}]\n"
     "    route: [{destination: {host: reviews}}]\n", ["regex"], 8),
    ("cut-in-half", (BROKEN + "  - route: [{destination: {host: reviews}}]\n")[:-16], [], None),
    ("not-yaml", "kind: [VirtualService\n", [], None),
]
PARAMS = pytest.mark.parametrize("text,words,line", [case[1:] for case in RESOURCES],
                                 ids=[case[0] for case in RESOURCES])


@PARAMS
def test_check_finds_resource_problems(files, text, words, line):
    path = files.write("broken.yaml", text)
    done = run(files, "--check")
    assert done.returncode == 1, done.stdout
    assert f"{path}:{line or ''}" in done.stdout, done.stdout
    assert all(word in done.stdout for word in words), done.stdout


def test_destination_that_does_not_exist_is_a_warning(files):
    path = files.write("nowhere.yaml", virtual_service(
        "nowhere", ["nowhere.example.com"], "[{route: [{destination: {host: nothing}}]}]"))
    done = run(files, "--check")
    assert done.returncode == 0
    assert path in done.stdout and "nothing" in done.stdout, done.stdout


@pytest.fixture(scope="module")
def running(lab, bookinfo_servers, start_weir):
    return start_weir(lab, bookinfo.registry() + "---\n" + GOOD)


@pytest.fixture
def weir(running):
    yield running
    running.tidy()


def serves(lab):
    return set(tally(lab.client, 50, HOST)) == {(200, "reviews-v1")}


@PARAMS
def test_running_gateway_keeps_the_last_good(lab, weir, text, words, line):
    generation, said = weir.generation(), len(weir.log())
    path = weir.write("broken.yaml", text)
    proc.wait_until("the problem is reported", lambda: path in weir.log()[said:])
    report = weir.log()[said:]
    assert all(word in report for word in words), report
    assert serves(lab) and weir.ready()
    assert weir.generation() == generation
    weir.remove("broken.yaml")
    # What follows is taken again.
    weir.apply("probe.yaml", virtual_service("probe", [f"p{time.monotonic_ns()}.example.com"],
                                             "[{route: [{destination: {host: ratings}}]}]"))
    assert serves(lab)


def test_file_written_slowly(lab, weir):
    """What is half there is not an instruction; what is whole is."""
    text = virtual_service("typed", ["typed.example.com"],
                           "[{route: [{destination: {host: ratings}}]}]")
    with open(os.path.join(weir.resources_dir, "typed.yaml"), "w", encoding="utf-8") as f:
        for at in range(0, len(text), 40):
            f.write(text[at:at + 40])
            f.flush()
            time.sleep(0.02)
            assert serves(lab)
    proc.wait_until("the file counts",
                    lambda: set(tally(lab.client, 1, "typed.example.com")) == {(200, "ratings-v1")})


def test_directory_that_vanishes(lab, weir):
    generation, said = weir.generation(), len(weir.log())
    moved = weir.resources_dir + ".moved"
    os.rename(weir.resources_dir, moved)
    try:
        proc.wait_until("its absence is reported",
                        lambda: weir.resources_dir in weir.log()[said:])
        time.sleep(0.5)
        assert serves(lab) and weir.generation() == generation
    finally:
        os.rename(moved, weir.resources_dir)
    weir.apply("back.yaml", virtual_service("back", ["back.example.com"],
                                            "[{route: [{destination: {host: ratings}}]}]"))
    assert set(tally(lab.client, 1, "back.example.com")) == {(200, "ratings-v1")}
    assert serves(lab)


def test_deleted_resource_is_gone(lab, weir):
    weir.apply("gone.yaml", virtual_service("gone", ["gone.example.com"],
                                            "[{route: [{destination: {host: ratings}}]}]"))
    assert set(tally(lab.client, 1, "gone.example.com")) == {(200, "ratings-v1")}
    weir.withdraw("gone.yaml")
    assert set(tally(lab.client, 1, "gone.example.com")) == {(404, None)}
