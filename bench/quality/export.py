"""Exports with planted facts: the same bytes for the same plan, of any size, and what is true about them.

Every shape that occurs in real files takes its turn: edits, regenerated answers, hidden and tool messages, missing
`current_node`, empty child lists, undated messages, pasted documents, code, Chinese and Japanese, talks that go on days
later, conversations that are listed twice. Newest first, as real exports are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.quality.planted import Decoy, Hiding, Kind, Planted, state
from bench.quality.tree import Tree
from bench.quality.words import cjk_filler, code, filler, name

START = datetime(2023, 1, 2, 9, tzinfo=UTC)
SPAN_DAYS = 1000
FACTS = 2
LATER_DAYS = 3
LONG_SENTENCES = 1200
VALUES_PER_TOPIC = 3
PIECE = 64 * 1024
_KINDS = tuple(Kind)
_OFF_PATH = (Hiding.SYSTEM, Hiding.HIDDEN, Hiding.TOOL_OUTPUT, Hiding.TOOL_CALL, Hiding.THOUGHTS)
_ADJECTIVES = (
    *("morning", "evening", "summer", "winter", "rainy", "sunny"),
    *("quiet", "loud", "early", "late", "simple", "festive"),
)
_NOUNS = (
    *("bread", "soup", "song", "walk", "book", "game", "cake", "pen", "chair"),
    *("flower", "colour", "sport", "city", "river", "jam", "pie", "film", "shirt"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an export is like. `hidden_bytes` is tool output per conversation, which nobody may read: mere size."""

    conversations: int
    seed: int = 1
    sentences: int = 12
    hidden_bytes: int = 0
    long_every: int = 10


@dataclass(slots=True)
class Truth:
    """All that was planted; `said` are the texts of each conversation's active path, by its title."""

    planted: list[Planted] = field(default_factory=list)
    decoys: list[Decoy] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)
    repeated_conversations: int = 0


