"""When legacy's side of a flag ends, and what its routes say of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.core.retirement import Retirement, RetirementError, retire
from gateway.core.routes import parse_routes

FROM = datetime(2027, 1, 1, tzinfo=UTC)
UNTIL = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
TABLE = """
[[route]]
name = "moving"
methods = ["POST"]
path = "/moving"
flag = "f"
[[route]]
name = "decided"
path = "/decided"
flag = "f"
sunset = 2030-01-01T00:00:00Z
[[route]]
name = "staying"
path = "/staying"
"""


def notices(table_flag: str, retirement: Retirement) -> dict[str, list[bytes]]:
    table = retire(parse_routes(TABLE), {table_flag: retirement})
    return {route.name: [line for _, line in route.notices] for route in table.routes}


def test_the_routes_of_a_flag_announce_its_end() -> None:
    found = notices("f", Retirement(FROM, UNTIL))
    assert found["moving"] == [b"Deprecation: @1798761600\r\n", b"Sunset: Fri, 31 Dec 2027 23:59:59 GMT\r\n"]
    assert found["staying"] == []


def test_what_the_table_says_itself_stays() -> None:
    assert notices("f", Retirement(FROM, UNTIL))["decided"] == [b"Sunset: Tue, 01 Jan 2030 00:00:00 GMT\r\n"]


def test_another_flags_end_changes_nothing() -> None:
    assert notices("g", Retirement(FROM, UNTIL))["moving"] == []


def test_a_table_with_dates_still_finds_its_routes() -> None:
    table = retire(parse_routes(TABLE), {"f": Retirement(FROM, None)})
    assert table.match(b"POST", b"/moving").deprecated == FROM
    assert table.match(b"GET", b"/elsewhere") is table.unmatched


def test_dates_survive_being_passed_on_as_numbers() -> None:
    for retirement in (Retirement(FROM, UNTIL), Retirement(None, UNTIL), Retirement()):
        assert Retirement.of(*retirement.plain()) == retirement


@pytest.mark.parametrize(
    "dates",
    [(UNTIL, FROM), (datetime(2027, 1, 1), None), (None, datetime(2027, 1, 1))],
)
def test_dates_that_make_no_sense_are_refused(dates: tuple[datetime | None, datetime | None]) -> None:
    with pytest.raises(RetirementError):
        Retirement(*dates)


@pytest.mark.parametrize("number", ["soon", True, 1e30, float("nan")])
def test_numbers_that_are_no_dates_are_refused(number: object) -> None:
    with pytest.raises(RetirementError):
        Retirement.of(number, None)


def test_any_zone_will_do() -> None:
    there = FROM.astimezone(timezone(timedelta(hours=5)))
    assert Retirement(there, None).plain() == Retirement(FROM, None).plain()
