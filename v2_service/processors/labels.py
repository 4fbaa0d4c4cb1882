"""Who speaks, in rendered text: a label opens each message, and no line inside a message can pass for one.

Nor for a heading between which material is sent. Letters of other scripts that look like ours are not told apart.

Counterparts: `conversation_chunker` and `sampling` render with it; `jobs/sources.py` reads rendered chunks back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MEMORY_HEADING = "# Memory file"
CHATS_HEADING = "# Chats"
INSTRUCTIONS_HEADING = "## The person's own instructions"


def _wide(word: str) -> str:
    """A pattern for the word in plain or full-width letters."""
    return "".join(f"[{letter}{chr(ord(letter) + 0xFEE0)}]" for letter in word)


# What shows as nothing, or as a gap: blanks of any width, zero-width and direction marks, soft hyphens, emphasis.
_UNSEEN = (
    " \t*_`\xa0\xad\u034f\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
    "\u206a\u206b\u206c\u206d\u206e\u206f\u3000\ufe0e\ufe0f\ufeff"
)
_COLONS = ":\u02d0\ufe13\ufe55\uff1a"
_SPEAKERS = "|".join(map(_wide, ("user", "assistant", "tool", "system")))
_HEADINGS = "|".join(heading.lstrip("# ") for heading in (MEMORY_HEADING, CHATS_HEADING, INSTRUCTIONS_HEADING))
# A label as v1 or v2 writes it or as a reader may take it, or a heading of ours; and what they can begin with ("ſ" is
# an "s" to whoever ignores case).
_LABEL = re.compile(
    rf"[{_UNSEEN}]*(?:(?:\[[^\]\n]{{0,60}}\] ?)?(?:{_SPEAKERS})[{_UNSEEN}]*[{_COLONS}]"
    rf"|\#{{1,6}}[{_UNSEEN}]*(?:{_HEADINGS})\b)",
    re.IGNORECASE,
)
_BEGINNINGS = frozenset(_UNSEEN + "[#uUaAtTsSſ" + "\uff55\uff35\uff41\uff21\uff54\uff34\uff53\uff33")


def without_labels(text: str) -> str:
    """The text with "> " before each further line that looks like a label; unchanged if there is none.

    Lines end where any reader may think so (`str.splitlines`). Most begin with no letter of a label, which is found at
    a fraction of a pattern's cost.
    """
    found = list(_labels(text)) if any(mark in text for mark in (*_COLONS, "#")) else []
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
