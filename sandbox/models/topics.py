"""What can be known about a person, as the extractor names it: topics, facts with their evidence, and a bounded set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

FACTS_PER_TOPIC = 400


class Topic(StrEnum):
    """One kind of fact."""

    PREFERENCE = "preference"
    PROJECT = "project"
    DATE = "date"
    BELIEF = "belief"
    DECISION = "decision"
    NAME = "name"
    OCCUPATION = "occupation"
    PLACE = "place"
    PERSON = "person"
    INTEREST = "interest"
    EXPERTISE = "expertise"
    QUESTION = "question"
    GOAL = "goal"
    LIFE = "life"
    RULE = "rule"
    AVOID = "avoid"
    QUOTE = "quote"
    TRAIT = "trait"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. `detail` is the project's details, the event's date or the decision's context.

    `source`, `start` and `end` are the evidence: the characters [start, end) of material text number `source`.
    `number` is the fact's line in a numbered list that was handed over; 0 for any other.
    """

    topic: Topic
    text: str
    detail: str = ""
    note: str = ""
    source: int = 0
    start: int = 0
    end: int = 0
    number: int = 0


@dataclass(slots=True)
class Facts:
    """Facts by topic in the order found, each once (by its text, case apart), `FACTS_PER_TOPIC` at most."""

    by_topic: dict[Topic, dict[str, Fact]] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Keep `fact`; a second one with the same text only fills in a detail that was missing."""
        known = self.by_topic.setdefault(fact.topic, {})
        key = " ".join(fact.text.lower().split())
        if not key:
            return
        before = known.get(key)
        if before is not None and (before.detail or not fact.detail):
            return
        if before is None and len(known) >= FACTS_PER_TOPIC:
            return
        known[key] = fact

    def of(self, *topics: Topic) -> list[Fact]:
        """All facts of the topics, topic by topic."""
        return [fact for topic in topics for fact in self.by_topic.get(topic, {}).values()]

    def texts(self, *topics: Topic) -> list[str]:
        """Their texts."""
        return list(dict.fromkeys(fact.text for fact in self.of(*topics)))

    def lines(self, *topics: Topic) -> list[str]:
        """Their texts, each with its date, description or reason unless that says the same."""
        facts = self.of(*topics)
        return [
            f"{fact.text.rstrip('.')}: {fact.detail}" if fact.detail and fact.detail not in fact.text else fact.text
            for fact in facts
        ]

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.of(*Topic))

    def __len__(self) -> int:
        return sum(len(known) for known in self.by_topic.values())
