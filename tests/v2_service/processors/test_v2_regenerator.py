"""The final profile: MEMORY and sample together, one cheap repair, never worse than before."""

from __future__ import annotations

from v2_service.contract import JsonObject
from v2_service.processors.sampling import Sample
from v2_service.processors.sections import SectionsAnswer, read_sections
from v2_service.processors.v2_regenerator import (
    REGENERATION_SAMPLING,
    better_answer,
    regeneration_request,
    repair_request,
    worth_replacing,
)

GOOD: JsonObject = {
    "soul": {"humor_style": "dry", "boundaries": "none of it"},
    "identity": {"ai_name": "Wren", "archetype": "Quiet Builder"},
    "user": {"name": "Ana"},
    "agents": {},
    "tools": {},
}


def test_l_51_memory_and_sample_are_both_in_the_material() -> None:
    request = regeneration_request(Sample("## Talk\nUser: hi", 1, 1), "# MEMORY\n\n- Likes tea.\n")
    assert request.material == "# Memory file\n# MEMORY\n\n- Likes tea.\n\n# Chats\n## Talk\nUser: hi"


def test_the_sample_takes_the_top_two_hundred() -> None:
    assert REGENERATION_SAMPLING.at_most == 200


def test_a_repair_sends_back_the_answer_and_the_problems_only() -> None:
    request = repair_request(GOOD, ("section tools is missing", "identity.ai_name is empty or generic"))
    assert "- section tools is missing\n- identity.ai_name is empty or generic" in request.instruction
    assert '"humor_style": "dry"' in request.material
    assert len(request.material) < 500


def answer(data: JsonObject) -> SectionsAnswer:
    return read_sections(data, "u")


def test_a_repaired_answer_is_taken_only_if_it_is_better_and_has_lost_nothing() -> None:
    first = answer({**GOOD, "identity": {"ai_name": "AI", "archetype": "Quiet Builder"}})
    assert better_answer(first, None) is first
    assert better_answer(first, answer(GOOD)).problems == ()
    flawless_but_forgetful = answer({**GOOD, "soul": {}, "user": {}})
    assert flawless_but_forgetful.problems == ()
    assert better_answer(first, flawless_but_forgetful) is first
    assert better_answer(first, first) is first


def test_a_profile_is_not_replaced_by_one_that_knows_much_less() -> None:
    good, empty = answer(GOOD).sections, answer({}).sections
    assert worth_replacing(good, None)
    assert worth_replacing(good, empty)
    assert worth_replacing(good, good)
    assert not worth_replacing(empty, good)
