"""Two small pictures for a report, as SVG written by hand. Pure; counterparts: `history` and `report`."""

from collections.abc import Sequence
from html import escape
from math import log2

from gateway.rollout.history import History
from gateway.rollout.verdict import Finding

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 172, 16, 32
INK, FAINT, ALARM = "#333", "#ccc", "#b3261e"
COLOURS = ("#1b6ca8", "#d9822b", "#2e7d32", "#7b1fa2", "#795548", "#00838f")


def evidence_plot(history: History) -> str:
    """Evidence of each rule over time: where a line meets 1, its rule fires."""
    points = history.points
    rules = sorted({rule for _, values in points for rule in values})
    begin, end = (points[0][0], points[-1][0]) if points else (0.0, 1.0)
    top = max([1.2, *(min(3.0, value) for _, values in points for value in values.values())])

    def place(at: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * ((at - begin) / max(end - begin, 1e-9))
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value, 0.0), top) / top
        return f"{x:.1f},{y:.1f}"

    lines = [_axes(end - begin), _level(place(begin, 1.0), place(end, 1.0))]
    for number, rule in enumerate(rules):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(place(at, values[rule]) for at, values in points if rule in values)
        lines.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines.append(_text(WIDTH - RIGHT + 12, TOP + 14 + 18 * number, rule, colour))
    return _picture("Evidence of harm by rule; at 1 a rule fires", lines)


def risk_plot(findings: Sequence[Finding]) -> str:
    """How many times as often v2 fails, with its confidence sequence, on a scale of powers of two."""
    shown = [one for one in findings if "times_as_often_low" in one.figures]
    lines = []
    for exponent in range(-3, 5):
        x = _at(2.0**exponent)
        colour = INK if exponent == 0 else FAINT
        lines.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}" stroke="{colour}"/>')
        lines.append(_text(x - 8, HEIGHT - 10, f"{2.0**exponent:g}×", INK))
    for number, one in enumerate(shown):
        y = TOP + 24 + 36 * number
        low, high = one.figures["times_as_often_low"], one.figures["times_as_often_high"]
        colour = ALARM if one.evidence >= 1.0 else COLOURS[0]
        lines.append(f'<line x1="{_at(low)}" y1="{y}" x2="{_at(high)}" y2="{y}" stroke="{colour}" stroke-width="6"/>')
        lines.append(_text(WIDTH - RIGHT + 12, y + 4, one.rule, colour))
    return _picture("Failures on v2 as a multiple of legacy's, 95 % confidence sequence", lines)


def _at(times: float) -> float:
    share = (min(max(log2(max(times, 1e-9)), -3.0), 4.0) + 3.0) / 7.0
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)


def _axes(seconds: float) -> str:
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    hours = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
    return (
        f'<line x1="{LEFT}" y1="{floor}" x2="{right}" y2="{floor}" stroke="{INK}"/>'
        f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{floor}" stroke="{INK}"/>'
        + _text(LEFT, HEIGHT - 10, "0", INK)
        + _text(right - 40, HEIGHT - 10, hours, INK)
    )


def _level(begin: str, end: str) -> str:
    (x1, y1), (x2, y2) = begin.split(","), end.split(",")
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{ALARM}" stroke-dasharray="4 3"/>'
    return line + _text(18, float(y1) + 4, "1", ALARM)


def _text(x: float, y: float, text: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(text)}</text>'


def _picture(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )
