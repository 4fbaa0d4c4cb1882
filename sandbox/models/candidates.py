"""What is known for one field of an answer, by the field's name: texts, list entries, records.

Counterpart: `answer`, which puts them into the shape that the schema asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from sandbox.models.fields import Topics, snake, topics_of
from sandbox.models.given import DETAIL_KEYS, NAME_KEYS, NOTE_KEYS
from sandbox.models.knowledge import UNKNOWN, Knowledge
from sandbox.models.topics import Fact, Topic

# Fields that want one answer, not the first three.
_SINGLE = ((Topic.NAME,), (Topic.PLACE,))
# A word for one of these in a description says what the field is about; others ("situation", "notes") are too wide.
_NAMEABLE = frozenset(Topic) - {Topic.LIFE, Topic.RULE, Topic.AVOID, Topic.QUESTION, Topic.PREFERENCE}
_DETAILED = frozenset((Topic.DATE, Topic.DECISION, Topic.PROJECT))


def candidates(knowledge: Knowledge, name: str, description: str, record: Fact | None) -> list[str]:
    """What may stand in the string field `name`, best first; the last is always "not enough data".

    Inside an object about `record` only that fact counts.
    """
    if record is not None:
        found = _of_record(knowledge, snake(name), record)
    elif name:
        found = _of_field(knowledge, name, description)
    else:
        found = []
    return [*(text for text in found if text), "" if "empty" in description.lower() else UNKNOWN]


def _of_field(knowledge: Knowledge, name: str, description: str) -> list[str]:
    measured = knowledge.measured(name)
    if isinstance(measured, str):
        return [measured]
    if isinstance(measured, list):
        return [", ".join(measured)]
    topics = topics_of(name)
    texts = knowledge.facts.texts(*(topics or _described(description)))
    if not texts:
        return []
    return [texts[0] if topics in _SINGLE else "; ".join(texts[:3]), texts[0]]


def _of_record(knowledge: Knowledge, name: str, record: Fact) -> list[str]:
    if name in ("category", "type", "kind", "topic"):
        return [str(record.topic)]
    if re.search(r"evidence|quote|span|excerpt", name):
        return [knowledge.evidence(record.source, record.start, record.end), record.text]
    if name in NOTE_KEYS:
        return [record.note]
    if name in DETAIL_KEYS:
        return [record.detail]
    return [record.text] if name in NAME_KEYS or topics_of(name) else []


def entries(knowledge: Knowledge, name: str, record: Fact | None) -> Sequence[str]:
    """The entries of the list of texts `name`; those of a record are its notes."""
    if record is not None:
        return [record.note] if record.note and snake(name) in NOTE_KEYS else []
    measured = knowledge.measured(name)
    if isinstance(measured, list):
        return measured
    topics = topics_of(name)
    texts = (
        knowledge.facts.lines(*topics)
        if set(topics) & _DETAILED and len(topics) == 1
        else knowledge.facts.texts(*topics)
    )
    if not texts and measured and measured != UNKNOWN:
        return [measured]
    return texts


def records(knowledge: Knowledge, name: str, properties: Mapping[str, JsonValue]) -> Sequence[Fact]:
    """The facts for a list of objects: lines of a numbered list where numbers are asked for, else by name or fields."""
    numbers = any("integer" in str(inner) for inner in properties.values())
    if numbers and knowledge.given.numbered:
        return list(knowledge.given.numbered.values())
    return knowledge.facts.of(*(topics_of(name) or _topics_of(properties)))


def _topics_of(properties: Mapping[str, JsonValue]) -> Topics:
    """The topics of a list of objects whose name says nothing, by the objects' own fields."""
    names = {snake(name) for name in properties}
    if "event" in names or {"date", "description"} <= names:
        return (Topic.DATE,)
    if "decision" in names:
        return (Topic.DECISION,)
    return (Topic.PROJECT,) if "name" in names else tuple(Topic)


def _described(description: str) -> Topics:
    """The topics that a description names, when the field's own name says nothing."""
    found = (topics_of(word) for word in re.findall(r"[a-z]{4,}", description.lower())[:40])
    return next((topics for topics in found if topics and topics[0] in _NAMEABLE), ())
