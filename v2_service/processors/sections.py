"""The five sections of a profile: their fields, what a valid answer is, and how each is rendered.

Counterparts: `quick_pass` and `v2_regenerator` ask for them, `soulprint` turns them into the columns that chat reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.export.content import clean
from v2_service.processors.facts import NOT_ENOUGH_DATA, is_said
from v2_service.processors.json_schema import closed, text, texts

FieldValue = str | list[str]
Section = Mapping[str, FieldValue]


class SectionName(StrEnum):
    """The sections, in the order in which soulprint_text shows them."""

    SOUL = "soul"
    IDENTITY = "identity"
    USER = "user"
    AGENTS = "agents"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. A list with `at_least` must be empty (unknown) or hold that many, and never more than `at_most`."""

    description: str
    is_list: bool = False
    at_least: int = 0
    at_most: int = 20


FIELDS: dict[SectionName, dict[str, Field]] = {
    SectionName.SOUL: {
        "communication_style": Field("How the person writes and wants to be written to."),
        "personality_traits": Field("Three to seven traits.", is_list=True, at_least=3, at_most=7),
        "tone_preferences": Field("Tones the person likes and dislikes."),
        "boundaries": Field("What the person does not want."),
        "humor_style": Field("What kind of humour, if any."),
        "formality_level": Field("From casual to formal."),
        "emotional_patterns": Field("What excites, calms or frustrates the person."),
    },
    SectionName.IDENTITY: {
        "ai_name": Field("A personal name for the person's assistant: one or two words that fit this person."),
        "archetype": Field("Two to four words for who the person is."),
        "vibe": Field("The assistant's manner, in one sentence."),
        "emoji_style": Field("Whether and which emoji."),
        "signature_greeting": Field("How the assistant greets this person."),
    },
    SectionName.USER: {
        "name": Field("The person's name."),
        "location": Field("Where the person lives."),
        "occupation": Field("What the person does."),
        "relationships": Field("People who matter, and how.", is_list=True),
        "interests": Field("Lasting interests.", is_list=True),
        "life_context": Field("The person's situation in one or two sentences."),
        "preferred_address": Field("How the person wants to be called."),
    },
    SectionName.AGENTS: {
        "response_style": Field("Length, structure and depth of good answers."),
        "behavioral_rules": Field("Three to seven rules for the assistant.", is_list=True, at_least=3, at_most=7),
        "context_adaptation": Field("How to change with the situation."),
        "memory_directives": Field("What to remember and bring up."),
        "do_not": Field("What the assistant must not do.", is_list=True),
    },
    SectionName.TOOLS: {
        "likely_usage": Field("Tasks the person brings.", is_list=True),
        "capabilities_emphasis": Field("Abilities that matter most.", is_list=True),
        "output_preferences": Field("Formats, languages, code styles."),
        "depth_preference": Field("How deep to go by default."),
    },
}

SECTIONS_SCHEMA: JsonObject = closed(
    {
        section.value: closed(
            {
                name: texts(field.description) if field.is_list else text(field.description)
                for name, field in fields.items()
            }
        )
        for section, fields in FIELDS.items()
    }
)

SECTIONS_RULES = f"""\
- Ground every field in what the person's own lines show. Write "{NOT_ENOUGH_DATA}" for a text you cannot ground and []
  for such a list; two fields are always filled: ai_name and archetype.
- personality_traits and behavioral_rules hold three to seven entries, or none.
- ai_name is a name of its own, never a word like Assistant, AI, Bot or Soul. archetype is two to four words."""

UNKNOWN_ARCHETYPE = "Still Unfolding"
_GENERIC_NAMES = frozenset(
    [
        *(
            "ai",
            "ai assistant",
            "assistant",
            "your assistant",
            "my assistant",
            "personal assistant",
            "virtual assistant",
        ),
        *(
            "bot",
            "chatbot",
            "chatgpt",
            "gpt",
            "claude",
            "gemini",
            "model",
            "language model",
            "agent",
            "helper",
            "friend",
        ),
        *("companion", "soul", "soulprint", "the soul", "name", "ai name", "ai_name", "user", "system", "the ai"),
    ]
)
_SPARE_NAMES = (
    *("Alder", "Briar", "Calla", "Corin", "Dara", "Elowen", "Ember", "Fenn", "Isla", "Juniper", "Kestrel", "Lark"),
    *("Linden", "Marlow", "Merrin", "Nell", "Orin", "Perrin", "Quill", "Rowan", "Sable", "Tamsin", "Vesper", "Wren"),
)


