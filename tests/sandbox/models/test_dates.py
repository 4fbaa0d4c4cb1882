"""Dates in sentences."""

from __future__ import annotations

import datetime

import pytest

from sandbox.models.dates import find_date

WEDNESDAY = datetime.date(2024, 5, 1)
DATED: list[tuple[str, str | None]] = [
    ("due 2025-03-14", "2025-03-14"),
    ("on March 14th, 2025", "2025-03-14"),
    ("on 14 Sept 2025", "2025-09-14"),
    ("on 3/14/2025", "2025-03-14"),
    ("on Dec 24", "2024-12-24"),
    ("since 2019", "since 2019"),
    ("in June", "in June"),
    ("2025年3月14日", "2025年3月14日"),
    ("my trip is tomorrow", "2024-05-02"),
    ("the meeting was yesterday", "2024-04-30"),
    ("the party is next Friday", "2024-05-03"),
    ("I moved last Monday", "2024-04-29"),
    ("the launch is in two weeks", "2024-05-15"),
    ("I quit 3 days ago", "2024-04-28"),
    ("my wedding is next month", "next month"),
    ("I sleep tomorrow", None),
    ("version 2.0.2024 costs 1/2", None),
    ("nothing here", None),
]


@pytest.mark.parametrize(("sentence", "written"), DATED)
def test_a_date_is_found_and_written_as_iso_where_it_is_known(sentence: str, written: str | None) -> None:
    found = find_date(sentence, WEDNESDAY)
    assert (found.text if found else None) == written


def test_without_the_day_of_writing_relative_dates_stay_words() -> None:
    found = find_date("my trip is tomorrow")
    assert found is not None and found.text == "tomorrow"


def test_a_day_that_does_not_exist_is_no_date() -> None:
    assert find_date("on 2025-13-45") is None
