"""The record of facts survives storage."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from v2_service.contract import JsonObject
from v2_service.processors.facts import Category, Fact, Facts, FactSource, is_said, join_facts

sources = st.builds(
    FactSource,
    st.text(max_size=5),
    st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
any_facts = st.builds(
    Facts,
    st.lists(
        st.builds(
            Fact,
            st.sampled_from(Category),
            st.text(min_size=1, max_size=9),
            st.text(max_size=9),
            st.lists(st.text(max_size=5), max_size=2).map(tuple),
            st.lists(sources, max_size=3).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(any_facts)
def test_facts_come_back_from_json_as_they_went(facts: Facts) -> None:
    assert Facts.from_json(facts.to_json()) == facts


def test_what_is_no_fact_in_a_stored_record_is_counted() -> None:
    broken: JsonObject = {"facts": [3, {"category": "weather", "subject": "x"}, {"category": "dates"}], "dropped": True}
    assert Facts.from_json(broken) == Facts(dropped=3)
    assert Facts.from_json({}) == Facts()


def test_a_line_shows_detail_notes_and_the_latest_day() -> None:
    days = (FactSource("a", datetime(2023, 1, 2, tzinfo=UTC)), FactSource("b", datetime(2024, 3, 4, tzinfo=UTC)))
    assert Fact(Category.PROJECTS, "Orchard", "An app", ("Rust",), days).line == "Orchard: An app; Rust (2024-03-04)"
    assert Fact(Category.BELIEFS, "Honesty").line == "Honesty"


def test_joined_records_add_up() -> None:
    fact = Fact(Category.BELIEFS, "x")
    assert join_facts([Facts((fact,), 1, 2), Facts((fact,), 3, 4)]) == Facts((fact, fact), 4, 6)


def test_what_says_nothing() -> None:
    assert not any(map(is_said, ["", " ", "None", "n/a", "Not enough data.", "not enough data about this", "Unknown."]))
    assert all(map(is_said, ["Nobody knows her name.", "tea", "None of the above apply to her"]))