@dataclass(frozen=True, slots=True)
class Sections:
    """All five sections, every field present: text or "not enough data", list or []."""

    values: Mapping[SectionName, Section]

    def text(self, section: SectionName, name: str) -> str:
        """A text field; empty when it is unknown."""
        value = self.values[section][name]
        return value if isinstance(value, str) and is_said(value) else ""

    def entries(self, section: SectionName, name: str) -> list[str]:
        """A list field."""
        value = self.values[section][name]
        return value if isinstance(value, list) else []

    @property
    def known(self) -> int:
        """Number of fields that say something; ai_name and archetype, which are always filled, do not count."""
        fields = ((section, name) for section, names in FIELDS.items() for name in names)
        always = {"ai_name", "archetype"}
        return sum(bool(self.text(s, n) or self.entries(s, n)) for s, n in fields if n not in always)

    def to_json(self) -> JsonObject:
        """`{section: {field: value}}`."""
        return {
            section.value: {
                name: [*value] if isinstance(value, list) else value for name, value in self.values[section].items()
            }
            for section in SectionName
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Sections:
        """Read back what `to_json` wrote; fields that are missing are unknown."""
        return cls({section: _section(section, data.get(section.value)) for section in SectionName})


@dataclass(frozen=True, slots=True)
class SectionsAnswer:
    """Sections read from an answer, and what is wrong with it in words that a repair request can use."""

    sections: Sections
    problems: tuple[str, ...]


def read_sections(data: JsonValue, name_seed: str) -> SectionsAnswer:
    """Sections from an answer; never raises. Counts are trimmed, the name and archetype filled, all else left unknown.

    `name_seed` (the user's id) picks a spare name, the same one each time and not one for everybody (L-29).
    """
    source = data if isinstance(data, dict) else {}
    values = {section: _section(section, source.get(section.value)) for section in SectionName}
    problems = [f"section {name.value} is missing" for name in SectionName if not isinstance(source.get(name), dict)]
    problems += _count_problems(source)
    identity = dict(values[SectionName.IDENTITY])
    if is_generic_name(identity["ai_name"]):
        problems.append("identity.ai_name is empty or generic")
        identity["ai_name"] = spare_name(name_seed)
    if not _is_archetype(identity["archetype"]):
        problems.append("identity.archetype is not two to four words")
        identity["archetype"] = _fitted_archetype(identity["archetype"])
    values[SectionName.IDENTITY] = identity
    return SectionsAnswer(Sections(values), tuple(problems))


def is_generic_name(name: FieldValue) -> bool:
    """Whether an assistant's name is missing or one that would be everybody's."""
    if not isinstance(name, str) or not is_said(name):
        return True
    plain = " ".join(name.casefold().replace("-", " ").split()).strip(".!\"' ")
    return plain in _GENERIC_NAMES or len(plain) > 40


def spare_name(seed: str) -> str:
    """A name when the model had none: stable for one seed, spread over seeds."""
    digest = blake2b(seed.encode("utf-8", "replace"), digest_size=4).digest()
    return _SPARE_NAMES[int.from_bytes(digest, "big") % len(_SPARE_NAMES)]


def render_section(section: SectionName, values: Section) -> str:
    """Markdown: a bold label per field, lists bulleted, unknowns said."""
    parts = []
    for name in FIELDS[section]:
        value = values[name]
        label = f"**{name.replace('_', ' ').title().replace('Ai ', 'AI ')}:**"
        if isinstance(value, list):
            parts.append("\n".join([label, *(f"- {item}" for item in value or [NOT_ENOUGH_DATA])]))
        else:
            parts.append(f"{label} {value or NOT_ENOUGH_DATA}")
    return "\n\n".join(parts)


def _section(section: SectionName, data: JsonValue) -> Section:
    given = data if isinstance(data, dict) else {}
    return {
        name: _list(given.get(name), field.at_most) if field.is_list else _text(given.get(name))
        for name, field in FIELDS[section].items()
    }


def _text(value: JsonValue) -> str:
    if isinstance(value, list):
        value = ", ".join(item for item in value if isinstance(item, str))
    plain = clean(" ".join(value.split())) if isinstance(value, str) else ""
    return plain if is_said(plain) else NOT_ENOUGH_DATA


def _list(value: JsonValue, at_most: int) -> list[str]:
    raw = value if isinstance(value, list) else [value]
    lines = (clean(" ".join(item.split())) for item in raw if isinstance(item, str))
    return list(dict.fromkeys(line for line in lines if is_said(line)))[:at_most]


def _count_problems(source: Mapping[str, JsonValue]) -> list[str]:
    problems = []
    for section, fields in FIELDS.items():
        given = source.get(section.value)
        for name, field in fields.items():
            value = given.get(name) if isinstance(given, dict) else None
            said = (
                [item for item in value if isinstance(item, str) and is_said(item)] if isinstance(value, list) else []
            )
            if field.at_least and said and not field.at_least <= len(said) <= field.at_most:
                problems.append(
                    f"{section.value}.{name} has {len(said)} entries, not {field.at_least} to {field.at_most}"
                )
    return problems


def _is_archetype(value: FieldValue) -> bool:
    return isinstance(value, str) and is_said(value) and 2 <= len(value.split()) <= 4


def _fitted_archetype(value: FieldValue) -> str:
    words = value.split() if isinstance(value, str) and is_said(value) else []
    if len(words) == 1:
        return f"The {words[0]}"
    return " ".join(words[:4]) if words else UNKNOWN_ARCHETYPE
