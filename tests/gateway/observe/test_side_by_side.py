"""Pairs of imports compared: figures, typed differences, and which of them say that the candidate is worse."""

from __future__ import annotations

from typing import Any  # JSON

import pytest

from gateway.core.differences import Difference, Kind
from gateway.core.noise import MIN_REPEATED, Standing
from gateway.observe.side_by_side import Observation, Report, is_behind, observe

TEXT = {"filled": True, "characters": 100, "headings": 1}
EMPTY = {"filled": False, "characters": 0, "headings": 0}


def made(chunks: int = 4, embedded: int = 4, **texts: dict[str, Any]) -> dict[str, Any]:
    tier = {"chunks": chunks, "embedded": embedded, "characters": 50, "conversations": 2, "twice": 0}
    return {
        "tiers": {"medium": tier},
        "conversations": 2,
        "profile": {
            "import_status": "complete",
            "embedding_status": "complete",
            "memory_status": "ready",
            "total_chunks": chunks,
            "archetype": True,
            "soulprint": {"voice": "string"},
            "texts": {"soul_md": TEXT, "user_md": TEXT, **texts},
        },
    }


def hits(found: bool, nearest: float = 0.9) -> dict[str, Any]:
    return {"found": found, "rank": 1 if found else None, "nearest": nearest, "hits": 5}


def question(origin: str, control: bool, candidate: bool) -> dict[str, Any]:
    return {"origin": origin, "control": hits(control), "candidate": hits(candidate), "shared": 0.5}


CONTROL = {"status": "complete", "seconds": 10.0}
CANDIDATE = {"status": "complete", "seconds": 5.0, "dollars": 0.5, "counts": {"characters": 100}}
ASKED = [question("control", True, True), question("candidate", False, True)]


def pair(candidate: dict[str, Any] | None = None, asked: list[dict[str, Any]] | None = None) -> Observation:
    return observe("p", (CONTROL, made()), (CANDIDATE, candidate or made()), ASKED if asked is None else asked)


def test_a_pair_is_known_by_figures_of_both_sides() -> None:
    observation = pair()
    assert observation.mismatches == []
    assert observation.shared == 0.5
    assert observation.candidate.figures == {
        "succeeded": 1.0,
        "chunks_micro": 0.0,
        "chunks_medium": 4.0,
        "chunks_macro": 0.0,
        "conversations": 2.0,
        "text_stored": 0.5,
        "embedded": 1.0,
        "texts_filled": 2.0,
        "profile_characters": 200.0,
        "found": 1.0,
        "found_others": 1.0,
        "first_others": 1.0,
        "nearest": 0.9,
        "seconds": 5.0,
        "dollars": 0.5,
    }
    assert observation.control.figures["found"] == 0.5
    assert observation.control.figures["found_others"] == 0.0
    assert observation.control.figures["dollars"] is None


@pytest.mark.parametrize(
    ("candidate", "difference"),
    [
        (made(chunks=5, embedded=5), Difference("/tiers/medium/chunks", Kind.VALUE)),
        (made(embedded=3), Difference("/tiers/medium/all_embedded", Kind.VALUE)),
        (made(user_md=EMPTY), Difference("/profile/texts/user_md", Kind.MISSING)),
        (made(memory_md=TEXT), Difference("/profile/texts/memory_md", Kind.EXTRA)),
        (made(user_md={**TEXT, "headings": 2}), Difference("/profile/texts/user_md/headings", Kind.VALUE)),
    ],
)
def test_a_difference_has_a_place_and_a_kind_and_no_value(candidate: dict[str, Any], difference: Difference) -> None:
    assert pair(candidate).mismatches == [difference]


def test_the_shape_of_a_profile_is_compared_key_by_key_and_list_by_list() -> None:
    other = made()
    other["profile"]["soulprint"] = {"voice": ["string"], "mind": "string"}
    assert pair(other).mismatches == [
        Difference("/profile/soulprint/voice", Kind.TYPE),
        Difference("/profile/soulprint/mind", Kind.EXTRA),
    ]


def test_an_ignored_path_is_no_mismatch() -> None:
    other = (CANDIDATE, made(chunks=5, embedded=5))
    assert observe("p", (CONTROL, made()), other, [], ["/tiers/*/chunks"]).mismatches == []


def test_what_the_control_does_against_itself_is_noise() -> None:
    report = Report()
    for _ in range(MIN_REPEATED):
        report.compare(pair(made(user_md={**TEXT, "headings": 2}, soul_md=EMPTY)))
        report.repeat(pair(made(user_md={**TEXT, "headings": 2})))
    standings = {one.path: one.standing for one in report.findings()}
    assert standings == {
        "/profile/texts/soul_md": Standing.DIFFERENT,
        "/profile/texts/user_md/headings": Standing.NOISE,
    }


def test_too_few_repeats_judge_nothing() -> None:
    report = Report()
    report.compare(pair(made(user_md=EMPTY)))
    assert [one.standing for one in report.findings()] == [Standing.UNKNOWN]


def test_a_candidate_that_finds_less_or_fills_less_is_behind() -> None:
    report = Report()
    report.compare(pair(made(user_md=EMPTY), [question("control", True, False), question("candidate", True, True)]))
    assert set(report.behind) == {"texts_filled", "found", "found_others", "first_others"}


def test_more_chunks_or_longer_runs_are_shown_and_judge_nothing() -> None:
    report = Report()
    report.compare(pair(made(chunks=1, embedded=1)))
    assert report.behind == []
    assert {one.name: (one.control, one.candidate) for one in report.figures()}["chunks_medium"] == (4.0, 1.0)


def test_a_failed_dry_run_is_behind_a_control_that_succeeded() -> None:
    report = Report()
    nothing = {"tiers": {}, "conversations": 0, "profile": {"texts": {}}}
    report.compare(observe("p", (CONTROL, made()), ({"status": "failed"}, nothing), ASKED))
    assert report.behind == ["succeeded"]
    # How little it made is a matter of how it failed.
    assert [one.path for one in report.findings()] == ["/status"]


@pytest.mark.parametrize(
    ("control", "candidate", "noise", "expected"),
    [(1.0, 0.6, 0.0, True), (1.0, 0.7, 0.0, False), (1.0, 0.6, 0.5, False), (0.6, 1.0, 0.0, False), (0, 0, 0, False)],
)
def test_behind_is_more_than_noise_and_more_than_a_fifth(
    control: float, candidate: float, noise: float, expected: bool
) -> None:
    assert is_behind(control, candidate, noise) is expected


def test_what_the_control_does_not_record_is_unknown_and_the_candidates_stands_alone() -> None:
    report = Report()
    report.compare(pair())
    dollars = {one.name: one for one in report.figures()}["dollars"]
    assert (dollars.control, dollars.candidate, dollars.behind) == (None, 0.5, False)
