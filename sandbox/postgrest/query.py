"""Reads a query string as PostgREST does: filters, select, order, window. Counterpart: `sqlgen`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sandbox.postgrest.errors import ParseError, RangeError
from sandbox.postgrest.model import Condition, Field, Filter, Group, Logic, Ordered, Query, Selected, Window
from sandbox.postgrest.scanner import FIELD_EXPECTED, NAME, Scanner

COMPARISONS = ("eq", "neq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch", "isdistinct")
QUANTIFIED = frozenset({"eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"})
CONTAINMENTS = ("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
TEXT_SEARCHES = ("fts", "plfts", "phfts", "wfts")
# Longest first, so that `gte` is not read as `gt`.
OPERATOR = re.compile(
    "|".join(sorted({*COMPARISONS, *CONTAINMENTS, *TEXT_SEARCHES, "in", "is"}, key=len, reverse=True))
)
IS_VALUES = re.compile("null|true|false|unknown", re.IGNORECASE)
LOGIC_KEYS: dict[str, tuple[Logic, bool]] = {
    "and": ("and", False),
    "or": ("or", False),
    "not.and": ("and", True),
    "not.or": ("or", True),
}
ONLY_OPERATOR_EXPECTED = "operator (eq, gt, ...)"
OPERATOR_EXPECTED = f'"not" or {ONLY_OPERATOR_EXPECTED}'
AFTER_FIELD = 'letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input'
AFTER_CAST = 'letter, digit, ".", "::", ")", "," or end of input'
MEMBER_EXPECTED = f"{FIELD_EXPECTED}, negation operator (not) or logic operator (and, or)"
ITEM_EXPECTED = f'"...", {FIELD_EXPECTED}, "*" or "count()"'
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
    said: dict[str, str] = {}
    for key, value in pairs:
        # Said twice, the first of these counts, except for the window, where the last does.
        if key in ("select", "order", "columns", "on_conflict"):
            said.setdefault(key, value)
        elif key in ("limit", "offset"):
            said[key] = value
        elif key in LOGIC_KEYS:
            conditions.append(read_logic(key, value))
        elif arguments_allowed and not _has_operator(value):
            arguments.append((key, value))
        else:
            conditions.append(read_filter(key, value))
    return Query(
        select=read_select(said.get("select", "")),
        conditions=tuple(conditions),
        order=read_order(said["order"]) if said.get("order") else (),
        window=_read_window(said),
        columns=_read_names("columns", said["columns"]) if "columns" in said else None,
        on_conflict=_read_names("on_conflict", said["on_conflict"]) if "on_conflict" in said else (),
        arguments=tuple(arguments),
    )


def read_filter(key: str, value: str) -> Filter:
    """`key=operator.value`."""
    # What follows the field in the key is passed over, as PostgREST does.
    field = Scanner("tree path", key).field()
    return _operation(Scanner("filter", value), field, nested=False)


def read_logic(key: str, value: str) -> Group:
    """`and=(…)`, `or=(…)` and their negations."""
    logic, negated = LOGIC_KEYS[key]
    if not value.startswith("("):
        # PostgREST reads key and value as one text, and so finds a column that nobody meant.
        return Group("and", (_member(Scanner("logic tree", key + value), depth=1),))
    return Group(logic, _members(Scanner("logic tree", value, before=len(key)), depth=1), negated)


def read_select(text: str) -> tuple[Selected, ...]:
    """A comma-separated list of `alias:field::cast`. Embedded resources come back as a name with brackets."""
    scanner = Scanner("select parameter", text)
    if not text or text[0] in ",:.)":
        # No item at all is every column.
        return (Selected(Field("*")),)
    items = [_selected(scanner)]
    while scanner.take(","):
        items.append(_selected(scanner))
    if not scanner.done:
        raise scanner.fail(AFTER_CAST if items[-1].cast else AFTER_FIELD, quote="'")
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
    negated = scanner.take("not")
    if negated and not scanner.take("."):
        raise scanner.fail("delimiter (.)")
    operator = scanner.match(OPERATOR)
    if operator is None:
        raise scanner.fail(ONLY_OPERATOR_EXPECTED if negated else OPERATOR_EXPECTED, first="" if negated else "not")
    quantifier = language = None
    if operator in QUANTIFIED:
        quantifier = next((word for word in ("any", "all") if scanner.take(f"({word})")), None)
    elif operator in TEXT_SEARCHES and scanner.take("("):
        language = scanner.match(NAME)
        scanner.need(")")
    if not scanner.take("."):
        raise scanner.fail(ONLY_OPERATOR_EXPECTED)
    value, values = _value(scanner, operator, nested=nested, braces=quantifier is not None)
    return Filter(field, operator, value, values, negated, quantifier, language)


def _value(scanner: Scanner, operator: str, *, nested: bool, braces: bool) -> tuple[str, tuple[str, ...]]:
    if operator == "in":
        return "", _list(scanner)
    if operator == "is":
        start = scanner.at
        word = (scanner.match(IS_VALUES) or "").lower()
        if not word:
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
    if not scanner.take(")"):
        raise scanner.fail('"," or ")"')
    return () if values == [""] else tuple(values)


def _members(scanner: Scanner, depth: int) -> tuple[Condition, ...]:
    if depth > MAX_LOGIC_DEPTH:
        raise scanner.fail(f"at most {MAX_LOGIC_DEPTH} levels")
    scanner.need("(")
    members = [_member(scanner, depth)]
    while scanner.take(","):
        members.append(_member(scanner, depth))
    if not scanner.take(")"):
        raise scanner.fail('"," or ")"')
    return tuple(members)


def _member(scanner: Scanner, depth: int) -> Condition:
    for key, (logic, negated) in LOGIC_KEYS.items():
        if scanner.text.startswith(f"{key}(", scanner.at):
            scanner.need(key)
            return Group(logic, _members(scanner, depth + 1), negated)
    if scanner.text.startswith(")", scanner.at):
        raise scanner.fail(MEMBER_EXPECTED)
    field = scanner.field()
    scanner.need(".")
    return _operation(scanner, field, nested=True)


def _selected(scanner: Scanner) -> Selected:
    if scanner.take("*"):
        return Selected(Field("*"))
    if scanner.done:
        raise scanner.fail(ITEM_EXPECTED)
    start = scanner.at
    alias: str | None = scanner.name()
    if not (scanner.text.startswith(":", scanner.at) and not scanner.text.startswith("::", scanner.at)):
        scanner.at, alias = start, None
    else:
        scanner.need(":")
        if scanner.done:
            raise scanner.fail(f'":" or {FIELD_EXPECTED}')
    field = scanner.field()
    if scanner.text.startswith(("(", "!"), scanner.at):
        scanner.match(re.compile(r"[^,]*"))
        return Selected(Field(f"{field.name}()"))
    cast = None
    if scanner.take("::"):
        cast = scanner.match(CAST)
        if cast is None:
            raise scanner.fail("letter or digit")
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
    raise scanner.fail(expecting, first="nullsfirst" if expecting.startswith('"nulls') else "asc")


def _read_window(said: dict[str, str]) -> Window:
    limit, offset = said.get("limit", ""), said.get("offset", "")
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
