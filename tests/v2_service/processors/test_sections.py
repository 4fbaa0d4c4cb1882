"""The five sections: every field there, counts enforced, names that are names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.facts import NOT_ENOUGH_DATA
from v2_service.processors.sections import (
    FIELDS,
    UNKNOWN_ARCHETYPE,
    SectionName,
    Sections,
    is_generic_name,
    read_sections,
    render_section,
    spare_name,
)


def whole(**identity: JsonValue) -> JsonObject:
    data: JsonObject = {
        section.value: {
            name: [f"{name} {n}" for n in range(max(field.at_least, 1))] if field.is_list else f"some {name}"
            for name, field in fields.items()
        }
        for section, fields in FIELDS.items()
    }
    data["identity"] = {
        "ai_name": "Marlow",
        "archetype": "Patient Builder",
        "vibe": "calm",
        "emoji_style": "rare",
        "signature_greeting": "Hello",
        **identity,
    }
    return data


def test_the_fields_are_those_of_the_contract() -> None:
    assert {section.value: list(fields) for section, fields in FIELDS.items()} == {
        "soul": [
            "communication_style",
            "personality_traits",
            "tone_preferences",
            "boundaries",
            "humor_style",
            "formality_level",
            "emotional_patterns",
        ],
        "identity": ["ai_name", "archetype", "vibe", "emoji_style", "signature_greeting"],
        "user": ["name", "location", "occupation", "relationships", "interests", "life_context", "preferred_address"],
        "agents": ["response_style", "behavioral_rules", "context_adaptation", "memory_directives", "do_not"],
        "tools": ["likely_usage", "capabilities_emphasis", "output_preferences", "depth_preference"],
    }


def test_a_whole_answer_has_no_problems_and_comes_back_as_it_went() -> None:
    answer = read_sections(whole(), "user")
    assert answer.problems == ()
    assert answer.sections.to_json() == whole()
    assert Sections.from_json(answer.sections.to_json()) == answer.sections


@pytest.mark.parametrize(
    "name", ["", None, "Soul", "soul", "AI", "Assistant", "ChatGPT", "not enough data", " the AI ", "x" * 60, 5]
)
def test_l_29_a_generic_or_empty_name_is_replaced_and_reported(name: JsonValue) -> None:
    answer = read_sections(whole(ai_name=name), "user-1")
    assert answer.problems == ("identity.ai_name is empty or generic",)
    chosen = answer.sections.text(SectionName.IDENTITY, "ai_name")
    assert chosen == spare_name("user-1")
    assert not is_generic_name(chosen)


def test_l_29_spare_names_are_stable_for_a_user_and_differ_between_users() -> None:
    assert spare_name("a") == spare_name("a")
    assert len({spare_name(f"user-{n}") for n in range(200)}) > 15


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("", UNKNOWN_ARCHETYPE),
        (None, UNKNOWN_ARCHETYPE),
        ("not enough data", UNKNOWN_ARCHETYPE),
        ("Builder", "The Builder"),
        ("one two three four five", "one two three four"),
    ],
)
def test_an_archetype_has_two_to_four_words(given_value: JsonValue, expected: str) -> None:
    answer = read_sections(whole(archetype=given_value), "u")
    assert answer.problems == ("identity.archetype is not two to four words",)
    assert answer.sections.text(SectionName.IDENTITY, "archetype") == expected


@pytest.mark.parametrize("count", [1, 2, 8])
def test_counts_outside_their_range_are_reported_and_trimmed(count: int) -> None:
    data = whole()
    soul = data["soul"]
    assert isinstance(soul, dict)
    soul["personality_traits"] = [f"trait {n}" for n in range(count)]
    answer = read_sections(data, "u")
    assert answer.problems == (f"soul.personality_traits has {count} entries, not 3 to 7",)
    assert len(answer.sections.entries(SectionName.SOUL, "personality_traits")) == min(count, 7)


def test_unknown_lists_may_be_empty() -> None:
    data = whole()
    agents = data["agents"]
    assert isinstance(agents, dict)
    agents["behavioral_rules"] = []
    assert read_sections(data, "u").problems == ()


def test_a_missing_section_is_reported_and_left_unknown() -> None:
    data = whole()
    del data["tools"]
    answer = read_sections(data, "u")
    assert answer.problems == ("section tools is missing",)
    assert answer.sections.values[SectionName.TOOLS] == {
        "likely_usage": [],
        "capabilities_emphasis": [],
        "output_preferences": NOT_ENOUGH_DATA,
        "depth_preference": NOT_ENOUGH_DATA,
    }


def test_what_is_known_is_counted_without_the_two_fields_that_are_always_filled() -> None:
    assert read_sections({}, "u").sections.known == 0
    assert read_sections(whole(), "u").sections.known == sum(map(len, FIELDS.values())) - 2


def test_a_section_is_rendered_with_bold_labels_and_bullets() -> None:
    values = read_sections(
        {"tools": {"likely_usage": ["Code", "Recipes"], "depth_preference": "deep"}}, "u"
    ).sections.values
    assert render_section(SectionName.TOOLS, values[SectionName.TOOLS]) == (
        "**Likely Usage:**\n- Code\n- Recipes\n\n"
        "**Capabilities Emphasis:**\n- not enough data\n\n"
        "**Output Preferences:** not enough data\n\n"
        "**Depth Preference:** deep"
    )


json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
section_values = st.dictionaries(st.sampled_from([name for fields in FIELDS.values() for name in fields]), json_values)


@given(st.one_of(json_values, st.dictionaries(st.sampled_from([*SectionName]), st.one_of(json_values, section_values))))
def test_no_answer_raises_and_every_field_is_there(data: JsonValue) -> None:
    sections = read_sections(data, "u").sections
    for section, fields in FIELDS.items():
        assert list(sections.values[section]) == list(fields)
        for name, field in fields.items():
            value = sections.values[section][name]
            assert isinstance(value, list) == field.is_list
            assert value or field.is_list
    assert not is_generic_name(sections.text(SectionName.IDENTITY, "ai_name"))
    assert 2 <= len(sections.text(SectionName.IDENTITY, "archetype").split()) <= 4
