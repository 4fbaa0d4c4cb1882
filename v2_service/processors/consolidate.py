"""Merges the facts of all chunks, and of earlier imports, into one set: linear, order-independent for dated facts.

Two facts are about the same thing when their keys are equal. Then the later statement wins, older details are kept as
notes, and the sources of both stay. A statement that only repeats an earlier one adds its source and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from v2_service.processors.facts import Category, Fact, Facts, FactSource

MAX_NOTES = 50
MAX_SOURCES = 100
_UNDATED = datetime.min.replace(tzinfo=UTC)

_WORD = re.compile(r"\w+")
_ARTICLES = frozenset({"the", "a", "an", "my", "our", "his", "her", "their", "user", "users", "i"})
# Words that turn a statement round or date it. Without them "likes tea" and "no longer likes tea" have one key.
_TURNS = frozenset(
    [
        *("not", "no", "never", "longer", "anymore", "any", "more", "now", "still", "currently", "actually", "really"),
        *("always", "do", "does", "did", "don", "doesn", "didn", "t", "s", "used", "to", "stopped", "stop", "started"),
        *("start", "have", "has", "is", "are", "was", "were", "be", "been"),
    ]
)
_VALUE_OF = re.compile(r"^(?P<what>.*\bfavou?rite\b.*?)(?:\s+(?:is|are|was|were)|:)\s+", re.IGNORECASE)


@dataclass(slots=True)
class _Merged:
    """One fact while it grows."""

    category: Category
    subject: str
    detail: str
    said: datetime
    notes: dict[str, None]
    sources: dict[tuple[str, datetime | None], FactSource]
    superseded: int = 0
    dropped: int = 0

    def add(self, fact: Fact) -> None:
        said = fact.stated_at or _UNDATED
        newer = said >= self.said
        changed = _plain(fact.subject) != _plain(self.subject) or (
            bool(fact.detail and self.detail) and _plain(fact.detail) != _plain(self.detail)
        )
        self.superseded += changed
        older_detail = self.detail if newer else fact.detail
        if newer:
            self.said, self.subject = said, fact.subject
            self.detail = fact.detail or self.detail
        else:
            self.detail = self.detail or fact.detail
        # A date that moved is replaced: keeping the old one beside it would make both look true.
        if older_detail and older_detail != self.detail and self.category is not Category.DATES:
            self._note(older_detail)
        for note in fact.notes:
            self._note(note)
        for source in fact.sources:
            self.sources.setdefault((source.conversation_id, source.stated_at), source)

    def _note(self, note: str) -> None:
        if note in self.notes:
            return
        if len(self.notes) < MAX_NOTES:
            self.notes[note] = None
        else:
            self.dropped += 1

    def fact(self) -> Fact:
        notes = tuple(note for note in self.notes if note != self.detail)
        sources = sorted(self.sources.values(), key=lambda source: source.stated_at or _UNDATED)
        return Fact(self.category, self.subject, self.detail, notes, tuple(sources[-MAX_SOURCES:]))


def consolidate(records: Iterable[Facts], earlier: Facts | None = None) -> Facts:
    """One set from many. `earlier` are the facts of the person's last import (S-31): older, unless dated later."""
    merged: dict[tuple[Category, str], _Merged] = {}
    dropped = superseded = 0
    for record in _chain(earlier, records):
        dropped += record.dropped
        superseded += record.superseded
        for fact in record.items:
            key = (fact.category, fact_key(fact))
            known = merged.get(key)
            if known is None:
                merged[key] = _start(fact)
            else:
                known.add(fact)
    return Facts(
        tuple(one.fact() for one in merged.values()),
        dropped + sum(one.dropped for one in merged.values()),
        superseded + sum(one.superseded for one in merged.values()),
    )


def fact_key(fact: Fact) -> str:
    """What a fact is about, so that a later statement on the same thing is recognised.

    Names, events and decisions: their words. Statements: their words in any order and without negation or time, and for
    "favourite X is Y" and "favourite X: Y" only the X. It recognises what it can without a model; the rest is merged
    when MEMORY is written.
    """
    subject = unicodedata.normalize("NFKC", fact.subject).casefold()
    if fact.category in (Category.PREFERENCES, Category.BELIEFS):
        value_of = _VALUE_OF.match(subject)
        if value_of:
            subject = value_of["what"]
        words = [word for word in _WORD.findall(subject) if word not in _ARTICLES and word not in _TURNS]
        return " ".join(sorted(_stem(word) for word in words)) or subject
    words = [word for word in _WORD.findall(subject) if word not in _ARTICLES]
    return " ".join(words) or subject


def _chain(earlier: Facts | None, records: Iterable[Facts]) -> Iterable[Facts]:
    if earlier is not None:
        yield earlier
    yield from records


def _start(fact: Fact) -> _Merged:
    started = _Merged(fact.category, fact.subject, fact.detail, fact.stated_at or _UNDATED, {}, {})
    for note in fact.notes:
        started._note(note)
    for source in fact.sources:
        started.sources.setdefault((source.conversation_id, source.stated_at), source)
    return started


def _plain(text: str) -> str:
    return " ".join(word for word in _WORD.findall(text.casefold()) if word not in _ARTICLES)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
