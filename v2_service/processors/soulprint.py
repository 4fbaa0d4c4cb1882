"""Sections, MEMORY and facts -> the profile columns that legacy's chat and the frontend read, in one format (L-28).

Counterpart: `sections` holds the fields; jobs/ writes the columns, fenced by its run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.facts import NOT_ENOUGH_DATA, Category, Facts
from v2_service.processors.memory_generator import Memory
from v2_service.processors.sections import SectionName, Sections, render_section

_LOG_LINES = 200
_UNDATED = datetime.min.replace(tzinfo=UTC)
_TITLES = {
    SectionName.SOUL: "Soul",
    SectionName.IDENTITY: "Identity",
    SectionName.USER: "User",
    SectionName.AGENTS: "Agents",
    SectionName.TOOLS: "Tools",
}


def soulprint_text(sections: Sections, memory: Memory | None) -> str:
    """The whole profile as one markdown text: soul, identity, user, agents, tools, then Memory if there is one."""
    parts = [f"# {title}\n\n{render_section(name, sections.values[name])}" for name, title in _TITLES.items()]
    if memory is not None:
        body = memory.markdown.partition("\n")[2].strip()
        parts.append(f"# Memory\n\n{body}")
    return "\n\n".join(parts) + "\n"


def legacy_profile(sections: Sections, memory: Memory | None = None, facts: Facts | None = None) -> JsonObject:
    """The columns of user_profiles that describe the person; memory columns only when there is a `memory`."""
    columns: JsonObject = {
        "soulprint": soulprint_object(sections, facts or Facts()),
        "soulprint_text": soulprint_text(sections, memory),
        "archetype": sections.text(SectionName.IDENTITY, "archetype"),
        "ai_name": sections.text(SectionName.IDENTITY, "ai_name"),
    }
    for name, title in _TITLES.items():
        columns[f"{name.value}_md"] = f"# {title}\n\n{render_section(name, sections.values[name])}\n"
    if memory is not None:
        columns["memory_md"] = memory.markdown
        columns["memory_log"] = memory_log(facts or Facts())
    return columns


def soulprint_object(sections: Sections, facts: Facts) -> JsonObject:
    """The `soulprint` jsonb in the shape that legacy writes. `best_quotes` stays empty: nothing here is verbatim."""
    soul, identity, user = SectionName.SOUL, SectionName.IDENTITY, SectionName.USER
    agents, tools = SectionName.AGENTS, SectionName.TOOLS
    text, entries = sections.text, sections.entries
    essence = (text(identity, "vibe"), text(user, "life_context"), text(soul, "communication_style"))
    return {
        "archetype": text(identity, "archetype"),
        "core_essence": next((part for part in essence if part), text(identity, "archetype")),
        "voice": {
            "formality": _or_unknown(text(soul, "formality_level")),
            "humor": _or_unknown(text(soul, "humor_style")),
            "emoji_style": _or_unknown(text(identity, "emoji_style")),
            "signature_phrases": _list([text(identity, "signature_greeting")]),
            "tone": _or_unknown(text(soul, "tone_preferences")),
        },
        "mind": {
            "thinking_style": _or_unknown(text(agents, "response_style")),
            "interests": _list(entries(user, "interests")),
            "expertise": _list(fact.subject for fact in facts.of(Category.PROJECTS)[:10]),
            "curiosity": _or_unknown(", ".join(entries(tools, "likely_usage"))),
        },
        "heart": {
            "emotional_expression": _or_unknown(text(soul, "emotional_patterns")),
            "values": _list(fact.subject for fact in facts.of(Category.BELIEFS)[:10]),
            "connection_style": _or_unknown(text(soul, "communication_style")),
        },
        "world": {
            "people": _list(entries(user, "relationships")),
            "places": _list([text(user, "location")]),
            "work": _or_unknown(text(user, "occupation")),
            "life_context": _or_unknown(text(user, "life_context")),
        },
        "best_quotes": [],
        "communication_guide": {
            "do": _list(entries(agents, "behavioral_rules")),
            "avoid": _list([*entries(agents, "do_not"), text(soul, "boundaries")]),
        },
    }


def memory_log(facts: Facts) -> str:
    """What was learnt, by the day it was stated, newest first; at most 200 lines."""
    dated = sorted(facts.items, key=lambda fact: fact.stated_at or _UNDATED, reverse=True)[:_LOG_LINES]
    parts = ["# Memory log"]
    day = ""
    for fact in dated:
        stated = f"{fact.stated_at:%Y-%m-%d}" if fact.stated_at else "Undated"
        if stated != day:
            parts.append(f"\n## {stated}\n")
            day = stated
        parts.append(f"- {fact.subject}" + (f": {fact.detail}" if fact.detail else ""))
    return "\n".join(parts if dated else [*parts, "", f"- {NOT_ENOUGH_DATA}"]) + "\n"


def _or_unknown(text: str) -> str:
    return text or NOT_ENOUGH_DATA


def _list(items: Iterable[str]) -> list[JsonValue]:
    return [item for item in items if item]
