"""The runner of the microbenchmarks: its budget names what is measured, its marks are earned."""
import importlib.util
import os

import pytest

from harness.lab import REPO, built


@pytest.fixture(name="run", scope="module")
def _run():
    spec = importlib.util.spec_from_file_location(
        "bench_micro", os.path.join(REPO, "bench", "micro", "run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_part_of_the_budget_is_measured(run):
    lines = [*run.BUDGET.values(), run.TOTAL]
    parts = {part for line in lines for part in line.parts}
    measured = {}
    for name in sorted({part.split("/")[0] for part in parts}):
        measured.update(run.run_program(built(f"bench_{name}", "", "bench/micro"), "--smoke"))
    assert not parts - set(measured)


def test_budget_lines_are_sums(run):
    results = {part: {"cycles_per_op": 10.0} for line in [*run.BUDGET.values(), run.TOTAL]
               for part in line.parts}
    for line in run.BUDGET.values():
        assert run.measured(line, results) == 10 * sum(line.parts.values())
    del results["tcp/ping_pong_64B"]
    assert run.measured(run.BUDGET["tcp"], results) is None
    assert "| 600 | - |" in run.budget_table(results)


def test_the_lines_add_up_to_the_total(run):
    assert sum(line.cycles for line in run.BUDGET.values()) == run.TOTAL.cycles


@pytest.mark.parametrize("old, new, expected", [
    ([100, 101, 102], [103, 104, 103], ""),        # less than it takes
    ([100, 130, 105], [110, 112, 129], ""),        # within the other's spread
    ([100, 101, 102], [110, 111, 112], "slower"),
    ([100, 101, 102], [80, 81, 90], "faster"),
])
def test_marks(run, old, new, expected):
    assert run.mark(old, new) == expected


def test_what_one_tree_lacks_is_a_dash(run):
    assert run.compare_row("a/b", [], [10.0]).split() == ["a/b", "-", "10.0", "-"]
    assert run.compare_row("a/b", [10.0], []).split() == ["a/b", "10.0", "-", "-"]
