"""Times as people write them: "48h", "7d", "90s". Counterparts: `plan_file` and whatever prints a plan."""

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

_TIME = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")


def seconds(text: object) -> float:
    """Seconds of a time such as "48h". Raises ValueError with a sentence for people."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'a time is written like "90s", "15m", "48h" or "7d", not {text!r}')
    return float(found[1]) * UNITS[found[2]]


def shown(value: float) -> str:
    """The shortest such writing: the largest unit that leaves a number with at most one decimal."""
    for unit, size in reversed(UNITS.items()):
        if value >= size and round(value / size, 1) == value / size:
            return f"{value / size:g}{unit}"
    return f"{value:.1f}s"


def ago(age: float) -> str:
    """A time that has passed, in whole units: "2 s ago", "3 min ago"."""
    for unit, size in (("d", UNITS["d"]), ("h", UNITS["h"]), ("min", UNITS["m"])):
        if age >= size:
            return f"{int(age / size)} {unit} ago"
    return f"{int(age)} s ago"
