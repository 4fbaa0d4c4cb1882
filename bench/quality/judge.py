"""What became of planted facts: pure measures over what the models were sent, what is stored and what is true.

Nothing here asks the pipeline's own counters: coverage is found again in the requests themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.quality.export import Truth
from bench.quality.planted import Kind, Planted

SHORTEST_PIECE = 20
SEPARATOR = "\n\x00\n"
_DATE = re.compile(r"Date: (\S+)\n# ([^\n]*)\n")
_LABEL = re.compile(r"^(?:\[(\d{4}-\d\d-\d\d)\] )?(?:User|Assistant):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stored:
    """What an import left behind: its facts (`category`, `subject`, `detail`, `notes`), and all texts beside them."""

    facts: Sequence[Mapping[str, object]]
    memory: str
    texts: Sequence[str]


@dataclass(slots=True)
class Quality:
    """Shares are from 0 to 1; what should be none is a count."""

    coverage: float = 0.0
    facts_planted: int = 0
    evidence_reached_extraction: float = 0.0
    material_days_wrong: int = 0
    recall: float = 0.0
    recall_by_kind: dict[str, float] = field(default_factory=dict)
    precision: float = 0.0
    in_memory: float = 0.0
    days_told: int = 0
    days_wrong: int = 0
    values_changed: int = 0
    latest_value_wins: float = 0.0
    duplicates: int = 0
    decoys_planted: int = 0
    decoys_that_leaked: int = 0
    decoys_believed: int = 0


def judge(truth: Truth, extracted: Sequence[str], sent: Sequence[str], stored: Stored) -> Quality:
    """`extracted` are the materials of extraction, `sent` all that any model was sent, embeddings included."""
    marks = {fact.mark: fact for fact in truth.planted}
    lines = [(str(fact["category"]), line_of(fact)) for fact in stored.facts]
    wanted = {mark: fact for mark, fact in marks.items() if not fact.topic or mark in last_values(truth.planted)}
    found = {mark: fact for mark, fact in wanted.items() if _known(fact, lines)}
    quality = Quality(coverage=coverage(truth.said, extracted), facts_planted=len(marks))
    _evidence(quality, truth.planted, extracted)
    quality.recall = len(found) / len(wanted)
    quality.recall_by_kind = _by_kind(wanted.values(), found.values())
    quality.precision = sum(any(mark in line for mark in marks) for _, line in lines) / max(len(lines), 1)
    quality.in_memory = sum(mark in stored.memory for mark in wanted) / len(wanted)
    _days(quality, marks, stored)
    _changes(quality, truth.planted, lines)
    quality.duplicates = _duplicates(marks, lines)
    _decoys(quality, truth, [*sent, *stored.texts, stored.memory], lines)
    return quality


def line_of(fact: Mapping[str, object]) -> str:
    """A stored fact as one text."""
    notes = fact.get("notes")
    parts = [fact.get("subject"), fact.get("detail"), *(notes if isinstance(notes, list) else [])]
    return "; ".join(str(part) for part in parts if part)


def coverage(said: Mapping[str, Sequence[str]], extracted: Sequence[str]) -> float:
    """Share of the active paths' characters that stand in an extraction material under their own title."""
    shown: dict[str, list[str]] = {}
    for material in extracted:
        head = _DATE.match(material)
        if head:
            shown.setdefault(head[2], []).append(material[head.end() :])
    texts = [(title, text.strip()) for title, many in said.items() for text in many]
    reached = sum(covered(text, SEPARATOR.join(shown.get(title, []))) for title, text in texts)
    return reached / max(sum(len(text) for _, text in texts), 1)


def covered(text: str, shown: str) -> int:
    """How many characters of `text` stand in `shown`, in pieces of at least `SHORTEST_PIECE`.

    A shorter rest counts if it stands there together with what comes before it: pieces overlap.
    """
    ends_there = text[-SHORTEST_PIECE:] in shown
    at = reached = 0
    while at < len(text):
        size = _longest(text, at, shown)
        if size >= SHORTEST_PIECE or (ends_there and at + size == len(text)):
            reached += size
        at += max(size, 1)
    return reached


