"""All that the stand-in knows of the person behind one request: facts found, facts given, and style."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.models.extractor import extract
from sandbox.models.fields import snake
from sandbox.models.given import Given, given
from sandbox.models.material import has_roles
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
        """What style, or a profile handed over, says for a field of this name; None when it is a matter of facts."""
        plain = snake(name)
        handed = self.given.measures.get(plain)
        if handed == "":
            handed = UNKNOWN
        attribute = next((attribute for pattern, attribute in _MEASURES if pattern.search(plain)), None)
        if handed is not None and (not self.style.sentences or (attribute in _CHOSEN and handed != UNKNOWN)):
            return handed
        if attribute is None:
            return None
        return self._own(attribute) or handed or UNKNOWN

    def _own(self, attribute: str) -> str | list[str] | None:
        if attribute in _OWN:
            own: str | list[str] = getattr(self, attribute)
            return own
        if not self.style.sentences:
            return None
        found: str | list[str] = getattr(self.style, attribute)
        return found

    @property
    def greeting(self) -> str:
        """How an assistant would greet the person."""
        names = self.facts.texts(Topic.NAME)
        return f"Hello {names[0]}" if names else UNKNOWN

    @property
    def rules(self) -> list[str]:
        """Rules for an assistant: those the person gave, then what follows from their preferences and style."""
        told = self.facts.texts(Topic.RULE, Topic.AVOID)
        liked = [f"keep in mind that the person {text}" for text in self.facts.texts(Topic.PREFERENCE)[:3]]
        return [*told[:4], *liked, *(self.style.rules if self.style.sentences else [])][:7]

    @property
    def archetype(self) -> str:
        """Two to four words: a trait and an occupation or interest."""
        handed = self.given.measures.get("archetype")
        if isinstance(handed, str) and handed:
            return handed
        trait = self.style.traits[0].title() if self.style.sentences else "Quiet"
        jobs = [text for text in self.facts.texts(Topic.OCCUPATION) if not text.startswith("works at")]
        last = re.findall(r"[A-Za-z]{4,}", re.split(r" (?:at|for|with|in) ", jobs[0])[0]) if jobs else []
        if last:
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
        (r"humou?r(?:_?style)?(?!_?examples)", "humor"),
        (r"emoji(?:_?style|_?usage)?", "emoji"),
        (r"emotional\w*|feelings?", "emotion"),
        (r"traits?", "traits"),
        (r"behaviou?ral_?rules|communication_?rules", "rules"),
        (r"signature_?greeting|greeting", "greeting"),
        (r"depth_?preference|depth", "depth"),
        (r"tone(?:_?preferences?)?(?!_?examples)|vibe|connection_?style", "tone"),
        (r"communication_?style|response_?style|thinking_?style|writing_?style", "communication"),
    )
)
_CHOSEN = frozenset(("archetype", "essence", "ai_name"))
_OWN = _CHOSEN | {"greeting", "rules"}
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
    # What was handed over as facts is not read a second time as if the person were speaking.
    own = ["" if source in handed.sources and not has_roles(text) else text for source, text in enumerate(materials)]
    for fact in extract(own):
        facts.add(fact)
    return Knowledge(facts, measure(own), handed, tuple(materials))
