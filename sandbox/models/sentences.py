"""Cuts a passage into sentences with their places, in linear time; a very long sentence is cut at a bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_SENTENCE = 400

# A dot ends a sentence only before space: "v1.2", "e.g." inside a word and URLs stay whole.
_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|[。！？]+|\n+")
_INITIALS = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|etc|approx|No)|\b[A-Z]|\be\.g|\bi\.e)\.$")
_LEAD = re.compile(r"[\s>*#•–-]*(?:\[[^\]\n]{1,200}\]\s*){0,2}[\s>*#•–-]*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and its place in the material; `text` has the same length as the place, with plain apostrophes."""

    text: str
    start: int
    question: bool

    @property
    def end(self) -> int:
        """The place behind its last character."""
        return self.start + len(self.text)


def sentences(text: str, start: int, end: int) -> Iterator[Sentence]:
    """The sentences of text[start:end], in order, without leading list marks and quote signs."""
    begin = start
    for match in _END.finditer(text, start, end):
        mark = match.group()
        if mark == "." and _INITIALS.search(text, max(begin, match.end() - 8), match.end()):
            continue
        yield from _bounded(text, begin, match.end())
        begin = match.end()
    yield from _bounded(text, begin, end)


def _bounded(text: str, start: int, end: int) -> Iterator[Sentence]:
    lead = _LEAD.match(text, start, end)
    start = lead.end() if lead else start
    while start < end:
        stop = min(end, start + LONGEST_SENTENCE)
        piece = text[start:stop].rstrip()
        if piece:
            yield Sentence(piece.replace("’", "'").replace("‘", "'"), start, piece.endswith(("?", "？")))
        start = stop
