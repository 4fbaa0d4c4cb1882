"""All that the stand-in knows of the person behind one request: facts found, facts given, and style."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.models.extractor import extract
from sandbox.models.fields import snake
from sandbox.models.given import Given, given
from sandbox.models.style import Style, measure
from sandbox.models.topics import Facts, Topic

UNKNOWN = "not enough data"

# An assistant's name is picked, not found: nobody's material holds one.
_NAMES = ("Alder", "Briar", "Cedar", "Fenn", "Hazel", "Juniper", "Linden", "Maren", "Rowan", "Sorrel", "Tarn", "Wren")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one answer may be made of. `materials` are the texts that facts' spans point into."""

    facts: Facts
    style: Style
    given: Given
    materials: tuple[str, ...]

    def measured(self, name: str) -> str | list[str] | None:
        """What style (or a summary handed over) says for a field of this name; None when it is no such field."""
        plain = snake(name)
        handed = self.given.measures.get(plain)
        for pattern, attribute in _MEASURES:
            if pattern.search(plain):
                own = self._own(attribute)
                return handed if handed and (own is None or own == UNKNOWN) else own or handed or UNKNOWN
        return handed

    def _own(self, attribute: str) -> str | list[str] | None:
        if attribute in ("archetype", "essence", "ai_name"):
            return {"archetype": self.archetype, "essence": self.essence, "ai_name": self.ai_name}[attribute]
        if not self.style.sentences:
            return None
        found: str | list[str] = getattr(self.style, attribute)
        return found

    @property
    def archetype(self) -> str:
        """Two to four words: a trait and an occupation or interest."""
        handed = self.given.measures.get("archetype")
        if isinstance(handed, str) and handed:
            return handed
        trait = self.style.traits[0].title() if self.style.sentences else "Quiet"
        jobs = self.facts.texts(Topic.OCCUPATION)
        last = re.findall(r"[A-Za-z]{4,}", re.split(r" (?:at|for|with|in) ", jobs[0])[0]) if jobs else []
        if last and not jobs[0].startswith("works at"):
            return f"{trait} {last[-1].title()}"
        interests = [text for text in self.facts.texts(Topic.INTEREST) if re.fullmatch(r"[A-Za-z][\w+#-]{2,20}", text)]
        return f"{trait} {interests[0].title()} Explorer" if interests else f"{trait} Conversationalist"

    @property
    def essence(self) -> str:
        """Two or three sentences of what is known."""
        known = [
            f"{label}: {'; '.join(texts[:3])}" for label, topics in _ESSENCE if (texts := self.facts.texts(*topics))
        ]
        style = f"Someone who {self.style.communication}." if self.style.sentences else ""
        return " ".join([style, *(f"{line}." for line in known[:3])]).strip() or UNKNOWN

    @property
    def ai_name(self) -> str:
        """A name for the person's assistant: always the same for the same facts, never a generic one."""
        seed = "|".join(sorted(self.facts.texts(Topic.NAME, Topic.INTEREST, Topic.PROJECT))[:50])
        return _NAMES[hashlib.sha256(seed.encode()).digest()[0] % len(_NAMES)]

    def evidence(self, source: int, start: int, end: int) -> str:
        """The words of the material that a fact rests on; empty for a fact that was handed over."""
        return self.materials[source][start:end] if end > start else ""


_MEASURES = tuple(
    (re.compile(rf"(?:^|_)(?:{pattern})(?:_|$)"), attribute)
    for pattern, attribute in (
        (r"ai_?name|assistant_?name", "ai_name"),
        (r"archetype|persona", "archetype"),
        (r"essence|bio|profile_?summary", "essence"),
        (r"formality(?:_?level)?", "formality"),
        (r"humou?r(?:_?style|_?examples)?", "humor"),
        (r"emoji(?:_?style|_?usage)?", "emoji"),
        (r"emotional\w*|feelings?", "emotion"),
        (r"traits?", "traits"),
        (r"tone(?:_?preferences?)?(?!_?examples)|vibe|connection_?style|signature_?greeting", "tone"),
        (r"communication_?style|response_?style|thinking_?style|writing_?style|depth_?preference", "communication"),
    )
)
_ESSENCE = (
    ("Works as", (Topic.OCCUPATION,)),
    ("Is busy with", (Topic.PROJECT, Topic.INTEREST)),
    ("Holds dear", (Topic.VALUE, Topic.PREFERENCE)),
    ("Has decided", (Topic.DECISION,)),
)


def learn(materials: Sequence[str]) -> Knowledge:
    """Read all materials once."""
    handed = given(materials)
    facts = handed.facts
    texts = [text for text in materials if text.lstrip()[:1] not in ("{", "[") or not handed.facts]
    kept = list(materials)
    for fact in extract([text if text in texts else "" for text in kept]):
        facts.add(fact)
    return Knowledge(facts, measure(texts), handed, tuple(kept))
