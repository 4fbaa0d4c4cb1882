"""Joins generated parts into one statement per request. PostgreSQL makes the JSON itself, so the bytes are its own.

Every statement answers one row: total, rows, inserted, body. Counterpart: `answer`, which reads that row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier

from sandbox.postgrest.catalog import Catalog, Table
from sandbox.postgrest.media import CSV_MEDIA, OBJECT_MEDIA
from sandbox.postgrest.model import Condition, Query, Window
from sandbox.postgrest.sqlgen import Generator, Parameters, from_catalog, join, names, window

ROWS = SQL("coalesce(json_agg(_postgrest_t), '[]')::text")
FIRST_ROW = SQL("coalesce((json_agg(_postgrest_t)->0)::text, 'null')")
NOTHING = SQL("''::text")
CSV = SQL(
    "(SELECT coalesce(string_agg(k, ','), '') FROM (SELECT json_object_keys(r) AS k FROM"
    " (SELECT row_to_json(one) AS r FROM pgrst_source one LIMIT 1) head) keys)"
    " || E'\\n' || coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), E'\\n'), '')"
)
NO_NUMBER = SQL("null::bigint")
INSERTED = SQL("nullif(current_setting('pgrst.inserted', true), '')::bigint")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters, ready to run."""

    text: Composed
    values: tuple[str | bytes, ...]


def target(catalog: Catalog, name: str) -> Composed:
    """A relation or function with its schema."""
    return Identifier(catalog.schema) + SQL(".") + Identifier(name)


def rows_as(media: str) -> SQL:
    """How the rows of a result become the body."""
    return {OBJECT_MEDIA: FIRST_ROW, CSV_MEDIA: CSV}.get(media, ROWS)


def read(catalog: Catalog, table: Table, query: Query, rows: Window, *, counted: bool, body: SQL) -> Statement:
    """SELECT."""
    parameters = Parameters()
    source = target(catalog, table.name)
    make = Generator(source, table.columns, parameters)
    selected = (
        SQL("SELECT ")
        + make.select_list(query.select)
        + SQL(" FROM ")
        + source
        + make.where(query.conditions)
        + make.order(query.order)
        + window(rows)
    )
    total: Composable = NO_NUMBER
    if counted:
        where = make.where(query.conditions)
        total = SQL("(SELECT count(*) FROM (SELECT 1 FROM ") + source + where + SQL(") counted)")
    return answering(selected, parameters, body, total=total)


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an insert does about rows that are there already."""

    columns: tuple[str, ...]
    merge: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What a write returns, and how."""

    returning: tuple[str, ...] | None  # these columns; None is the query's select list
    body: SQL


def insert(
    catalog: Catalog,
    table: Table,
    columns: Sequence[str],
    payload: bytes,
    query: Query,
    written: Written,
    conflict: Conflict | None,
    same_as: Sequence[Condition] = (),
) -> Statement:
    """INSERT of one object or an array of them; `same_as` are conditions that the new rows must meet (PUT)."""
    parameters = Parameters()
    source = target(catalog, table.name)
    statement = SQL("INSERT INTO ") + source
    if columns:
        statement += SQL("(") + names(columns) + SQL(") ")
        statement += _from_payload(parameters, payload, table.columns, columns, "json_to_recordset")
        make = Generator(SQL("pgrst_body"), table.columns, parameters)
        tests: list[Composable] = [make.condition(condition) for condition in same_as]
        if conflict is not None and conflict.merge:
            tests.append(_tally("+ 1", "0"))
        if tests:
            statement += SQL(" WHERE ") + join(" AND ", tests)
    else:
        statement += SQL(" DEFAULT VALUES")
    if conflict is not None and conflict.columns:
        statement += SQL(" ON CONFLICT(") + names(conflict.columns) + SQL(")") + _on_conflict(conflict, columns)
    statement += _returning(source, table.columns, parameters, query, written)
    return answering(statement, parameters, written.body, inserted=INSERTED)


def update(
    catalog: Catalog, table: Table, columns: Sequence[str], payload: bytes, query: Query, written: Written
) -> Statement:
    """UPDATE of all rows that meet the query's conditions; nothing when the body names no column."""
    parameters = Parameters()
    source = target(catalog, table.name)
    make = Generator(source, table.columns, parameters)
    if columns:
        assigned = [Identifier(column) + SQL(" = pgrst_body.") + Identifier(column) for column in columns]
        statement = (
            SQL("UPDATE ")
            + source
            + SQL(" SET ")
            + join(", ", assigned)
            + from_body(parameters, payload, table.columns, columns, "json_to_record")
            + _which(source, make, query)
            + _returning(source, table.columns, parameters, query, written)
        )
    else:
        listed = make.select_list(query.select) if written.returning is None else SQL("1")
        statement = SQL("SELECT ") + listed + SQL(" FROM ") + source + SQL(" WHERE false")
    return answering(statement, parameters, written.body)


