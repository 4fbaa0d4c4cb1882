"""What is known about a person, one record per fact, each with the conversations that it comes from.

Counterparts: `fact_extractor` makes them from one chunk, `consolidate` merges them, `reduce` shortens them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.tokens import estimate_tokens

NOT_ENOUGH_DATA = "not enough data"
_SAYS_NOTHING = frozenset(
    {"", "none", "n/a", "na", "null", "unknown", "not specified", "not mentioned", "nothing", "-"}
)


class Category(StrEnum):
    """The five kinds of fact, in the order of MEMORY's headings."""

    PREFERENCES = "preferences"
    PROJECTS = "projects"
    DATES = "dates"
    BELIEFS = "beliefs"
    DECISIONS = "decisions"


@dataclass(frozen=True, slots=True)
class FactSource:
    """Where a fact was stated. `stated_at` is aware UTC, None when the export has no time."""

    conversation_id: str
    stated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. `subject` is the statement itself, the project's name, the event or the decision.

    `detail` is the project's description, the event's date, the decision's context; `notes` are further details.
    """

    category: Category
    subject: str
    detail: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[FactSource, ...] = ()

    @property
    def stated_at(self) -> datetime | None:
        """When it was last stated."""
        return max((source.stated_at for source in self.sources if source.stated_at), default=None)

    @property
    def line(self) -> str:
        """The fact as one line of text, with the day it was last stated."""
        said = "; ".join(part for part in (self.detail, *self.notes) if part)
        day = f" ({self.stated_at:%Y-%m-%d})" if self.stated_at else ""
        return f"{self.subject}: {said}{day}" if said else f"{self.subject}{day}"


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one answer or of a whole import, with what was not taken over.

    `dropped` counts what said nothing, broke its shape or was cut; `superseded` what a later statement replaced.
    """

    items: tuple[Fact, ...] = ()
    dropped: int = 0
    superseded: int = 0

    @property
    def total_count(self) -> int:
        """Number of facts."""
        return len(self.items)

    @property
    def token_count(self) -> int:
        """Estimated tokens of all facts as lines."""
        return sum(estimate_tokens(fact.line) + 4 for fact in self.items)

    def of(self, category: Category) -> tuple[Fact, ...]:
        """The facts of one kind, in order."""
        return tuple(fact for fact in self.items if fact.category is category)

    def to_json(self) -> JsonObject:
        """`{"facts": [...], "dropped", "superseded", "total_count"}`, times as ISO 8601; `from_json` reads it back."""
        return {
            "facts": [_fact_to_json(fact) for fact in self.items],
            "dropped": self.dropped,
            "superseded": self.superseded,
            "total_count": self.total_count,
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Facts:
        """Read back what `to_json` wrote; what is not a fact is counted as dropped."""
        raw = data.get("facts")
        items = [_fact_from_json(item) for item in raw] if isinstance(raw, list) else []
        broken = sum(item is None for item in items)
        kept = tuple(item for item in items if item is not None)
        return cls(kept, _whole(data.get("dropped")) + broken, _whole(data.get("superseded")))


def is_said(text: str) -> bool:
    """Whether a model's text says anything at all (L-27)."""
    plain = text.strip().casefold().rstrip(".")
    return plain not in _SAYS_NOTHING and not plain.startswith(NOT_ENOUGH_DATA)


def join_facts(records: Iterable[Facts]) -> Facts:
    """All records one after the other, unmerged."""
    everything = list(records)
    return Facts(
        tuple(fact for record in everything for fact in record.items),
        sum(record.dropped for record in everything),
        sum(record.superseded for record in everything),
    )


def _fact_to_json(fact: Fact) -> JsonObject:
    sources: list[JsonValue] = [
        [source.conversation_id, source.stated_at.isoformat() if source.stated_at else None] for source in fact.sources
    ]
    return {
        "category": fact.category.value,
        "subject": fact.subject,
        "detail": fact.detail,
        "notes": list(fact.notes),
        "sources": sources,
    }


def _fact_from_json(data: JsonValue) -> Fact | None:
    if not isinstance(data, dict):
        return None
    category, subject, detail = data.get("category"), data.get("subject"), data.get("detail")
    if category not in set(Category) or not isinstance(category, str) or not isinstance(subject, str):
        return None
    notes, sources = data.get("notes"), data.get("sources")
    return Fact(
        Category(category),
        subject,
        detail if isinstance(detail, str) else "",
        tuple(note for note in notes if isinstance(note, str)) if isinstance(notes, list) else (),
        tuple(source for item in sources if (source := _source_from_json(item))) if isinstance(sources, list) else (),
    )


def _source_from_json(data: JsonValue) -> FactSource | None:
    if not isinstance(data, list) or len(data) != 2 or not isinstance(data[0], str):
        return None
    return FactSource(data[0], datetime.fromisoformat(data[1]) if isinstance(data[1], str) else None)


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
