"""The profile columns: all of those that legacy and the frontend read, in one format."""

from __future__ import annotations

from datetime import UTC, datetime

from v2_service.contract import JsonObject
from v2_service.processors.facts import Category, Fact, Facts, FactSource
from v2_service.processors.memory_generator import empty_memory, fallback_memory
from v2_service.processors.sections import read_sections
from v2_service.processors.soulprint import legacy_profile, memory_log, soulprint_text

DATA: JsonObject = {
    "soul": {
        "communication_style": "direct",
        "personality_traits": ["curious", "calm", "dry"],
        "formality_level": "casual",
    },
    "identity": {"ai_name": "Wren", "archetype": "Quiet Builder", "vibe": "Steady and dry."},
    "user": {"location": "Porto", "relationships": ["Rui, brother"], "interests": ["sailing"], "occupation": "nurse"},
    "agents": {"behavioral_rules": ["Be brief", "Say why", "No fluff"], "do_not": ["Flatter"]},
    "tools": {"likely_usage": ["recipes"]},
}
SECTIONS = read_sections(DATA, "u").sections


def dated(category: Category, subject: str, detail: str, day: int | None) -> Fact:
    when = None if day is None else datetime(2024, 5, day, tzinfo=UTC)
    return Fact(category, subject, detail, (), (FactSource("c", when),))


FACTS = Facts(
    (
        dated(Category.PROJECTS, "Orchard", "a garden app", 2),
        dated(Category.BELIEFS, "Values honesty", "", 9),
        dated(Category.DATES, "Exam", "2024-06-01", None),
    )
)


def test_the_text_shows_the_sections_in_order_and_memory_last() -> None:
    text = soulprint_text(SECTIONS, fallback_memory(FACTS, "x"))
    titles = [line for line in text.splitlines() if line.startswith("# ")]
    assert titles == ["# Soul", "# Identity", "# User", "# Agents", "# Tools", "# Memory"]
    assert "**Personality Traits:**\n- curious\n- calm\n- dry" in text
    assert "**Humor Style:** not enough data" in text
    assert "- Orchard: a garden app" in text


def test_a_quick_profile_has_the_same_format_without_memory() -> None:
    assert soulprint_text(SECTIONS, empty_memory()).startswith(soulprint_text(SECTIONS, None).rstrip())


def test_l_28_every_column_a_reader_needs_is_written() -> None:
    profile = legacy_profile(SECTIONS, empty_memory(), FACTS)
    assert profile.keys() == {
        *("soulprint", "soulprint_text", "archetype", "ai_name", "soul_md", "identity_md", "user_md", "agents_md"),
        *("tools_md", "memory_md", "memory_log"),
    }
    assert all(profile.values())
    assert (profile["archetype"], profile["ai_name"]) == ("Quiet Builder", "Wren")
    assert str(profile["soul_md"]).startswith("# Soul\n\n**Communication Style:** direct")


def test_the_quick_profile_leaves_memory_columns_alone() -> None:
    assert {"memory_md", "memory_log"} & legacy_profile(SECTIONS).keys() == set()


def test_the_soulprint_object_has_legacys_shape() -> None:
    soulprint = legacy_profile(SECTIONS, None, FACTS)["soulprint"]
    assert soulprint == {
        "archetype": "Quiet Builder",
        "core_essence": "Steady and dry.",
        "voice": {
            "formality": "casual",
            "humor": "not enough data",
            "emoji_style": "not enough data",
            "signature_phrases": [],
            "tone": "not enough data",
        },
        "mind": {
            "thinking_style": "not enough data",
            "interests": ["sailing"],
            "expertise": ["Orchard"],
            "curiosity": "recipes",
        },
        "heart": {
            "emotional_expression": "not enough data",
            "values": ["Values honesty"],
            "connection_style": "direct",
        },
        "world": {"people": ["Rui, brother"], "places": ["Porto"], "work": "nurse", "life_context": "not enough data"},
        "best_quotes": [],
        "communication_guide": {"do": ["Be brief", "Say why", "No fluff"], "avoid": ["Flatter"]},
    }


def test_a_profile_of_a_person_nobody_knows_is_still_whole() -> None:
    profile = legacy_profile(read_sections({}, "u").sections, empty_memory(), Facts())
    assert all(profile.values())
    assert profile["memory_log"] == "# Memory log\n\n- not enough data\n"


def test_the_memory_log_is_dated_newest_first_and_bounded() -> None:
    assert memory_log(FACTS) == (
        "# Memory log\n\n## 2024-05-09\n\n- Values honesty\n\n## 2024-05-02\n\n- Orchard: a garden app\n"
        "\n## Undated\n\n- Exam: 2024-06-01\n"
    )
    many = Facts(tuple(dated(Category.BELIEFS, f"b{n}", "", 1) for n in range(500)))
    assert memory_log(many).count("\n- ") == 200
