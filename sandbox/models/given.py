"""Reads facts that the caller hands over already extracted: JSON fact records, summaries, or a memory in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from sandbox.models.fields import Topics, snake, topics_of
from sandbox.models.loose_json import read
from sandbox.models.material import passages
from sandbox.models.topics import Fact, Facts, Topic

_HEADING = re.compile(
    r"^#{1,6}\s+(?P<title>[^\n]{2,80})$|^(?P<plain>[A-Z][\w &,-]{2,50}):$"
    r"|^\*\*(?P<bold>[^*\n]{2,60}):?\*\*:?(?P<rest>[^\n]*)$"
)
# The day on which a fact was last stated, as lists of facts carry it at the end of a line.
_STATED = re.compile(r"\s*\(\d{4}-\d\d-\d\d\)$")
_NUMBERED = re.compile(r"^\s{0,4}(?P<number>\d{1,6})[.)]\s+(?P<text>[^\n]{2,800})$", re.M)
_BULLET = re.compile(r"^\s*[-*•]\s+(?P<text>[^\n]{2,400})$")
_UNKNOWN = frozenset({"", "not enough data", "unknown", "none", "n/a", "null"})
DEEPEST = 12
LONGEST_MEASURE = 60
NAME_KEYS = (
    "subject",
    "name",
    "event",
    "decision",
    "text",
    "title",
    "what",
    "fact",
    "preference",
    "belief",
    "value",
    "content",
)
DETAIL_KEYS = ("detail", "description", "date", "when", "context", "why", "reason")
NOTE_KEYS = ("details", "note", "notes")


@dataclass(frozen=True, slots=True)
class Given:
    """Facts handed over, and every string and list of strings by its field's name: a profile comes back as it was.

    `numbered` are the lines of a numbered list by their text, for requests that ask which lines an answer is made from.
    """

    facts: Facts = field(default_factory=Facts)
    measures: dict[str, str | list[str]] = field(default_factory=dict)
    numbered: dict[str, Fact] = field(default_factory=dict)
    measured: set[int] = field(default_factory=set)

    @property
    def sources(self) -> set[int]:
        """The numbers of the materials that hold anything of this."""
        return {fact.source for fact in (*self.facts, *self.numbered.values())} | self.measured


def given(materials: Sequence[str]) -> Given:
    """The facts of every JSON text and of every bullet under a heading that names a topic. Spans are not known."""
    found = Given()
    for source, text in enumerate(materials):
        if text.lstrip()[:1] in ("{", "["):
            _walk(read(text), (), source, found, 0)
            continue
        for passage in passages(text):
            if passage.owner == "nobody":
                _read_markdown(text[passage.start : passage.end], source, found.facts)
                _read_numbered(text[passage.start : passage.end], source, found)
    return found


def _walk(value: JsonValue, topics: Topics, source: int, found: Given, depth: int) -> None:
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        named = _record(value)
        if named is not None and topics:
            found.facts.add(Fact(topics[0], *named, source))
            return
        for key, inner in value.items():
            topics_here = topics_of(key)
            if not isinstance(inner, dict):
                _keep_measure(key, inner, found)
                found.measured.add(source)
            _walk(inner, topics_here or (topics if isinstance(inner, dict) else ()), source, found, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, topics, source, found, depth + 1)
    elif isinstance(value, str) and topics and value.strip().lower() not in _UNKNOWN:
        for text in value.split("; "):
            found.facts.add(Fact(topics[0], text.strip()[:400], "", "", source))


def _keep_measure(key: str, value: JsonValue, found: Given) -> None:
    """Keep a field as it was handed over, also as unknown; a later summary fills in what earlier ones left open."""
    name = snake(key)
    known = found.measures.get(name)
    if isinstance(value, str):
        said = value.strip()[:400]
        if said.lower() not in _UNKNOWN and not known:
            found.measures[name] = said
        else:
            found.measures.setdefault(name, "")
    elif isinstance(value, list) and not any(isinstance(inner, dict) for inner in value):
        texts = [inner.strip()[:400] for inner in value if isinstance(inner, str) and inner.strip()]
        kept = known if isinstance(known, list) else []
        found.measures[name] = list(dict.fromkeys([*kept, *texts]))[:LONGEST_MEASURE]


def _record(value: dict[str, JsonValue]) -> tuple[str, str, str] | None:
    """(text, detail, note) of an object that is one fact, else None."""
    text = _first(value, NAME_KEYS)
    if not text or any(isinstance(inner, dict) for inner in value.values()):
        return None
    return text, _first(value, DETAIL_KEYS), _first(value, NOTE_KEYS)


def _first(value: dict[str, JsonValue], keys: Sequence[str]) -> str:
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found.strip().lower() not in _UNKNOWN:
            return found.strip()[:400]
    return ""


def _read_markdown(text: str, source: int, facts: Facts) -> None:
    topics: Topics = ()
    for line in text.split("\n"):
        heading = _HEADING.match(line.strip())
        if heading:
            topics = topics_of(heading["title"] or heading["plain"] or heading["bold"])
            rest = (heading["rest"] or "").strip(" :")
            if topics and rest and rest.lower() not in _UNKNOWN:
                facts.add(Fact(topics[0], rest[:400], "", "", source))
            continue
        bullet = _BULLET.match(line)
        if bullet and topics:
            _read_bullet(bullet["text"], topics[0], source, facts)


def _read_numbered(text: str, source: int, found: Given) -> None:
    for line in _NUMBERED.finditer(text):
        subject, _, detail = _STATED.sub("", line["text"].strip()).partition(": ")
        fact = Fact(Topic.LIFE, subject.strip(), detail.strip(), "", source, number=int(line["number"]))
        found.numbered.setdefault(fact.text.lower(), fact)


def _read_bullet(line: str, topic: Topic, source: int, facts: Facts) -> None:
    if line.strip().lower() in _UNKNOWN:
        return
    plain = _STATED.sub("", line.replace("**", "").strip())
    text, _, detail = plain.partition(": ") if topic in _DETAILED else (plain, "", "")
    facts.add(Fact(topic, text.strip(), detail.strip(), "", source))


_DETAILED = frozenset({Topic.PROJECT, Topic.DATE, Topic.DECISION})
