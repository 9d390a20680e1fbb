"""The support table must say what the field tables do."""
import glob
import os
import re

import pytest

from harness.lab import REPO

ROW = re.compile(r'\{"(\w+)",\s*FIELD_\w+,([^{}]*?)\}', re.S)
MEANS = {"FIELD_REFUSED": "refused", "FIELD_NO_EFFECT": "no effect"}


def read(*path):
    with open(os.path.join(REPO, *path), encoding="utf-8") as f:
        return f.read()


def flagged():
    """(file, field, word of the table) for each field that is not executed."""
    for path in sorted(glob.glob(os.path.join(REPO, "ctrl/model/fields_*.c"))):
        for name, rest in ROW.findall(read(path)):
            for flag, word in MEANS.items():
                if flag in rest:
                    yield os.path.basename(path), name, word


def table():
    """(fields, verdict) of each row."""
    rows = (line.split("|") for line in read("docs/istio-support.md").splitlines()
            if line.startswith("| "))
    return [(cells[1], cells[2].strip()) for cells in rows]


def test_flags_are_found():
    assert len(list(flagged())) > 3  # fewer with every field that is executed


@pytest.mark.parametrize("file,name,word", flagged())
def test_support_table_agrees(file, name, word):
    verdicts = {verdict for fields, verdict in table() if re.search(rf"\b{name}\b", fields)}
    assert word in verdicts, f"docs/istio-support.md says {verdicts} of {name} ({file})"


def annotations():
    return re.findall(r'\{"(weir\.io/[\w-]+)"', read("ctrl/model/annotations.c"))


def test_annotations_are_described():
    described = {name for fields, _ in table() for name in re.findall(r"`(weir\.io/[\w-]+)`",
                                                                      fields)}
    assert annotations() and set(annotations()) <= described
