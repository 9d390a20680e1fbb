"""Small SVG plots by hand: panels of horizontal bars, and curves over percentiles."""
import math
from xml.sax.saxutils import escape

# Okabe and Ito's palette: apart also for those who see colours differently.
COLOURS = {"weir/memif": "#0072b2", "weir/veth": "#56b4e9", "nginx/veth": "#009e73",
           "haproxy/veth": "#d55e00"}
OTHER = "#888888"
STYLE = ("text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.small{font-size:11px}"
         ".axis{stroke:#222}.grid{stroke:#ddd}.end{text-anchor:end}.mid{text-anchor:middle}")


def colour(label):
    return COLOURS.get(label, OTHER)


def number(value):
    """Three significant digits, with k and M."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def nice_step(top, parts=4):
    """A round step that divides 0..top into about so many parts."""
    raw = top / parts
    size = 10 ** math.floor(math.log10(raw))
    return next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw)


class Svg:
    """Elements as they are drawn."""

    def __init__(self, width, height, title):
        self.width, self.height, self.parts = width, height, [f"<title>{escape(title)}</title>"]

    def text(self, x, y, text, css="", turn=None):
        rotate = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}"{rotate}>'
                          f"{escape(str(text))}</text>")

    def line(self, x1, y1, x2, y2, css="axis"):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{css}"/>')

    def rect(self, x, y, width, height, fill, opacity=1):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
                          f'height="{height:.1f}" fill="{fill}" fill-opacity="{opacity}"/>')

    def path(self, points, stroke, dashed=False):
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{stroke}" '
                          f'stroke-width="2"{dash}/>')

    def render(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                f'height="{self.height}" viewBox="0 0 {self.width} {self.height}">'
                f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
                + "\n".join(self.parts) + "</svg>\n")


# ---- bars ----

LEFT, BAR, GAP, PANEL_WIDTH, VALUE = 92, 18, 6, 400, 70


def _panel(svg, x, y, title, unit, bars):
    """bars: [(label, [parts], low, high)]; parts are stacked, low..high is drawn as a whisker."""
    top = max((max(sum(parts), high or 0) for _, parts, _, high in bars), default=0) or 1
    width = PANEL_WIDTH - LEFT - VALUE
    step, bottom = nice_step(top), y + 24 + len(bars) * (BAR + GAP)
    svg.text(x, y + 12, title, "title")
    svg.text(x + PANEL_WIDTH, y + 12, unit, "small end")
    for i in range(int(top / step + 1e-9) + 1):
        at = x + LEFT + width * i * step / top
        svg.line(at, y + 20, at, bottom, "grid")
        svg.text(at, bottom + 14, number(i * step), "small mid")
    for row, (label, parts, low, high) in enumerate(bars):
        at, left = y + 24 + row * (BAR + GAP), x + LEFT
        svg.text(left - 6, at + 13, label, "small end")
        for i, part in enumerate(parts):
            svg.rect(left, at, width * part / top, BAR, colour(label), 1 if i == 0 else 0.45)
            left += width * max(part, 0) / top
        if low is not None and high is not None and high > low:
            middle = at + BAR / 2
            svg.line(x + LEFT + width * low / top, middle, x + LEFT + width * high / top, middle)
        svg.text(x + LEFT + width * max(sum(parts), high or 0) / top + 5, at + 13,
                 number(sum(parts)), "small")
    svg.line(x + LEFT, y + 20, x + LEFT, bottom)
    return bottom + 34 - y


def panels(title, items, columns=2, footnote=""):
    """items: [(panel title, unit, bars)] -> SVG text; "" for none."""
    if not items:
        return ""
    rows = -(-len(items) // columns)
    tallest = max(24 + len(bars) * (BAR + GAP) + 34 for _, _, bars in items)
    svg = Svg(columns * (PANEL_WIDTH + 20) + 20, 40 + rows * tallest + 24, title)
    svg.text(20, 24, title, "title")
    for i, (name, unit, bars) in enumerate(items):
        _panel(svg, 20 + i % columns * (PANEL_WIDTH + 20), 40 + i // columns * tallest, name,
               unit, bars)
    svg.text(20, svg.height - 10, footnote, "small")
    return svg.render()


# ---- curves over percentiles ----

PERCENTILES = (0, 50, 90, 99, 99.9, 99.99)
WIDTH, HEIGHT, MARGIN = 760, 420, 70


def _depth(share):
    """0, 0.5, 0.9, 0.99 ... -> 0, 0.3, 1, 2 ...: each nine takes the same room."""
    return -math.log10(max(1 - share, 1e-9))


def _curve(histogram, deepest):
    """(depth, microseconds) along the cumulated histogram, as deep as the plot goes."""
    total, seen, points = sum(n for _, n in histogram), 0, []
    for upper, n in histogram:
        before, after = _depth(seen / total), _depth(min((seen + n) / total, 1))
        points += [(before, upper), (min(after, deepest), upper)]
        seen += n
        if after >= deepest:
            break
    return points


def latency(title, curves):
    """curves: [(label, dashed, histogram)] -> SVG text; a histogram is [[us_upper, count]]."""
    if not any(h for _, _, h in curves):
        return ""
    deepest = _depth(PERCENTILES[-1] / 100)
    drawn = [(label, dashed, _curve(h, deepest)) for label, dashed, h in curves if h]
    values = [us for _, _, points in drawn for _, us in points]
    low = 10 ** math.floor(math.log10(max(min(values), 0.1)))
    high = 10 ** math.ceil(math.log10(max(values) * 1.0001))
    svg = Svg(WIDTH + MARGIN + 220, HEIGHT + 2 * MARGIN, title)

    def x(depth):
        return MARGIN + WIDTH * depth / deepest

    def y(us):
        return MARGIN + HEIGHT * (1 - math.log10(us / low) / math.log10(high / low))

    svg.text(MARGIN, 28, title, "title")
    for p in PERCENTILES:
        svg.line(x(_depth(p / 100)), MARGIN, x(_depth(p / 100)), MARGIN + HEIGHT, "grid")
        svg.text(x(_depth(p / 100)), MARGIN + HEIGHT + 18, f"{p:g}%", "mid")
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        svg.line(MARGIN, y(10 ** power), MARGIN + WIDTH, y(10 ** power), "grid")
        svg.text(MARGIN - 8, y(10 ** power) + 4, number(10 ** power), "end")
    svg.text(MARGIN + WIDTH / 2, MARGIN + HEIGHT + 44, "share of requests answered within", "mid")
    svg.text(22, MARGIN + HEIGHT / 2, "microseconds", "mid", turn=-90)
    for i, (label, dashed, points) in enumerate(drawn):
        svg.path([(x(d), y(us)) for d, us in points], colour(label), dashed)
        at = MARGIN + 10 + 20 * i
        svg.path([(MARGIN + WIDTH + 12, at), (MARGIN + WIDTH + 40, at)], colour(label), dashed)
        svg.text(MARGIN + WIDTH + 46, at + 4, label + (" without" if dashed else ""), "small")
    return svg.render()
