"""Reads a query string as PostgREST does: conditions, select, order, window. Counterpart: `sqlgen`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sandbox.postgrest.conditions import LOGIC_KEYS, has_operator, read_filter, read_logic
from sandbox.postgrest.errors import RangeError
from sandbox.postgrest.model import Condition, Field, Ordered, Query, Selected, Window
from sandbox.postgrest.scanner import FIELD_EXPECTED, Scanner

AFTER_FIELD = 'letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input'
AFTER_CAST = 'letter, digit, ".", "::", ")", "," or end of input'
ITEM_EXPECTED = f'"...", {FIELD_EXPECTED}, "*" or "count()"'
CAST = re.compile(r"[\w ]+(?:\[\])?")
INTEGER = re.compile(r"-?\d+")
HEADER_RANGE = re.compile(r"(\d+)?-(\d+)?")


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
        elif arguments_allowed and not has_operator(value):
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
