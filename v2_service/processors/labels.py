"""Who speaks, in rendered text: a label opens each message, and no line inside a message can pass for one.

Counterparts: `conversation_chunker` and `sampling` render with it; `jobs/sources.py` reads rendered chunks back.
"""

from __future__ import annotations

import re

# All that some reader takes for the end of a line, then a label as v1 or v2 writes it, perhaps in bold.
_LABEL_INSIDE = re.compile(
    r"([\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029])"
    r"(?=[ \t*_]*(?:\[[^\]\n]{0,60}\] ?)?(?:user|assistant|tool|system)[ \t*_]*:)",
    re.IGNORECASE,
)


def without_labels(text: str) -> str:
    """The text with "> " before each further line that looks like a label; unchanged if there is none."""
    return _LABEL_INSIDE.sub(r"\1> ", text)


def one_line(title: str) -> str:
    """A title that cannot open a line of its own."""
    return " ".join(title.split())
