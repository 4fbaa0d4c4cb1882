"""Who speaks, in rendered text: a label opens each message, and no line inside a message can pass for one.

Counterparts: `conversation_chunker` and `sampling` render with it; `jobs/sources.py` reads rendered chunks back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A label as v1 or v2 writes it, perhaps in bold, and what it can begin with ("ſ" is an "s" to whoever ignores case).
_LABEL = re.compile(r"[ \t*_]*(?:\[[^\]\n]{0,60}\] ?)?(?:user|assistant|tool|system)[ \t*_]*:", re.IGNORECASE)
_BEGINNINGS = frozenset(" \t*_[uUaAtTsSſ")


def without_labels(text: str) -> str:
    """The text with "> " before each further line that looks like a label; unchanged if there is none.

    Lines end where any reader may think so (`str.splitlines`). Most begin with no letter of a label, which is found at
    a fraction of a pattern's cost.
    """
    found = list(_labels(text)) if ":" in text else []
    if not found:
        return text
    ends = [*found[1:], len(text)]
    return text[: found[0]] + "".join(f"> {text[at:end]}" for at, end in zip(found, ends, strict=True))


def _labels(text: str) -> Iterator[int]:
    """Where the lines begin, but for the first, that look like a label."""
    at = 0
    for line in text.splitlines(keepends=True):
        if at and line[0] in _BEGINNINGS and _LABEL.match(text, at):
            yield at
        at += len(line)


def one_line(title: str) -> str:
    """A title that cannot open a line of its own."""
    return " ".join(title.split())
