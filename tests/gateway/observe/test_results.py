"""Pairs as the database tells them: which there are, what each side made, and that no text comes along."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any  # rows

import pytest

from gateway.observe.errors import SourceRefused
from gateway.observe.results import QUESTIONS, Import, compare_pairs, compare_two
from gateway.observe.side_by_side import Report
from gateway.observe.supabase import SupabaseReader
from sandbox.running import RunningSandbox
from tests.gateway.observe.pairs import SECRET, TIERS, Pair


@pytest.fixture
async def source(sandbox: RunningSandbox) -> AsyncIterator[SupabaseReader]:
    reader = SupabaseReader(sandbox.url, sandbox.keys.service, per_second=1000)
    yield reader
    await reader.close()


async def compared(source: SupabaseReader, user: str, **given: Any) -> Report:
    report = Report()
    await compare_pairs(source, report, 0.0, user=user, limit=10, **given)
    return report


async def test_a_pair_is_found_by_user_and_export_and_compared(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    pair = Pair(sandbox)
    [observation] = (await compared(source, pair.user)).observations
    assert observation.name == pair.run
    for side in (observation.control, observation.candidate):
        assert [side.figures[f"chunks_{tier}"] for tier in TIERS] == [3, 3, 3]
        assert (side.figures["found"], side.figures["nearest"], side.figures["embedded"]) == (1, 1, 1)
    assert (observation.candidate.figures["dollars"], observation.control.figures["dollars"]) == (0.25, None)
    assert observation.shared == 1


async def test_a_conversation_that_one_side_lacks_is_not_found_there(
    sandbox: RunningSandbox, source: SupabaseReader
) -> None:
    pair = Pair(sandbox, conversations=2)
    pair.chunk(7, "micro", stored=True)
    [observation] = (await compared(source, pair.user)).observations
    assert observation.control.figures["found"] == 1
    assert observation.candidate.figures["found"] == pytest.approx(4 / 5)
    assert observation.candidate.figures["found_others"] == pytest.approx(2 / 3)


async def test_no_text_leaves_the_database(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    pair = Pair(sandbox)
    arguments: list[tuple[str, dict[str, object]]] = [
        ("banyan_compare_pairs", {"p_since": "2020-01-01", "p_user": pair.user, "p_limit": 5}),
        ("banyan_compare_result", {"p_user": pair.user, "p_run": None}),
        ("banyan_compare_result", {"p_user": None, "p_run": pair.run}),
        (
            "banyan_compare_search",
            {"p_control": pair.user, "p_user": None, "p_run": pair.run, "p_questions": QUESTIONS, "p_count": 5}
            | {"p_threshold": 0.3},
        ),
    ]
    for function, given in arguments:
        answer = json.dumps(await source.call(function, given))
        assert len(answer) > 50
        assert not any(word in answer for word in (*SECRET.split()[1:3], "conversation 0", 'embedding": "['))


async def test_the_same_questions_are_asked_every_time(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    pair = Pair(sandbox, conversations=QUESTIONS)
    given = {"p_control": pair.user, "p_user": None, "p_run": pair.run, "p_questions": QUESTIONS, "p_count": 5}
    first = await source.call("banyan_compare_search", {**given, "p_threshold": 0.3})
    assert isinstance(first, list)
    assert [one["origin"] for one in first] == ["candidate"] * 8 + ["control"] * 8
    assert await source.call("banyan_compare_search", {**given, "p_threshold": 0.3}) == first


async def test_a_user_who_was_imported_again_makes_no_pair(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    pair = Pair(sandbox, conversations=1)
    again = {"user_id": pair.user, "status": "complete", "storage_path": f"user-imports/{pair.user}/other.json"}
    sandbox.http.post("/rest/v1/processing_jobs", json=again).raise_for_status()
    report = await compared(source, pair.user)
    assert (report.observations, report.left_out) == ([], {"the user was imported again": 1})


async def test_a_dry_run_without_the_monoliths_import_makes_no_pair(
    sandbox: RunningSandbox, source: SupabaseReader
) -> None:
    pair = Pair(sandbox, conversations=1)
    sandbox.http.delete("/rest/v1/processing_jobs", params={"id": f"eq.{pair.job}"}).raise_for_status()
    assert (await compared(source, pair.user)).left_out == {"no import by the control": 1}


async def test_an_import_that_is_not_over_is_left_for_later(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    pair = Pair(sandbox, conversations=1)
    query = {"id": f"eq.{pair.job}"}
    sandbox.http.patch("/rest/v1/processing_jobs", params=query, json={"status": "processing"}).raise_for_status()
    assert (await compared(source, pair.user)).left_out == {"the control is not over": 1}


async def test_two_imports_of_the_control_are_compared_alike(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    one, other = Pair(sandbox, conversations=2), Pair(sandbox, conversations=2)
    job = {"status": "complete"}
    observation = await compare_two(source, "a/a", Import(one.user, job), Import(other.user, job))
    assert (observation.mismatches, observation.shared) == ([], 1)


async def test_a_database_without_the_functions_refuses(sandbox: RunningSandbox, source: SupabaseReader) -> None:
    with pytest.raises(SourceRefused, match="no_such_function"):
        await source.call("no_such_function", {})
