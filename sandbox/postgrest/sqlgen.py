"""Turns what `query` read into SQL: names are quoted, values are parameters. Counterpart: `statements`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import LiteralString

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from sandbox.postgrest.catalog import JSON_TYPES
from sandbox.postgrest.model import Condition, Field, Filter, Ordered, Selected, Window

BINARY_OPERATORS: dict[str, LiteralString] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "IS DISTINCT FROM",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
TEXT_SEARCH: dict[str, LiteralString] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
IS_WORDS: dict[str, LiteralString] = {"null": "NULL", "true": "TRUE", "false": "FALSE", "unknown": "UNKNOWN"}
# Type names of more than one word, which are no identifiers. Any other cast is quoted like a name.
SPOKEN_TYPES: dict[str, LiteralString] = {
    "int": "integer",
    "integer": "integer",
    "smallint": "smallint",
    "bigint": "bigint",
    "real": "real",
    "float": "double precision",
    "double precision": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "char": "char",
    "character varying": "varchar",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time with time zone": "timetz",
}


class Parameters:
    """Collects values and hands out their places ($1, $2, …)."""

    def __init__(self) -> None:
        self.values: list[str | bytes] = []

    def bind(self, value: str | bytes) -> SQL:
        """The place of one more value."""
        self.values.append(value)
        return from_catalog(f"${len(self.values)}")


def from_catalog(text: str) -> SQL:
    """SQL text that is ours or the database's own (a type name from its catalog), never a caller's."""
    return SQL(text)


def join(separator: LiteralString, parts: Sequence[Composable]) -> Composed:
    """Parts with a separator in between."""
    return SQL(separator).join(parts)


def names(columns: Sequence[str]) -> Composed:
    """A list of quoted names."""
    return join(", ", [Identifier(column) for column in columns])


class Generator:
    """Writes conditions, select lists and orders for one source, whose columns and types it knows."""

    def __init__(self, source: Composable, types: Mapping[str, str], parameters: Parameters) -> None:
        self._source = source
        self._types = types
        self._parameters = parameters

    def column(self, name: str) -> Composed:
        """A column qualified with its source."""
        return self._source + SQL(".") + (SQL("*") if name == "*" else Identifier(name))

    def field(self, field: Field) -> Composed:
        """A column, or the value at the end of its JSON path."""
        written = self.column(field.name)
        if not field.path:
            return written
        if self._types.get(field.name) not in JSON_TYPES:
            written = SQL("to_jsonb(") + written + SQL(")")
        for step in field.path:
            written += SQL("->>" if step.as_text else "->") + Literal(step.key)
        return written

    def selected(self, item: Selected) -> Composed:
        """One item of the select list, named as the answer names it."""
        written = self.field(item.field)
        if item.cast is not None:
            written = SQL("CAST( ") + written + SQL(" AS ") + _type(item.cast) + SQL(" )")
        alias = item.alias or _last_key(item.field)
        return written if alias is None else written + SQL(" AS ") + Identifier(alias)

    def select_list(self, items: Sequence[Selected]) -> Composed:
        return join(", ", [self.selected(item) for item in items])

    def where(self, conditions: Sequence[Condition]) -> Composable:
        """A WHERE clause, or nothing."""
        if not conditions:
            return SQL("")
        return SQL(" WHERE ") + join(" AND ", [self.condition(condition) for condition in conditions])

    def condition(self, condition: Condition) -> Composed:
        """One filter or group."""
        if isinstance(condition, Filter):
            written = self._filter(condition)
        else:
            members = [self.condition(member) for member in condition.members]
            written = SQL("(") + join(" OR " if condition.logic == "or" else " AND ", members) + SQL(")")
        return SQL("NOT ") + written if condition.negated else Composed([written])

    def order(self, terms: Sequence[Ordered]) -> Composable:
        """An ORDER BY clause, or nothing."""
        if not terms:
            return SQL("")
        return SQL(" ORDER BY ") + join(", ", [self._ordered(term) for term in terms])

    def _ordered(self, term: Ordered) -> Composed:
        written = self.field(term.field)
        if term.direction is not None:
            written += SQL(" DESC" if term.direction == "desc" else " ASC")
        if term.nulls is not None:
            written += SQL(" NULLS FIRST" if term.nulls == "first" else " NULLS LAST")
        return written

    def _filter(self, condition: Filter) -> Composed:
        left = self.field(condition.field)
        if condition.operator == "is":
            return left + SQL(" IS ") + SQL(IS_WORDS[condition.value])
        if condition.operator == "in":
            return left + SQL(" = ANY (") + self._parameters.bind(array_literal(condition.values)) + SQL(")")
        if condition.operator in TEXT_SEARCH:
            return left + SQL(" @@ ") + self._text_search(condition)
        value = condition.value
        if condition.operator in ("like", "ilike"):
            value = value.replace("*", "%")
        right: Composable = self._parameters.bind(value)
        if condition.quantifier is not None:
            right = SQL("ANY (" if condition.quantifier == "any" else "ALL (") + right + SQL(")")
        return left + SQL(" ") + SQL(BINARY_OPERATORS[condition.operator]) + SQL(" ") + right

    def _text_search(self, condition: Filter) -> Composed:
        language = [] if condition.language is None else [self._parameters.bind(condition.language)]
        arguments = [*language, self._parameters.bind(condition.value)]
        return SQL(TEXT_SEARCH[condition.operator]) + SQL("(") + join(", ", arguments) + SQL(")")


def window(wanted: Window) -> Composed:
    """LIMIT and OFFSET, each only where it says something."""
    parts: list[Composable] = []
    if wanted.limit is not None:
        parts.append(SQL(" LIMIT ") + Literal(wanted.limit))
    if wanted.offset:
        parts.append(SQL(" OFFSET ") + Literal(wanted.offset))
    return Composed(parts)


def array_literal(values: Sequence[str]) -> str:
    """PostgreSQL's text form of an array, every element quoted."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _last_key(field: Field) -> str | None:
    """What a JSON path is called in the answer: its last key, or the column when all steps are indexes."""
    if not field.path:
        return None
    keys = [step.key for step in field.path if isinstance(step.key, str)]
    return keys[-1] if keys else field.name


def _type(name: str) -> sql.Composable:
    element, array, _ = name.strip().lower().partition("[]")
    spoken = SPOKEN_TYPES.get(element)
    written: Composable = SQL(spoken) if spoken is not None else Identifier(element)
    return written + SQL("[]") if array else written
