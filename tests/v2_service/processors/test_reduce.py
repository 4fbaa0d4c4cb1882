"""Shortening facts: rounds that make progress, end, and invent nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from v2_service.contract import JsonObject, JsonValue, ModelReply, Outcome
from v2_service.processors.facts import Category, Fact, Facts, FactSource
from v2_service.processors.reduce import (
    Batch,
    Reduction,
    ReductionSettings,
    accept_reduction,
    combine_round,
    cut_to_budget,
    plan_round,
    reduction_request,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
SMALL = ReductionSettings(budget_tokens=400, batch_tokens=200)


def facts(count: int, category: Category = Category.PREFERENCES) -> Facts:
    return Facts(
        tuple(
            Fact(category, f"Likes thing number {n} a lot", "", (), (FactSource(f"c{n}", START + timedelta(days=n)),))
            for n in range(count)
        )
    )


def ok(*items: JsonValue) -> ModelReply:
    return ModelReply(Outcome.OK, {"facts": list(items)})


def item(subject: str, *lines: JsonValue) -> JsonObject:
    return {"subject": subject, "detail": "", "from": list(lines)}


def halving(batch: Batch) -> ModelReply:
    return ok(*(item(fact.subject, number) for number, fact in enumerate(batch.facts, 1) if number % 2))


def run(start: Facts, answer: Callable[[Batch], ModelReply], settings: ReductionSettings) -> tuple[Reduction, int]:
    """The loop that jobs/ runs, and how many questions it asked."""
    reduction, asked = Reduction(start), 0
    while batches := plan_round(reduction, settings):
        asked += len(batches)
        reduction = combine_round(reduction, [accept_reduction(batch, answer(batch)) for batch in batches], settings)
    return reduction, asked


def test_facts_that_fit_are_left_alone() -> None:
    assert plan_round(Reduction(facts(3)), SMALL) == ()


def test_batches_hold_every_fact_once_by_category_and_within_their_size() -> None:
    start = Facts(facts(100).items + facts(5, Category.BELIEFS).items)
    batches = plan_round(Reduction(start), SMALL)
    assert [fact for batch in batches for fact in batch.facts] == list(start.items)
    assert all(Facts(batch.facts).token_count <= SMALL.batch_tokens for batch in batches)
    assert all({fact.category for fact in batch.facts} == {batch.category} for batch in batches)


def test_rounds_go_on_until_the_facts_fit() -> None:
    reduction, _ = run(facts(100), halving, SMALL)
    assert reduction.facts.token_count <= SMALL.budget_tokens
    assert 1 <= reduction.rounds <= SMALL.max_rounds
    assert not reduction.stuck


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_l_20_answers_that_are_cut_or_refused_end_the_rounds_instead_of_repeating_them(outcome: Outcome) -> None:
    reduction, asked = run(facts(100), lambda batch: ModelReply(outcome, None), SMALL)
    assert reduction.stuck
    assert reduction.rounds == 1
    assert asked == len(plan_round(Reduction(facts(100)), SMALL))
    assert reduction.facts.items == facts(100).items


def test_l_20_answers_that_shorten_almost_nothing_end_the_rounds() -> None:
    def nearly_all(batch: Batch) -> ModelReply:
        first = 1 if batch.facts[0] == facts(1).items[0] else 0
        return ok(*(item(fact.subject, number) for number, fact in enumerate(batch.facts, 1) if number > first))

    reduction, _ = run(facts(200), nearly_all, SMALL)
    assert (reduction.stuck, reduction.rounds) == (True, 1)


def test_the_rounds_are_bounded_even_with_progress() -> None:
    reduction, _ = run(facts(4000), halving, ReductionSettings(budget_tokens=50, batch_tokens=200, max_rounds=2))
    assert reduction.rounds == 2


def test_a_merged_fact_keeps_the_sources_of_all_its_lines() -> None:
    (batch,) = plan_round(Reduction(facts(25)), ReductionSettings(budget_tokens=10, batch_tokens=9000))
    reduced = accept_reduction(batch, ok(item("Likes many things", 1, 2, 99, "x", 0)))
    assert reduced.progressed
    (fact,) = reduced.facts
    assert [source.conversation_id for source in fact.sources] == ["c0", "c1"]


def test_a_fact_made_from_no_line_is_an_invention_and_left_out() -> None:
    batch = Batch(Category.PREFERENCES, facts(10).items)
    reduced = accept_reduction(batch, ok(item("Owns a boat"), item("likes thing number 3 a lot"), {"subject": None}, 5))
    assert [fact.subject for fact in reduced.facts] == ["likes thing number 3 a lot"]
    assert reduced.invented == 3
    assert reduced.facts[0].sources == batch.facts[3].sources


@pytest.mark.parametrize(
    "answer", [ok(), ok(item("Owns a boat")), ModelReply(Outcome.OK, {}), ModelReply(Outcome.OK, {"facts": "x"})]
)
def test_an_answer_that_would_lose_everything_is_not_taken(answer: ModelReply) -> None:
    batch = Batch(Category.PREFERENCES, facts(10).items)
    reduced = accept_reduction(batch, answer)
    assert (reduced.progressed, reduced.facts) == (False, batch.facts)


def test_an_answer_longer_than_the_batch_is_not_taken() -> None:
    batch = Batch(Category.PREFERENCES, facts(2).items)
    assert not accept_reduction(
        batch, ok(*(item("A new and much longer statement " * 9, 1) for _ in range(9)))
    ).progressed


def test_the_last_resort_keeps_what_was_said_most_often_and_last_and_one_of_each_kind() -> None:
    often = Fact(Category.PREFERENCES, "Said often", sources=tuple(FactSource(f"x{n}", START) for n in range(9)))
    lone = Fact(Category.BELIEFS, "The only belief, said once", sources=(FactSource("y", None),))
    start = Facts((*facts(100).items, often, lone), dropped=2)
    left = cut_to_budget(start, SMALL)
    assert left.token_count <= SMALL.budget_tokens
    assert often in left.items
    assert lone in left.items
    assert facts(100).items[-1] in left.items
    assert facts(100).items[0] not in left.items
    assert left.dropped == 2 + start.total_count - left.total_count


def test_the_last_resort_changes_nothing_that_fits() -> None:
    assert cut_to_budget(facts(3), SMALL) == facts(3)


def test_the_request_numbers_its_lines_and_names_the_kind() -> None:
    request = reduction_request(Batch(Category.DATES, (Fact(Category.DATES, "Exam", "2024-05-01"),)), SMALL)
    assert request.material == "1. Exam: 2024-05-01"
    assert "dates" in request.instruction
