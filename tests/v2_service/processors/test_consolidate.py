"""Merging facts: duplicates, contradictions, details, sources, earlier imports, and in linear time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.processors.consolidate import MAX_NOTES, MAX_SOURCES, consolidate
from v2_service.processors.facts import Category, Fact, Facts, FactSource

START = datetime(2024, 1, 1, tzinfo=UTC)


def fact(category: Category, subject: str, detail: str = "", day: int | None = 0, notes: tuple[str, ...] = ()) -> Fact:
    when = None if day is None else START + timedelta(days=day)
    return Fact(category, subject, detail, notes, (FactSource(f"c{day}", when),))


def preference(subject: str, day: int | None = 0) -> Fact:
    return fact(Category.PREFERENCES, subject, day=day)


def merged(*facts: Fact, earlier: Facts | None = None) -> Facts:
    return consolidate([Facts((one,)) for one in facts], earlier)


def test_the_same_statement_twice_is_one_fact_with_two_sources() -> None:
    facts = merged(preference("Likes tea.", 1), preference("likes tea", 2))
    assert [one.subject for one in facts.items] == ["likes tea"]
    assert [source.conversation_id for source in facts.items[0].sources] == ["c1", "c2"]
    assert facts.superseded == 0


TURNS = [
    ("The user likes tea", "The user no longer likes tea"),
    ("Prefers coffee over tea", "Now prefers tea over coffee"),
    ("Does not use Windows", "Uses Windows"),
    ("Works at a bank", "Used to work at a bank"),
]


@pytest.mark.parametrize(("before", "after"), TURNS)
@pytest.mark.parametrize("in_order", [True, False])
def test_the_later_of_two_contradicting_statements_wins_in_any_order(before: str, after: str, in_order: bool) -> None:
    facts = [preference(before, 1), preference(after, 2)]
    result = merged(*(facts if in_order else reversed(facts)))
    assert [one.subject for one in result.items] == [after]
    assert result.superseded == 1


def test_a_new_favourite_replaces_the_old_one() -> None:
    facts = merged(preference("Favourite colour is blue", 1), preference("Favourite colour is green", 2))
    assert [one.subject for one in facts.items] == ["Favourite colour is green"]


def test_a_favourite_is_recognised_in_either_form() -> None:
    facts = merged(preference("favourite colour: blue", 1), preference("My favourite colour is green", 2))
    assert [one.subject for one in facts.items] == ["My favourite colour is green"]
    assert merged(preference("favourite colour: blue"), preference("favourite tea: blue")).total_count == 2


def test_different_statements_stay_apart() -> None:
    facts = merged(preference("Likes tea"), preference("Likes coffee"), fact(Category.BELIEFS, "Likes tea"))
    assert facts.total_count == 3
    assert facts.superseded == 0


def test_details_of_one_project_are_gathered_and_the_later_description_wins() -> None:
    facts = merged(
        fact(Category.PROJECTS, "Orchard", "A garden app", 1, ("Uses Rust",)),
        fact(Category.PROJECTS, "the orchard", "A garden planner", 2, ("Uses Rust", "Ships in May")),
    )
    (project,) = facts.items
    assert (project.subject, project.detail) == ("the orchard", "A garden planner")
    assert project.notes == ("Uses Rust", "A garden app", "Ships in May")


def test_a_date_that_moved_leaves_no_trace_of_the_old_one() -> None:
    moved = fact(Category.DATES, "Wedding", "2024-09-01", 1), fact(Category.DATES, "The wedding", "2024-10-05", 2)
    (one,) = merged(*moved).items
    assert (one.detail, one.notes) == ("2024-10-05", ())
    (one,) = merged(*reversed(moved)).items
    assert (one.detail, one.notes) == ("2024-10-05", ())


def test_a_later_mention_without_detail_keeps_the_detail() -> None:
    (one,) = merged(fact(Category.DATES, "Wedding", "2024-09-01", 1), fact(Category.DATES, "Wedding", "", 2)).items
    assert one.detail == "2024-09-01"


def test_an_undated_statement_never_beats_a_dated_one() -> None:
    (one,) = merged(preference("Likes tea", 1), preference("Does not like tea", None)).items
    assert one.subject == "Likes tea"


def test_s_31_facts_of_an_earlier_import_are_kept_and_lose_only_to_later_ones() -> None:
    earlier = Facts((preference("Likes tea", 1), preference("Plays chess", 1)))
    facts = merged(preference("No longer likes tea", 5), preference("Sings", 5), earlier=earlier)
    assert [one.subject for one in facts.items] == ["No longer likes tea", "Plays chess", "Sings"]


def test_reading_the_same_import_again_changes_nothing() -> None:
    once = merged(preference("Likes tea", 1), fact(Category.PROJECTS, "Orchard", "App", 2, ("Rust",)))
    again = consolidate([once], once)
    assert again.items == once.items
    assert again.superseded == 0


def test_counts_of_all_records_add_up() -> None:
    assert consolidate([Facts((), 2, 1), Facts((), 3)]) == Facts((), 5, 1)


def test_notes_and_sources_are_bounded_and_the_cut_is_counted() -> None:
    many = [fact(Category.PROJECTS, "Orchard", "", day, (f"note {day}",)) for day in range(200)]
    facts = merged(*many)
    (project,) = facts.items
    assert len(project.notes) == MAX_NOTES
    assert facts.dropped == 200 - MAX_NOTES
    assert len(project.sources) == MAX_SOURCES
    assert project.sources[-1].conversation_id == "c199"


def test_l_57_twenty_thousand_facts_about_one_project_take_one_pass() -> None:
    """Quadratic merging would look at 200 million pairs here, and run into the suite's time limit."""
    records = [Facts((fact(Category.PROJECTS, "Orchard", f"version {n}", n % 900, (f"n{n}",)),)) for n in range(20_000)]
    assert consolidate(records).total_count == 1


subjects = st.sampled_from(["Likes tea", "No longer likes tea", "Likes coffee", "Sings", "Runs daily"])


@given(st.lists(st.tuples(subjects, st.integers(0, 400)), max_size=8, unique_by=lambda pair: pair[1]))
def test_for_dated_facts_the_order_of_chunks_does_not_matter(pairs: list[tuple[str, int]]) -> None:
    facts = [preference(subject, day) for subject, day in pairs]
    assert set(merged(*facts).items) == set(merged(*reversed(facts)).items)
