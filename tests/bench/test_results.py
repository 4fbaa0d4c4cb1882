"""Medians and paired ratios: the arithmetic behind every published figure."""

from __future__ import annotations

import json

import pytest

from bench.results import Failure, Figure, Results, Sample, percentile

OURS = Figure("gateway", "get", "cpu_us")
THEIRS = Figure("nginx", "get", "cpu_us")


def results(ours: dict[int, float], theirs: dict[int, float]) -> Results:
    return Results(
        [Sample(number, "get", "gateway", {"cpu_us": value}) for number, value in ours.items()]
        + [Sample(number, "get", "nginx", {"cpu_us": value}) for number, value in theirs.items()]
    )


def test_the_median_is_over_the_rounds() -> None:
    assert results({0: 30.0, 1: 90.0, 2: 20.0}, {}).median(OURS) == 30.0


def test_what_was_never_measured_has_no_median() -> None:
    assert results({}, {}).median(OURS) is None


def test_ratios_are_taken_within_a_round_before_the_median() -> None:
    """Round 1 was twice as slow for both: the ratio of the medians would be 40/10, the paired one is 2."""
    found = results({0: 20.0, 1: 40.0, 2: 40.0}, {0: 10.0, 1: 20.0, 2: 10.0})
    assert found.ratio(OURS, THEIRS) == 2.0


def test_a_round_that_only_one_side_finished_does_not_count() -> None:
    assert results({0: 20.0, 1: 90.0}, {0: 10.0}).ratio(OURS, THEIRS) == 2.0


def test_no_common_round_means_no_ratio() -> None:
    assert results({0: 20.0}, {1: 10.0}).ratio(OURS, THEIRS) is None


def test_a_zero_on_the_other_side_gives_no_ratio() -> None:
    assert results({0: 20.0}, {0: 0.0}).ratio(OURS, THEIRS) is None


def test_differences_are_paired_too() -> None:
    assert results({0: 5.0, 1: 9.0}, {0: 4.0, 1: 8.0}).difference(OURS, THEIRS) == 1.0


def test_ratios_between_scenarios_pair_the_rounds() -> None:
    found = Results(
        [
            Sample(0, "process-full", "gateway", {"cpu_us": 30.0}),
            Sample(0, "post", "gateway", {"cpu_us": 25.0}),
        ]
    )
    against = Figure("gateway", "post", "cpu_us")
    assert found.ratio(Figure("gateway", "process-full", "cpu_us"), against) == pytest.approx(1.2)


def test_saved_results_come_back_the_same() -> None:
    saved = results({0: 20.0}, {0: 10.0})
    saved.failures.append(Failure(0, "rate", "caddy", "only 900 requests a second"))
    assert Results.from_json(json.loads(json.dumps(saved.to_json()))) == saved


def test_newer_results_replace_what_they_measured_again_and_nothing_else() -> None:
    older = results({0: 20.0}, {0: 10.0})
    newer = Results([Sample(0, "get", "gateway", {"cpu_us": 18.0})])
    both = older.replaced_by(newer)
    assert (both.values(OURS), both.values(THEIRS)) == ({0: 18.0}, {0: 10.0})


@pytest.mark.parametrize("document", [{}, {"samples": [{}], "failures": []}, {"samples": [{"round": "x"}]}])
def test_anything_else_is_refused(document: dict[str, list[dict[str, object]]]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Results.from_json(document)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_are_of_the_nearest_rank(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_a_percentile_needs_a_value() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
