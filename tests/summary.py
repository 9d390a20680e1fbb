"""One line for several JUnit reports: `N passed, N failed`. Exits 1 for a failure, or no report."""
import sys
import xml.etree.ElementTree as ET


def count(path):
    """(passed, failed, skipped) of one report."""
    passed = failed = skipped = 0
    for case in ET.parse(path).iter("testcase"):
        outcome = {child.tag for child in case}
        if outcome & {"failure", "error"}:
            failed += 1
        elif "skipped" in outcome:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(paths):
    totals = [0, 0, 0]
    for path in paths:
        try:
            totals = [a + b for a, b in zip(totals, count(path))]
        except (OSError, ET.ParseError) as problem:
            print(f"no report of the tests: {problem}")
            totals[1] += 1
    passed, failed, skipped = totals
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
