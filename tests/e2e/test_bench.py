"""The benchmark runner: one second of every system through its real code path, and its report."""
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from harness import hugepages, netns, proc
from harness.lab import REPO

BENCH = os.path.join(REPO, "bench", "e2e")
sys.path.insert(0, BENCH)

import figures  # noqa: E402
import plot  # noqa: E402
import probes  # noqa: E402
import reach  # noqa: E402
import report  # noqa: E402
import results as found  # noqa: E402
import routes  # noqa: E402
import tables  # noqa: E402

SYSTEMS = {("weir", "memif"), ("weir", "veth"), ("nginx", "veth"), ("haproxy", "veth")}
ABOUT = {"cpus": 2, "cpu": "a CPU", "tsc_hz": 2.5e9, "memory_gib": 4, "kernel": "6", "dpdk": "22",
         "load_average": 0, "nginx": "1", "haproxy": "2", "revision": "abc", "sut_cpu": 0,
         "load_cpu": 1,
         "hugepages_mib": 0, "rounds": 2, "seconds": 1, "steal_s": 0, "elapsed_s": 60}
SANITIZED = "ASAN_OPTIONS" in os.environ  # its runtime must be the first library: no LD_PRELOAD


def run_bench(out, *argv):
    """./run bench without the build; (exit code, what it printed)."""
    options = ["--no-allocations"] if SANITIZED else []
    env = {**os.environ, "PYTHONPATH": os.path.join(REPO, "tests", "e2e")}
    done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, "run.py"), *argv, *options,
                           "--out", str(out)], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120 * proc.PATIENCE)
    return done.returncode, done.stdout


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two CPUs are needed")
@pytest.mark.slow
def test_a_second_of_each_system(tmp_path):
    code, text = run_bench(tmp_path, "keepalive-64", "--quick", "--seconds", "1")
    assert code == 0, text
    entries = json.loads((tmp_path / "report.json").read_text())
    assert {(e["sut"], e["path"]) for e in entries} == SYSTEMS
    for e in entries:
        assert set(found.CONTRACT) <= set(e)
        assert e["workload"] == "keepalive-64" and e["wrong"] == 0, text
        assert e["rps"] > 100 and e["gbps"] > 0 and e["busy_cycles_per_request"] > 100
        assert 0 < e["p50_us"] <= e["p99_us"] <= e["p999_us"]
        assert SANITIZED or e["allocations_per_request"] is not None
    assert "## Throughput" in (tmp_path / "report.md").read_text()
    ET.parse(tmp_path / "throughput.svg")
    assert not [name for name in netns.leftovers() if "bench" in name]


def test_hugepages_are_given_back(tmp_path, monkeypatch):
    """Also when another run has borrowed meanwhile."""
    count = tmp_path / "nr_hugepages"
    count.write_text("10")
    monkeypatch.setattr(hugepages, "COUNT", str(count))
    with hugepages.borrowed(8) as mib:
        assert mib == 8 and count.read_text() == "14"
        count.write_text("20")
    assert count.read_text() == "16"


def sample(**figures_of_it):
    return {"rps": 1000.0, "gbps": 1.0, "p50_us": 10, "p99_us": 20, "p999_us": 30, "wrong": 0,
            "histogram": [[10, 50], [20, 49], [30, 1]], **figures_of_it}


class Fake:
    def __init__(self, name, path):
        self.name, self.path = name, path


