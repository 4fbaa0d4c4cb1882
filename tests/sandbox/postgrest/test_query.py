"""Reading query strings: what each grammar makes of a text, and that nonsense is refused but breaks nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.postgrest.conditions import MAX_LOGIC_DEPTH, read_filter, read_logic
from sandbox.postgrest.errors import ParseError, RangeError, RestError
from sandbox.postgrest.model import Field, Filter, Group, Ordered, Selected, Step, Window
from sandbox.postgrest.query import header_window, read_order, read_query, read_select

ALPHABET = st.text(alphabet="ab1_$ *.,:->()\"\\{}=&;%'é\n", max_size=40)
KEYS = st.sampled_from(["select", "order", "limit", "offset", "or", "and", "not.or", "columns", "on_conflict", "id"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eq.a.b", Filter(Field("c"), "eq", "a.b")),
        ("not.eq.x", Filter(Field("c"), "eq", "x", negated=True)),
        ("gte.5", Filter(Field("c"), "gte", "5")),
        ("is.NULL", Filter(Field("c"), "is", "null")),
        ('in.(a,"b,c","d\\"e")', Filter(Field("c"), "in", values=("a", "b,c", 'd"e'))),
        ("in.()", Filter(Field("c"), "in")),
        ("like(any).{a*,b*}", Filter(Field("c"), "like", "{a*,b*}", quantifier="any")),
        ("fts(german).haus", Filter(Field("c"), "fts", "haus", language="german")),
    ],
)
def test_a_filter_is_operator_and_value(value: str, expected: Filter) -> None:
    assert read_filter("c", value) == expected


def test_a_field_may_lead_into_json() -> None:
    path = (Step("a", as_text=False), Step(0, as_text=False), Step("b c", as_text=True))
    assert read_filter("data->a->0->>b c", "eq.1").field == Field("data", path)


def test_logic_nests_and_negates() -> None:
    read = read_logic("not.or", "(a.eq.1,and(b.gt.2,c.in.(3,4)),not.and(d.is.null))")
    assert read == Group(
        "or",
        (
            Filter(Field("a"), "eq", "1"),
            Group("and", (Filter(Field("b"), "gt", "2"), Filter(Field("c"), "in", values=("3", "4")))),
            Group("and", (Filter(Field("d"), "is", "null"),), negated=True),
        ),
        negated=True,
    )


def test_logic_deeper_than_anybody_writes_is_refused() -> None:
    deep = "and(" * MAX_LOGIC_DEPTH + "a.eq.1" + ")" * MAX_LOGIC_DEPTH
    with pytest.raises(ParseError):
        read_logic("and", f"({deep})")


def test_a_select_list_has_aliases_casts_and_paths() -> None:
    assert read_select("*,n:name,age::text,data->>city") == (
        Selected(Field("*")),
        Selected(Field("name"), alias="n"),
        Selected(Field("age"), cast="text"),
        Selected(Field("data", (Step("city", as_text=True),))),
    )


def test_an_order_has_direction_and_nulls() -> None:
    assert read_order("a,b.desc,c.nullsfirst,d.asc.nullslast") == (
        Ordered(Field("a")),
        Ordered(Field("b"), "desc"),
        Ordered(Field("c"), None, "first"),
        Ordered(Field("d"), "asc", "last"),
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0-9", Window(0, 10)),
        ("5-", Window(5)),
        ("-5", Window()),
        ("bytes=0-1", Window()),
        (None, Window()),
    ],
)
def test_a_range_header_is_a_window(header: str | None, expected: Window) -> None:
    assert header_window(header) == expected


def test_a_range_upside_down_and_a_negative_limit_are_refused() -> None:
    with pytest.raises(RangeError):
        header_window("5-2")
    with pytest.raises(RangeError):
        read_query([("limit", "-1")])


def test_a_pair_without_operator_is_an_argument_where_those_are_allowed() -> None:
    query = read_query([("a", "1"), ("b", "eq.2"), ("c", "eq")], arguments_allowed=True)
    assert query.arguments == (("a", "1"), ("c", "eq"))
    assert query.conditions == (Filter(Field("b"), "eq", "2"),)


@given(pairs=st.lists(st.tuples(st.one_of(KEYS, ALPHABET), ALPHABET), max_size=4), arguments=st.booleans())
def test_nonsense_is_read_or_refused_but_never_breaks(pairs: list[tuple[str, str]], arguments: bool) -> None:
    try:
        read_query(pairs, arguments_allowed=arguments)
    except RestError as error:
        assert error.status in (400, 416)
