"""What `weir --check` says of the objects in a file."""
import re

LINE = r":\d+:\d+: (error|warning): \w+ \S+?/(\S+): (.*) \[(WEIR\d+)\]$"


def said(output, file):
    """{name of the object: [(severity, code, text)]} of the lines about a file."""
    problems = {}
    for line in output.splitlines():
        m = re.search(re.escape(file) + LINE, line)
        if m:
            problems.setdefault(m[2], []).append((m[1], m[4], m[3]))
    return problems


def errors_of(problems, name):
    """The codes of an object's errors."""
    return {code for severity, code, _ in problems.get(name, ()) if severity == "error"}
