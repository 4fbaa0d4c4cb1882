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

_HEADING = re.compile(r"^#{1,6}\s+(?P<title>[^\n]{2,80})$|^\*\*(?P<bold>[^*\n]{2,60}):?\*\*:?(?P<rest>[^\n]*)$")
_BULLET = re.compile(r"^\s*[-*•]\s+(?P<text>[^\n]{2,400})$")
_UNKNOWN = frozenset({"", "not enough data", "unknown", "none", "n/a", "null"})
DEEPEST = 12
NAME_KEYS = ("name", "event", "decision", "text", "title", "what", "fact", "preference", "belief", "value", "content")
DETAIL_KEYS = ("description", "date", "when", "context", "why", "reason")
NOTE_KEYS = ("details", "note", "notes", "detail")


@dataclass(frozen=True, slots=True)
class Given:
    """Facts handed over, and what was said about style: strings and lists by field name."""

    facts: Facts = field(default_factory=Facts)
    measures: dict[str, str | list[str]] = field(default_factory=dict)


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
            if not topics_here and not isinstance(inner, dict):
                _keep_measure(key, inner, found)
            _walk(inner, topics_here or (topics if isinstance(inner, dict) else ()), source, found, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, topics, source, found, depth + 1)
    elif isinstance(value, str) and topics and value.strip().lower() not in _UNKNOWN:
        found.facts.add(Fact(topics[0], value.strip()[:400], "", "", source))


def _keep_measure(key: str, value: JsonValue, found: Given) -> None:
    if isinstance(value, str) and value.strip().lower() not in _UNKNOWN:
        found.measures.setdefault(snake(key), value.strip()[:400])
    elif isinstance(value, list):
        texts = [inner.strip()[:400] for inner in value if isinstance(inner, str) and inner.strip()]
        if texts:
            found.measures.setdefault(snake(key), texts[:20])


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
            topics = topics_of(heading["title"] or heading["bold"])
            rest = (heading["rest"] or "").strip(" :")
            if topics and rest and rest.lower() not in _UNKNOWN:
                facts.add(Fact(topics[0], rest[:400], "", "", source))
            continue
        bullet = _BULLET.match(line)
        if bullet and topics:
            _read_bullet(bullet["text"], topics[0], source, facts)


def _read_bullet(line: str, topic: Topic, source: int, facts: Facts) -> None:
    if line.strip().lower() in _UNKNOWN:
        return
    text, _, detail = line.replace("**", "").partition(": ") if topic in _DETAILED else (line.replace("**", ""), "", "")
    facts.add(Fact(topic, text.strip(), detail.strip(), "", source))


_DETAILED = frozenset({Topic.PROJECT, Topic.DATE, Topic.DECISION})