@dataclass(slots=True)
class Writer:
    """Makes the conversations of a plan, oldest first, and notes what is true."""

    plan: Plan
    truth: Truth = field(default_factory=Truth)
    _names: int = 0
    _sentences: int = 0
    _favourites: int = 0

    def conversation(self, number: int) -> dict[str, object]:
        """The conversation with this number; call in order."""
        days = number * SPAN_DAYS // self.plan.conversations
        tree = Tree(f"c{self.plan.seed}-{number}", START + timedelta(days=days, hours=number % 8))
        title = f"Talk {number} of {self.plan.seed}"
        if number == 0:
            self._custom_instructions(tree)
        undated = number % 13 == 6
        for place in range(FACTS):
            # Nobody can know the day of a later message without a time.
            if place and number % 10 == 8 and not undated:
                tree.now += timedelta(days=LATER_DAYS)
            self._off_path(tree, number + place)
            self._turn(tree, number, place)
        self._pad(tree)
        self.truth.said[title] = tree.said
        made = tree.finished(title, current=number % 7 != 3 or undated, children=number % 11 != 5)
        if undated:
            for node in tree.mapping.values():
                if isinstance(message := node["message"], dict):
                    message["create_time"] = None
        return made

    def _turn(self, tree: Tree, number: int, place: int) -> None:
        """A question with a fact in the middle of other text, and its answer."""
        fact = self._fact(tree, number, place)
        long = self.plan.long_every and number % self.plan.long_every == 2
        before = self._filler(number, LONG_SENTENCES if long else self.plan.sentences)
        after = self._filler(number, self.plan.sentences)
        asked = [f"Do you know {self._decoy(Hiding.QUESTION, tree)} soup?"] if (number + place) % 5 == 1 else []
        if (number + place) % 3 == 0:
            tree.fork("user", f"I prefer {self._decoy(Hiding.ABANDONED_QUESTION, tree)} tea over coffee.")
        tree.say("user", "\n".join([*asked, before, fact.sentence, after]))
        if (number + place) % 3 == 1:
            tree.fork("assistant", f"You told me that you prefer {self._decoy(Hiding.ABANDONED_ANSWER, tree)} tea.")
        suggested = [f"You might enjoy {self._decoy(Hiding.ASSISTANT, tree)} tea."] if (number + place) % 5 == 0 else []
        tree.say("assistant", "\n".join([*suggested, self._filler(number, self.plan.sentences)]))

    def _fact(self, tree: Tree, number: int, place: int) -> Planted:
        """A new fact, or an earlier one said again in the same words."""
        later = place and number % 10 == 8
        kind = Kind.RELATIVE if later else _KINDS[(number * FACTS + place * 3) % len(_KINDS)]
        again = [fact for fact in self.truth.planted[-40:] if fact.kind in (Kind.LIKING, Kind.PROJECT, Kind.DECISION)]
        if place and number % 4 == 3 and again:
            old = again[number % len(again)]
            fact = Planted(old.kind, old.mark, old.sentence, tree.key, tree.now.date())
        else:
            topic = self._topic() if kind is Kind.FAVOURITE else ""
            fact = state(kind, self._name(), tree.key, tree.now.date(), topic, number // 5)
        self.truth.planted.append(fact)
        return fact

    def _topic(self) -> str:
        """Three values for each thing, one after the other."""
        at = self._favourites // VALUES_PER_TOPIC
        self._favourites += 1
        round_, place = divmod(at, len(_ADJECTIVES) * len(_NOUNS))
        thing = f"{_ADJECTIVES[place % len(_ADJECTIVES)]} {_NOUNS[place // len(_ADJECTIVES)]}"
        return f"{thing} number {round_}" if round_ else thing

    def _custom_instructions(self, tree: Tree) -> None:
        fact = state(Kind.LIKING, self._name(), tree.key, tree.now.date(), "", 0)
        self.truth.planted.append(fact)
        tree.hide(
            "user", {"content_type": "user_editable_context", "user_profile": fact.sentence, "user_instructions": ""}
        )

    def _off_path(self, tree: Tree, turn: int) -> None:
        """A decoy in a message that the person never saw."""
        hiding = _OFF_PATH[turn % len(_OFF_PATH)]
        words = f"I prefer {self._decoy(hiding, tree)} tea over coffee."
        text: dict[str, object] = {"content_type": "text", "parts": [words]}
        if hiding is Hiding.SYSTEM:
            tree.hide("system", text)
        elif hiding is Hiding.HIDDEN:
            tree.hide("user", text, hidden=True)
        elif hiding is Hiding.TOOL_OUTPUT:
            tree.hide("tool", {"content_type": "execution_output", "text": words})
        elif hiding is Hiding.TOOL_CALL:
            tree.hide("assistant", {"content_type": "code", "language": "python", "text": words}, "python")
        else:
            tree.hide("assistant", {"content_type": "thoughts", "thoughts": [{"summary": words, "content": words}]})

    def _pad(self, tree: Tree) -> None:
        left = self.plan.hidden_bytes
        while left > 0:
            self._sentences += 1
            line = f"{filler(self._sentences)}\n"
            text = line * (min(left, PIECE) // len(line) + 1)
            tree.hide("tool", {"content_type": "execution_output", "text": text})
            left -= len(text)

    def _filler(self, number: int, count: int) -> str:
        """Prose; in some conversations code, or Chinese and Japanese."""
        first = self._sentences
        self._sentences += count
        if number % 10 == 4:
            return code(first, count)
        sentence = cjk_filler if number % 10 == 6 else filler
        return " ".join(sentence(first + at) for at in range(count))

    def _decoy(self, hiding: Hiding, tree: Tree) -> str:
        decoy = Decoy(hiding, self._name(), tree.key)
        self.truth.decoys.append(decoy)
        return decoy.mark

    def _name(self) -> str:
        self._names += 1
        return name(self.plan.seed * 1_000_003 + self._names)


def write_export(plan: Plan, path: Path) -> Truth:
    """Write `conversations.json` of a plan. Memory: the truth, and one conversation; two passes keep newest first."""
    writer = Writer(plan)
    parts = path.with_name(f"{path.name}.parts")
    places: list[tuple[int, int]] = []
    with parts.open("wb") as file:
        for number in range(plan.conversations):
            text = json.dumps(writer.conversation(number), ensure_ascii=False).encode()
            places.append((file.tell(), len(text)))
            file.write(text)
    with parts.open("rb") as file, path.open("wb") as out:
        for index, (at, size) in enumerate(_newest_first(places, writer.truth)):
            file.seek(at)
            out.write(b",\n" if index else b"[")
            out.write(file.read(size))
        out.write(b"]")
    parts.unlink()
    return writer.truth


def _newest_first(places: list[tuple[int, int]], truth: Truth) -> Iterator[tuple[int, int]]:
    """Newest first; every 25th conversation stands there twice."""
    for number in reversed(range(len(places))):
        yield places[number]
        if number % 25 == 24:
            truth.repeated_conversations += 1
            yield places[number]
