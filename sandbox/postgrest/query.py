"""Reads a query string as PostgREST does: filters, select, order, window. Counterpart: `sqlgen`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sandbox.postgrest.errors import ParseError, RangeError
from sandbox.postgrest.model import Condition, Field, Filter, Group, Logic, Ordered, Query, Selected, Window
from sandbox.postgrest.scanner import NAME, Scanner

COMPARISONS = ("eq", "neq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch", "isdistinct")
QUANTIFIED = frozenset({"eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"})
CONTAINMENTS = ("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
TEXT_SEARCHES = ("fts", "plfts", "phfts", "wfts")
OPERATORS = frozenset({*COMPARISONS, *CONTAINMENTS, *TEXT_SEARCHES, "in", "is"})
IS_VALUES = frozenset({"null", "true", "false", "unknown"})
LOGIC_KEYS: dict[str, tuple[Logic, bool]] = {
    "and": ("and", False),
    "or": ("or", False),
    "not.and": ("and", True),
    "not.or": ("or", True),
}
OPERATOR_EXPECTED = '"not" or operator (eq, gt, ...)'
WORD = re.compile(r"[a-z]+")
CAST = re.compile(r"[\w ]+(?:\[\])?")
INTEGER = re.compile(r"-?\d+")
HEADER_RANGE = re.compile(r"(\d+)?-(\d+)?")
# Deeper trees than this are refused, so that a request cannot exhaust the interpreter's stack.
MAX_LOGIC_DEPTH = 50


def read_query(pairs: Sequence[tuple[str, str]], *, arguments_allowed: bool = False) -> Query:
    """Read decoded pairs in their order. With `arguments_allowed` a pair without operator is a function's argument.

    Raises ParseError, or RangeError for a negative limit.
    """
    conditions: list[Condition] = []
    arguments: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    for key, value in pairs:
        if key in ("select", "order", "limit", "offset", "columns", "on_conflict"):
            last[key] = value
        elif key in LOGIC_KEYS:
            conditions.append(read_logic(key, value))
        elif arguments_allowed and not _has_operator(value):
            arguments.append((key, value))
        else:
            conditions.append(read_filter(key, value))
    return Query(
        select=read_select(last["select"]) if last.get("select") else (Selected(Field("*")),),
        conditions=tuple(conditions),
        order=read_order(last["order"]) if last.get("order") else (),
        window=_read_window(last),
        columns=_read_names("columns", last["columns"]) if last.get("columns") else None,
        on_conflict=_read_names("on_conflict", last["on_conflict"]) if last.get("on_conflict") else (),
        arguments=tuple(arguments),
    )


def read_filter(key: str, value: str) -> Filter:
    """`key=operator.value`."""
    names = Scanner("tree path", key)
    field = names.field()
    if not names.done:
        raise names.fail("end of input")
    scanner = Scanner("filter", value)
    return _operation(scanner, field, nested=False)


def read_logic(key: str, value: str) -> Group:
    """`and=(…)`, `or=(…)` and their negations."""
    logic, negated = LOGIC_KEYS[key]
    scanner = Scanner("logic tree", value)
    members = _members(scanner, depth=1)
    if not scanner.done:
        raise scanner.fail("end of input")
    return Group(logic, members, negated)


def read_select(text: str) -> tuple[Selected, ...]:
    """A comma-separated list of `alias:field::cast`. Embedded resources come back as a name with brackets."""
    scanner = Scanner("select parameter", text)
    items = [_selected(scanner)]
    while scanner.take(","):
        items.append(_selected(scanner))
    if not scanner.done:
        raise scanner.fail('",", "::" or end of input')
    return tuple(items)


def read_order(text: str) -> tuple[Ordered, ...]:
    """A comma-separated list of `field.direction.nulls`."""
    scanner = Scanner("order", text)
    terms = [_ordered(scanner)]
    while scanner.take(","):
        terms.append(_ordered(scanner))
    if not scanner.done:
        raise scanner.fail('",", "." or end of input')
    return tuple(terms)


def header_window(value: str | None) -> Window:
    """`Range: first-last`, rows counted from 0; anything unreadable asks for everything. Raises RangeError."""
    found = HEADER_RANGE.fullmatch(value or "")
    if found is None or found.group(1) is None:
        return Window()
    first = int(found.group(1))
    if found.group(2) is None:
        return Window(first)
    last = int(found.group(2))
    if last < first:
        raise RangeError("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
    return Window(first, last - first + 1)


def _has_operator(value: str) -> bool:
    try:
        _operation(Scanner("filter", value), Field("any"), nested=False)
    except ParseError:
        return False
    return True


def _operation(scanner: Scanner, field: Field, *, nested: bool) -> Filter:
    negated = scanner.take("not.")
    start = scanner.at
    operator = scanner.match(WORD) or ""
    if operator not in OPERATORS:
        scanner.at = start
        raise scanner.fail(OPERATOR_EXPECTED)
    quantifier = language = None
    if operator in QUANTIFIED:
        quantifier = next((word for word in ("any", "all") if scanner.take(f"({word})")), None)
    elif operator in TEXT_SEARCHES and scanner.take("("):
        language = scanner.match(NAME)
        scanner.need(")")
    if not scanner.take("."):
        if quantifier is None and language is None:
            scanner.at = start
            raise scanner.fail(OPERATOR_EXPECTED)
        raise scanner.fail('"."')
    value, values = _value(scanner, operator, nested=nested, braces=quantifier is not None)
    return Filter(field, operator, value, values, negated, quantifier, language)


def _value(scanner: Scanner, operator: str, *, nested: bool, braces: bool) -> tuple[str, tuple[str, ...]]:
    if operator == "in":
        return "", _list(scanner)
    if operator == "is":
        start = scanner.at
        word = (scanner.match(re.compile(r"[A-Za-z]+")) or "").lower()
        if word not in IS_VALUES:
            scanner.at = start
            raise scanner.fail("null or trilean value (unknown, true, false)")
        return word, ()
    if not nested:
        return scanner.rest(), ()
    if braces or (scanner.text.startswith("{", scanner.at) and "}" in scanner.text[scanner.at :]):
        end = scanner.text.find("}", scanner.at)
        if end >= 0:
            array, scanner.at = scanner.text[scanner.at : end + 1], end + 1
            return array, ()
    return scanner.item(), ()


def _list(scanner: Scanner) -> tuple[str, ...]:
    scanner.need("(")
    values = [scanner.item()]
    while scanner.take(","):
        values.append(scanner.item())
    scanner.need(")")
    return () if values == [""] else tuple(values)


def _members(scanner: Scanner, depth: int) -> tuple[Condition, ...]:
    if depth > MAX_LOGIC_DEPTH:
        raise scanner.fail(f"at most {MAX_LOGIC_DEPTH} levels")
    scanner.need("(")
    members = [_member(scanner, depth)]
    while scanner.take(","):
        members.append(_member(scanner, depth))
    scanner.need(")")
    return tuple(members)


def _member(scanner: Scanner, depth: int) -> Condition:
    for key, (logic, negated) in LOGIC_KEYS.items():
        if scanner.text.startswith(f"{key}(", scanner.at):
            scanner.need(key)
            return Group(logic, _members(scanner, depth + 1), negated)
    field = scanner.field()
    scanner.need(".")
    return _operation(scanner, field, nested=True)


def _selected(scanner: Scanner) -> Selected:
    if scanner.take("*"):
        return Selected(Field("*"))
    start = scanner.at
    alias: str | None = scanner.name()
    if not (scanner.text.startswith(":", scanner.at) and not scanner.text.startswith("::", scanner.at)):
        scanner.at, alias = start, None
    else:
        scanner.need(":")
    field = scanner.field()
    if scanner.text.startswith(("(", "!"), scanner.at):
        scanner.match(re.compile(r"[^,]*"))
        return Selected(Field(f"{field.name}()"))
    cast = scanner.match(CAST) if scanner.take("::") else None
    return Selected(field, alias, cast)


def _ordered(scanner: Scanner) -> Ordered:
    field = scanner.field()
    direction: Literal["asc", "desc"] | None = None
    nulls: Literal["first", "last"] | None = None
    if scanner.take("."):
        if scanner.take("asc"):
            direction = "asc"
        elif scanner.take("desc"):
            direction = "desc"
        else:
            nulls = _nulls(scanner, '"asc", "desc", "nullsfirst" or "nullslast"')
        if nulls is None and scanner.take("."):
            nulls = _nulls(scanner, '"nullsfirst" or "nullslast"')
    return Ordered(field, direction, nulls)


def _nulls(scanner: Scanner, expecting: str) -> Literal["first", "last"]:
    if scanner.take("nullsfirst"):
        return "first"
    if scanner.take("nullslast"):
        return "last"
    raise scanner.fail(expecting)


def _read_window(last: dict[str, str]) -> Window:
    limit, offset = last.get("limit", ""), last.get("offset", "")
    rows = int(limit) if INTEGER.fullmatch(limit) else None
    if rows is not None and rows < 0:
        raise RangeError("Limit should be greater than or equal to zero.")
    first = int(offset) if INTEGER.fullmatch(offset) else 0
    return Window(max(first, 0), rows)


def _read_names(what: str, text: str) -> tuple[str, ...]:
    scanner = Scanner(f"{what} parameter", text)
    names = [scanner.name()]
    while scanner.take(","):
        names.append(scanner.name())
    if not scanner.done:
        raise scanner.fail('"," or end of input')
    return tuple(names)
