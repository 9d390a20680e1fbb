"""Prometheus text into numbers."""
import re

LINE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
ESCAPE = {r'\"': '"', r"\\": "\\", r"\n": "\n"}


class Metrics:
    """Samples of one scrape."""

    def __init__(self, text):
        self.samples = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            m = LINE.match(line)
            if not m:
                raise ValueError(f"line {number} is not Prometheus text: {line!r}")
            labels = {k: re.sub(r"\\.", lambda e: ESCAPE.get(e.group(), e.group()), v)
                      for k, v in LABEL.findall(m.group(2) or "")}
            self.samples.append((m.group(1), labels, float(m.group(3))))

    def all(self, name, **labels):
        """The samples of a name whose labels include these."""
        return [(have, value) for n, have, value in self.samples
                if n == name and labels.items() <= have.items()]

    def sum(self, name, **labels):
        return sum(value for _, value in self.all(name, **labels))

    def has(self, name):
        return any(n == name for n, _, _ in self.samples)