def _longest(text: str, at: int, shown: str) -> int:
    """Length of the longest beginning of text[at:] that stands in `shown`; a longer one holds all shorter ones."""
    if text[at:] in shown:
        return len(text) - at
    low, high = 0, len(text) - at
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if text[at : at + middle] in shown else (low, middle)
    return low


def _evidence(quality: Quality, planted: Sequence[Planted], extracted: Sequence[str]) -> None:
    """Whether each statement was shown, and whether a statement about "tomorrow" was shown with its own day."""
    days: dict[str, set[str]] = {}
    everything = SEPARATOR.join(extracted)
    for material in extracted:
        head = _DATE.match(material)
        for fact in planted:
            if head and fact.kind is Kind.RELATIVE and fact.sentence in material:
                days.setdefault(fact.mark, set()).add(_day_at(material, fact.sentence, head[1]))
    quality.evidence_reached_extraction = sum(fact.sentence in everything for fact in planted) / len(planted)
    quality.material_days_wrong = sum(
        fact.stated.isoformat() not in days.get(fact.mark, set()) for fact in planted if fact.kind is Kind.RELATIVE
    )


def _day_at(material: str, sentence: str, first: str) -> str:
    """The day that a reader takes a sentence to be written on: the one before its line's speaker, else the first."""
    *_, last = "", *_LABEL.findall(material, 0, material.index(sentence))
    return last or first


def _known(fact: Planted, lines: Sequence[tuple[str, str]]) -> bool:
    return any(category == fact.kind.category and fact.mark in line for category, line in lines)


def last_values(planted: Sequence[Planted]) -> set[str]:
    """The marks of the values that things have in the end."""
    latest = {fact.topic: fact.mark for fact in sorted(planted, key=lambda fact: fact.stated) if fact.topic}
    return set(latest.values())


def _by_kind(wanted: Iterable[Planted], found: Iterable[Planted]) -> dict[str, float]:
    got = Counter(fact.kind for fact in found)
    return {str(kind): got[kind] / count for kind, count in sorted(Counter(fact.kind for fact in wanted).items())}


def _duplicates(marks: Mapping[str, Planted], lines: Sequence[tuple[str, str]]) -> int:
    """Facts beyond the first about the same mark in its own category."""
    counted = Counter(
        mark
        for category, line in lines
        for mark, fact in marks.items()
        if fact.kind.category == category and mark in line
    )
    return sum(count - 1 for count in counted.values())


def _days(quality: Quality, marks: Mapping[str, Planted], stored: Stored) -> None:
    """Dates that the facts give for planted events."""
    for fact in stored.facts:
        if fact["category"] != "dates":
            continue
        planted = next((one for mark, one in marks.items() if mark in str(fact["subject"]) and one.day), None)
        if planted is not None and planted.day is not None:
            quality.days_told += 1
            quality.days_wrong += str(fact["detail"]) != planted.day.isoformat()


def _changes(quality: Quality, planted: Sequence[Planted], lines: Sequence[tuple[str, str]]) -> None:
    """Values that changed: only the last one may stand among the facts."""
    values: dict[str, list[str]] = {}
    for fact in sorted(planted, key=lambda fact: fact.stated):
        if fact.topic:
            values.setdefault(fact.topic, []).append(fact.mark)
    changed = [marks for marks in values.values() if len(marks) > 1]
    text = SEPARATOR.join(line for _, line in lines)
    right = sum(marks[-1] in text and not any(mark in text for mark in marks[:-1]) for marks in changed)
    quality.values_changed = len(changed)
    quality.latest_value_wins = right / max(len(changed), 1)


def _decoys(quality: Quality, truth: Truth, seen: Sequence[str], lines: Sequence[tuple[str, str]]) -> None:
    everything, facts = SEPARATOR.join(seen), SEPARATOR.join(line for _, line in lines)
    quality.decoys_planted = len(truth.decoys)
    quality.decoys_that_leaked = sum(decoy.hiding.off_path and decoy.mark in everything for decoy in truth.decoys)
    quality.decoys_believed = sum(decoy.mark in facts for decoy in truth.decoys)
