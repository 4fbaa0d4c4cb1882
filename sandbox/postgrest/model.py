"""The words of a request once it is read: fields, filters, order, window. `query` makes them, `sqlgen` spends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Logic = Literal["and", "or"]


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow into a JSON value: `key` is an object's key or an array's index; `as_text` is the double arrow."""

    key: str | int
    as_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a path into its JSON."""

    name: str
    path: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """`field operator value`. `values` is set for `in` only; `quantifier` is any or all."""

    field: Field
    operator: str
    value: str = ""
    values: tuple[str, ...] = ()
    negated: bool = False
    quantifier: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by one word."""

    logic: Logic
    members: tuple[Filter | Group, ...]
    negated: bool = False


Condition = Filter | Group


@dataclass(frozen=True, slots=True)
class Selected:
    """One item of the select list; name `*` is every column."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """One term of the order list. None leaves the database's default."""

    field: Field
    direction: Literal["asc", "desc"] | None = None
    nulls: Literal["first", "last"] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows: `offset` first, then at most `limit` of them (None is all)."""

    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A query string, read. `arguments` are the plain pairs of a function called by GET."""

    select: tuple[Selected, ...] = (Selected(Field("*")),)
    conditions: tuple[Condition, ...] = ()
    order: tuple[Ordered, ...] = ()
    window: Window = field(default_factory=Window)
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