def some_results():
    """Two rounds of the four systems, latency and idle connections of weir."""
    it = found.Results()
    for number in (0, 1):
        for sut, path, rps in (("weir", "memif", 700_000), ("weir", "veth", 90_000),
                               ("nginx", "veth", 40_000), ("haproxy", "veth", 30_000)):
            it.add("keepalive-64", Fake(sut, path), sample(
                rps=rps * (1 + number), one_core_rps=rps, busy_cycles_per_request=1e9 / rps,
                foreign_receive_cycles=10, receive_cycles_elsewhere=20), number)
    memif = Fake("weir", "memif")
    it.add("latency-50", memif, {**sample(added_p99_us=700.0, added_window_p99_us=12.5), "rate": 350_000, "direct": sample()})
    it.add("idle-1m", memif, {
        "connections": 1_000_000, "held": 1_000_000, "served_again": 1_000_000, "lost": 0,
        "ramp_seconds": 9.0, "wrong": 0, "bytes_per_connection": 900.0,
        "process_bytes_per_connection": 890.0, "kernel_bytes_per_connection": 10.0})
    it.attach("idle-1m", Fake("nginx", "veth"), notes={"bytes_per_connection": "it is too much"})
    return it


def test_medians_and_ratios():
    it = some_results()
    entry = it.entry("keepalive-64", "weir", "memif")
    assert entry["rps"] == 1_050_000 and entry["rps_rounds"] == [700_000, 1_400_000]
    assert it.ratios("keepalive-64", "memif") == [17.5, 17.5]
    missing = it.entry("idle-1m", "nginx", "veth")
    assert missing["rps"] is None and set(found.CONTRACT) <= set(missing)


def test_mirrors_are_compared_within_a_round():
    it, veth = found.Results(), Fake("weir", "veth")
    for number, (alone, mirrored) in enumerate(((1000.0, 900.0), (2000.0, 1000.0))):
        it.add("mirror-none", veth, sample(rps=alone), number)
        it.add("mirror-slow", veth, sample(rps=mirrored, fifth_p99_us=30), number)
    assert it.shares("mirror-slow", "mirror-none", ("weir", "veth"), "rps") == [0.9, 0.5]
    assert it.shares("mirror-slow", "mirror-none", ("weir", "veth"), "fifth_p99_us") == []
    text = tables.mirrors(it)
    assert "70.0% (50% to 90%)" in text and "| none | veth |" in text


def test_reach_says_what_was_met(tmp_path):
    micro = tmp_path / "micro.json"
    micro.write_text(json.dumps([
        {"bench": "route", "case": "exact_10_last", "ns_per_op": 60},
        {"bench": "route", "case": "exact_100000_last", "ns_per_op": 90},
        {"bench": "route", "case": "mixed_10_miss", "ns_per_op": 100},
        {"bench": "route", "case": "mixed_100000_miss", "ns_per_op": 210}]))
    generator = {"net_ring": {"rps": 2e6}}
    lines = {x.what: x.met for x in reach.lines(some_results(), generator, str(micro))}
    assert lines["keepalive-64 over memif"] and lines["p99 latency added at 50% load, memif"]
    assert lines["keepalive-64 over veth"] is False
    assert lines["memory per idle keep-alive connection"]
    assert lines["relay-1m over memif"] is None
    assert lines["route match, 10 -> 100,000 routes"] is False
    assert lines["the generator against its own backend, one core"] is False


def test_report_is_written(tmp_path):
    text = report.write(str(tmp_path), some_results(), {}, ABOUT, "/nonexistent")
    assert "it is too much" in text and "900" in text and "](latency.svg)" in text
    assert "## Whose core receives" in text
    assert len(json.loads((tmp_path / "report.json").read_text())) == 7
    for name in figures.ALL:
        ET.parse(tmp_path / name)


def test_plot_steps_are_round():
    assert [plot.nice_step(x) for x in (1, 90_000, 23)] == [0.25, 25_000, 10]
    assert [plot.number(x) for x in (0.25, 12_500, 3_000_000)] == ["0.25", "12.5k", "3M"]


def test_perf_output():
    assert probes.parse_perf("1234,,instructions,5,100.00,,\n") == 1234
    assert probes.parse_perf("<not supported>,,instructions,0,100.00,,\n") is None


def test_routes_are_told_apart():
    every = [path for kind in ("exact", "prefix", "regex", "header")
             for path in routes.of_kind(kind, 1000)]
    assert len(every) == len(set(every)) == 1000
    assert routes.PATH.replace("%n", "0") in every
