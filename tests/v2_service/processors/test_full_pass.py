"""The order of the pipeline and the proof at its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any  # keyword arguments of a dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import spoken
from v2_service.contract import Tier
from v2_service.processors.conversation_chunker import chunk_conversations
from v2_service.processors.full_pass import (
    STEPS,
    Evidence,
    FullPassSettings,
    RunOutcome,
    Step,
    characters_read,
    label_of,
    next_step,
    plan_steps,
    progress_after,
    progress_within,
    prove,
    wants_full_pass,
)

SETTINGS = FullPassSettings()
PROVEN = Evidence(
    full=True,
    chunks_made=10,
    chunks_stored=10,
    chunks_embedded=10,
    profile_saved=True,
    characters_total=1000,
    characters_read=1000,
    sections_regenerated=True,
)


def test_every_step_is_planned_once_and_has_a_label() -> None:
    assert sorted(info.step for info in STEPS) == sorted(Step)
    assert all(label_of(step) for step in Step)


def test_s_28_the_full_pass_begins_at_fifty_conversations() -> None:
    assert not wants_full_pass(49, SETTINGS)
    assert wants_full_pass(50, SETTINGS)


def test_a_small_export_gets_chunks_embeddings_and_a_profile_only() -> None:
    assert plan_steps(full=False) == (
        *(Step.DOWNLOAD, Step.QUICK_PROFILE, Step.CHUNK, Step.EMBED, Step.SWITCH, Step.PROVE, Step.CALLBACK),
    )
    assert set(plan_steps(full=True)) == set(Step)


def test_s_21_the_quick_profile_comes_before_anything_long() -> None:
    plan = plan_steps(full=True)
    assert plan.index(Step.QUICK_PROFILE) < plan.index(Step.CHUNK) < plan.index(Step.EXTRACT)


def test_l_07_the_callback_comes_after_the_proof() -> None:
    assert plan_steps(full=True)[-2:] == (Step.PROVE, Step.CALLBACK)


def test_the_next_step_is_the_first_that_is_not_done() -> None:
    assert next_step(set(), full=True) is Step.DOWNLOAD
    assert next_step({Step.DOWNLOAD, Step.QUICK_PROFILE}, full=True) is Step.CHUNK
    before_proof = {*plan_steps(full=False)} - {Step.PROVE, Step.CALLBACK}
    assert next_step(before_proof, full=False) is Step.PROVE
    assert next_step(before_proof, full=True) is Step.EXTRACT
    assert next_step(set(Step), full=True) is None


@pytest.mark.parametrize("full", [True, False])
def test_l_31_progress_only_grows_and_ends_at_a_hundred(full: bool) -> None:
    plan = plan_steps(full=full)
    assert all(progress_after(before) < progress_after(after) for before, after in pairwise(plan))
    assert progress_after(plan[-1]) == 100


@given(st.sampled_from(Step), st.integers(-5, 50), st.integers(0, 40))
def test_progress_within_a_step_stays_between_its_ends(step: Step, done: int, total: int) -> None:
    at = [info.step for info in STEPS].index(step)
    before = STEPS[at - 1].progress if at else 0
    assert before <= progress_within(step, done, total) <= progress_after(step)
    assert progress_within(step, max(total, 1), max(total, 1)) == progress_after(step)


def test_a_run_is_complete_when_everything_is_proven() -> None:
    assert prove(PROVEN, SETTINGS).outcome is RunOutcome.COMPLETE
    assert prove(PROVEN, SETTINGS).reason == ""


RULES = [
    ({"chunks_made": 0, "chunks_stored": 0, "chunks_embedded": 0}, RunOutcome.FAILED, "no_chunks"),
    ({"chunks_stored": 9, "chunks_embedded": 9}, RunOutcome.FAILED, "chunks_missing"),
    ({"chunks_stored": 11, "chunks_embedded": 11}, RunOutcome.FAILED, "chunks_missing"),
    ({"chunks_embedded": 0}, RunOutcome.FAILED, "nothing_embedded"),
    ({"profile_saved": False}, RunOutcome.FAILED, "profile_not_saved"),
    ({"characters_read": 499}, RunOutcome.FAILED, "coverage_too_low"),
    ({"chunks_embedded": 9}, RunOutcome.DEGRADED, "embeddings_missing"),
    ({"characters_read": 500}, RunOutcome.DEGRADED, "coverage_low"),
    ({"characters_read": 949}, RunOutcome.DEGRADED, "coverage_low"),
    ({"memory_fallback": True}, RunOutcome.DEGRADED, "memory_fallback"),
    ({"sections_regenerated": False}, RunOutcome.DEGRADED, "sections_not_regenerated"),
    ({"characters_read": 950}, RunOutcome.COMPLETE, "all_proven"),
]


@pytest.mark.parametrize(("change", "outcome", "rule"), RULES, ids=[f"{row[2]}-{row[0]}" for row in RULES])
def test_l_02_and_l_61_each_lack_is_found(change: dict[str, Any], outcome: RunOutcome, rule: str) -> None:
    verdict = prove(replace(PROVEN, **change), SETTINGS)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)
    assert bool(verdict.reason) == (outcome is not RunOutcome.COMPLETE)


def test_the_gravest_finding_decides_and_all_are_told() -> None:
    verdict = prove(replace(PROVEN, memory_fallback=True, chunks_stored=9, chunks_embedded=9), SETTINGS)
    assert verdict.outcome is RunOutcome.FAILED
    assert verdict.reason == "9 of 10 pieces of text are stored; the memory lists facts without a summary"


def test_a_small_run_is_not_measured_by_what_it_did_not_do() -> None:
    small = replace(PROVEN, full=False, characters_read=0, sections_regenerated=False)
    assert prove(small, SETTINGS).outcome is RunOutcome.COMPLETE


def test_coverage_counts_every_character_of_the_answered_medium_chunks_once() -> None:
    talk = spoken("A sentence that is said again and again. " * 800)
    chunks = list(chunk_conversations([talk], datetime(2024, 1, 1, tzinfo=UTC)))
    assert characters_read(chunks) == talk.text_length
    medium = [chunk for chunk in chunks if chunk.tier is Tier.MEDIUM]
    assert characters_read(medium[1:]) == talk.text_length - medium[0].new_characters
