"""How a person writes, measured on their own lines: what the extractor says about voice, with numbers behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.models.material import passages

MEASURED_CHARACTERS = 200_000

_WORD = re.compile(r"[A-Za-z']+")
_EMOJI = re.compile("[\U0001f300-\U0001faff☀-➿]")
_CASUAL = re.compile(r"\b(?:lol|haha|yeah|gonna|wanna|kinda|tbh|btw|omg|dont|cant|im|u|hey|cool|ok)\b", re.I)
_POLITE = re.compile(r"\b(?:please|thanks|thank you|could you|would you|kindly|appreciate)\b", re.I)
_FEELING = re.compile(
    r"\b(?:love|hate|excited|worried|happy|sad|afraid|scared|anxious|frustrat\w+|annoy\w+|crazy|terrifying|amazing"
    r"|great|awesome|helpful|confus\w+|honestly|sorry|proud|tired)\b",
    re.I,
)
_JOKE = re.compile(r"\b(?:lol|haha|lmao|rofl|joke|joking|funny|kidding)\b|[:;]-?[)DP]", re.I)


@dataclass(frozen=True, slots=True)
class Style:
    """Shares are per sentence; `sentences` is 0 when the material has none."""

    sentences: int
    words_per_sentence: float
    questions: float
    exclamations: float
    casual: float
    polite: float
    feeling: float
    jokes: float
    emojis: tuple[str, ...]

    @property
    def formality(self) -> str:
        """low, medium or high."""
        if self.casual > 0.08 or self.emojis:
            return "low"
        return "high" if self.polite > 0.15 and self.words_per_sentence > 14 else "medium"

    @property
    def communication(self) -> str:
        """One sentence about sentence length and questions."""
        length = "short" if self.words_per_sentence < 9 else "long" if self.words_per_sentence > 20 else "medium-length"
        asks = (
            "asks often" if self.questions > 0.3 else "asks now and then" if self.questions > 0.1 else "mostly states"
        )
        return f"writes {length} sentences (about {self.words_per_sentence:.0f} words) and {asks}"

    @property
    def tone(self) -> str:
        """A few words."""
        warmth = "warm" if self.polite > 0.1 or self.feeling > 0.15 else "matter-of-fact"
        return f"{warmth}, {'lively' if self.exclamations > 0.1 else 'calm'}"

    @property
    def humor(self) -> str:
        """Whether jokes are made."""
        return "jokes openly" if self.jokes > 0.05 else "rarely jokes in writing"

    @property
    def emotion(self) -> str:
        """How much feeling is put into words."""
        return "names feelings openly" if self.feeling > 0.1 else "keeps feelings in the background"

    @property
    def emoji(self) -> str:
        """Which emoji, if any."""
        return f"uses {' '.join(self.emojis)}" if self.emojis else "uses no emoji"

    @property
    def depth(self) -> str:
        """How deep answers should go, by how the person writes."""
        if self.questions > 0.3:
            return "explain the reasons, for many questions follow one another"
        return "go into detail" if self.words_per_sentence > 18 else "start short and add depth on request"

    @property
    def rules(self) -> list[str]:
        """What follows from all this for somebody who answers."""
        length = "briefly" if self.words_per_sentence < 9 else "in full sentences"
        return [
            f"answer {length}, in a {self.tone} tone",
            f"keep formality {self.formality} and {'use emoji sparingly' if self.emojis else 'use no emoji'}",
            self.depth,
        ]

    @property
    def traits(self) -> list[str]:
        """At least three words, the most telling first."""
        asked = [
            ("curious", self.questions > 0.2),
            ("polite", self.polite > 0.1),
            ("expressive", self.feeling > 0.1),
            ("playful", self.jokes > 0.05 or bool(self.emojis)),
            ("energetic", self.exclamations > 0.1),
            ("concise", self.words_per_sentence < 10),
            ("thorough", self.words_per_sentence >= 16),
        ]
        found = [word for word, holds in asked if holds]
        return (found + [word for word in ("practical", "direct", "calm") if word not in found])[: max(3, len(found))]


def measure(materials: Sequence[str]) -> Style:
    """Measure the person's own lines, at most `MEASURED_CHARACTERS` of them."""
    text = own_text(materials)[:MEASURED_CHARACTERS]
    sentences = max(1, len(re.findall(r"[.!?。！？]+(?=\s|$)|\n+", text)))
    share = 1 / sentences
    return Style(
        sentences=sentences if text.strip() else 0,
        words_per_sentence=len(_WORD.findall(text)) * share,
        questions=(text.count("?") + text.count("？")) * share,
        exclamations=(text.count("!") + text.count("！")) * share,
        casual=len(_CASUAL.findall(text)) * share,
        polite=len(_POLITE.findall(text)) * share,
        feeling=len(_FEELING.findall(text)) * share,
        jokes=len(_JOKE.findall(text)) * share,
        emojis=tuple(dict.fromkeys(_EMOJI.findall(text)))[:5],
    )


def own_text(materials: Sequence[str]) -> str:
    """The person's lines alone; all of a material without role prefixes."""
    pieces: list[str] = []
    for text in materials:
        parts = passages(text)
        roles = any(part.owner != "nobody" for part in parts)
        pieces.extend(text[p.start : p.end] for p in parts if p.owner == ("user" if roles else "nobody"))
    return "\n".join(pieces)