def delete(catalog: Catalog, table: Table, query: Query, written: Written) -> Statement:
    """DELETE of all rows that meet the query's conditions."""
    parameters = Parameters()
    source = target(catalog, table.name)
    make = Generator(source, table.columns, parameters)
    statement = SQL("DELETE FROM ") + source + _which(source, make, query)
    statement += _returning(source, table.columns, parameters, query, written)
    return answering(statement, parameters, written.body)


def _which(source: Composable, make: Generator, query: Query) -> Composable:
    """The rows a write touches: those that meet the conditions, or the first of them in the query's order."""
    if query.window.limit is None:
        return make.where(query.conditions)
    keys = join(", ", [make.field(term.field) for term in query.order])
    chosen = make.where(query.conditions) + make.order(query.order) + window(query.window)
    return SQL(" WHERE (") + keys + SQL(") IN (SELECT ") + keys + SQL(" FROM ") + source + chosen + SQL(")")


def answering(
    source: Composable, parameters: Parameters, body: SQL, *, total: Composable = NO_NUMBER, inserted: SQL = NO_NUMBER
) -> Statement:
    """Wraps a source of rows into the one row that every statement answers."""
    text = (
        SQL("WITH pgrst_source AS (")
        + source
        + SQL(") SELECT ")
        + total
        + SQL(" AS total, count(_postgrest_t) AS rows, ")
        + inserted
        + SQL(" AS inserted, ")
        + body
        + SQL(" AS body FROM (SELECT * FROM pgrst_source) _postgrest_t")
    )
    return Statement(text, tuple(parameters.values))


def _from_payload(
    parameters: Parameters, payload: bytes, types: Mapping[str, str], columns: Sequence[str], reader: LiteralString
) -> Composed:
    listed = join(", ", [SQL("pgrst_body.") + Identifier(column) for column in columns])
    return SQL("SELECT ") + listed + from_body(parameters, payload, types, columns, reader)


def from_body(
    parameters: Parameters, payload: bytes, types: Mapping[str, str], columns: Sequence[str], reader: LiteralString
) -> Composed:
    """FROM the body as a table `pgrst_body` with these columns."""
    data = parameters.bind(payload.decode())
    typed = join(", ", [Identifier(column) + SQL(" ") + from_catalog(types[column]) for column in columns])
    one = reader == "json_to_record"
    inside = SQL("json_data->0") if one else SQL("json_data")
    outside = SQL("json_data") if one else SQL("json_build_array(json_data)")
    return (
        SQL(" FROM (SELECT ")
        + data
        + SQL("::json AS json_data) pgrst_payload, LATERAL (SELECT * FROM ")
        + SQL(reader)
        + SQL("(CASE WHEN json_typeof(json_data) = 'array' THEN ")
        + inside
        + SQL(" ELSE ")
        + outside
        + SQL(" END) AS _(")
        + typed
        + SQL(")) pgrst_body")
    )


def _returning(
    source: Composable, types: Mapping[str, str], parameters: Parameters, query: Query, written: Written
) -> Composed:
    make = Generator(source, types, parameters)
    if written.returning is None:
        return SQL(" RETURNING ") + make.select_list(query.select)
    if not written.returning:
        return Composed([SQL(" RETURNING 1")])
    return SQL(" RETURNING ") + join(", ", [make.column(column) for column in written.returning])


def _on_conflict(conflict: Conflict, columns: Sequence[str]) -> Composed:
    if not conflict.merge or not columns:
        return Composed([SQL(" DO NOTHING")])
    assigned = [Identifier(column) + SQL(" = EXCLUDED.") + Identifier(column) for column in columns]
    return SQL(" DO UPDATE SET ") + join(", ", assigned) + SQL(" WHERE ") + _tally("- 1", "-1")


def _tally(change: LiteralString, never: LiteralString) -> Composed:
    """A condition that is always true and counts inserted rows: up for each row offered, down for each one updated."""
    return Composed(
        [
            SQL("set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) "),
            SQL(change),
            SQL(")::text, true) <> '"),
            SQL(never),
            SQL("'"),
        ]
    )
