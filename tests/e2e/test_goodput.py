"""Over a bad wire weir carries about as much as Linux does, and never stops."""
import pytest

from harness.goodput import WAYS, Cell, Path

CELLS = [Cell(rtt=10, loss=1, seconds=3), Cell(rtt=10, reorder=5, rate=100, seconds=2),
         Cell(rtt=10, duplicate=1, rate=100, seconds=2), Cell(rtt=40, loss=5, seconds=3)]
# The machine of a test run is shared and a run is short: this finds what is broken, the table in
# docs/tcp.md what is slow.
LEAST = 0.6


@pytest.fixture(scope="module")
def measured():
    with Path("goodput") as path:
        return {system: path.measure(system, CELLS) for system in ("linux", "weir")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_beside_linux(measured, cell, way):
    linux, weir = measured["linux"][cell, way], measured["weir"][cell, way]
    assert weir >= LEAST * linux, f"{weir:.1f} Mbit/s, Linux makes {linux:.1f}"
