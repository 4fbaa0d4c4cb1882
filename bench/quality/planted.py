"""What is planted in an export: facts that must be found, and decoys that nobody may ever see or believe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """How a fact is stated. The value begins with the category that it belongs to."""

    LIKING = "preferences: a liking"
    DISLIKING = "preferences: a disliking"
    FAVOURITE = "preferences: a value that changes later"
    PROJECT = "projects: by name"
    DAY = "dates: a full date"
    RELATIVE = "dates: relative to the day of writing"
    BELIEF = "beliefs: a conviction"
    DECISION = "decisions: a choice"
    CHINESE = "preferences: in Chinese"
    JAPANESE = "preferences: in Japanese"

    @property
    def category(self) -> str:
        """The list that it belongs into."""
        return self.value.partition(":")[0]


class Hiding(StrEnum):
    """Where a decoy stands. All but the last two are off the active path: no model may read them."""

    ABANDONED_QUESTION = "an edited question"
    ABANDONED_ANSWER = "a regenerated answer"
    SYSTEM = "a system message"
    HIDDEN = "a hidden message"
    TOOL_OUTPUT = "a tool's output"
    TOOL_CALL = "a call of a tool"
    THOUGHTS = "a model's thoughts"
    ASSISTANT = "an answer's suggestion"
    QUESTION = "a passing question"

    @property
    def off_path(self) -> bool:
        """Whether the person never saw it."""
        return self not in (Hiding.ASSISTANT, Hiding.QUESTION)


@dataclass(frozen=True, slots=True)
class Planted:
    """A fact: `mark` is its invented name, `day` the date it is about, `topic` what later values replace it in."""

    kind: Kind
    mark: str
    sentence: str
    conversation: str
    stated: date
    day: date | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Decoy:
    """Something that is no fact about the person, and where it stands."""

    hiding: Hiding
    mark: str
    conversation: str


_SENTENCES: dict[Kind, str] = {
    Kind.LIKING: "I prefer {mark} tea over coffee.",
    Kind.DISLIKING: "I can't stand {mark} cheese.",
    Kind.FAVOURITE: "My favourite {topic} is {mark}.",
    Kind.PROJECT: "I'm building a project called {mark}.",
    Kind.DAY: "My trip to {mark} starts on {day}.",
    Kind.RELATIVE: "My flight to {mark} leaves {day}.",
    Kind.BELIEF: "I firmly believe in {mark} gardening.",
    Kind.DECISION: "I decided to learn the {mark} dance.",
    Kind.CHINESE: "我喜欢{mark}茶。",
    Kind.JAPANESE: "{mark}茶が大好きです。",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def state(kind: Kind, mark: str, conversation: str, stated: date, topic: str, turn: int) -> Planted:
    """A fact in words; `turn` varies how a date is said."""
    words, day = "", None
    if kind is Kind.DAY:
        day = stated + timedelta(days=20 + turn % 300)
        forms = (f"{day.day} {_MONTHS[day.month - 1]} {day.year}", f"{_MONTHS[day.month - 1]} {day.day}, {day.year}")
        words = (*forms, day.isoformat())[turn % 3]
    elif kind is Kind.RELATIVE:
        day, words = _relative(stated, turn)
    sentence = _SENTENCES[kind].format(mark=mark, topic=topic, day=words)
    return Planted(kind, mark, sentence, conversation, stated, day, topic)


def _relative(stated: date, turn: int) -> tuple[date, str]:
    """A day and how it is said on the day `stated`."""
    if turn % 3 == 0:
        return stated + timedelta(days=1), "tomorrow"
    if turn % 3 == 1:
        days = 2 + turn % 5
        return stated + timedelta(days=days), f"in {days} days"
    weekday = turn % 7
    gap = (weekday - stated.weekday()) % 7 or 7
    return stated + timedelta(days=gap), f"next {_WEEKDAYS[weekday]}"
