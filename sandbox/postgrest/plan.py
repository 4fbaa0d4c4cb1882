"""Decides what a request means: one statement and the shape of its answer. Pure; `edge` carries it out.

The order of checks is PostgREST's, because a request with two faults is answered with the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from sandbox.postgrest import statements
from sandbox.postgrest.catalog import Catalog, Function, Table
from sandbox.postgrest.errors import (
    BodyError,
    RangeError,
    RestError,
    limit_without_order,
    no_relationship,
    not_found,
    unknown_column,
    unknown_function,
    unknown_preferences,
)
from sandbox.postgrest.invocation import call
from sandbox.postgrest.media import JSON_MEDIA, choose
from sandbox.postgrest.model import Filter, Query, Window
from sandbox.postgrest.payload import holds_nothing, read_arguments, read_columns
from sandbox.postgrest.prefer import Preferences, read_preferences
from sandbox.postgrest.query import header_window, read_query
from sandbox.postgrest.request import Request
from sandbox.postgrest.suggest import nearest

RPC = "/rpc/"


class Action(StrEnum):
    """What a request does."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    CALL = "call"


TABLE_ACTIONS = {
    "GET": Action.READ,
    "HEAD": Action.READ,
    "POST": Action.CREATE,
    "PATCH": Action.UPDATE,
    "PUT": Action.REPLACE,
    "DELETE": Action.DELETE,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a server's configuration decides: rows per answer (0 is no cap) and whether `Prefer: tx=` is heard."""

    max_rows: int = 1000
    end_by_preference: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, decided."""

    action: Action
    statement: statements.Statement
    request: Request
    preferences: Preferences
    media: str
    window: Window
    read_only: bool
    void: bool = False
    location_table: str | None = None
    resolves: bool = False


def plan(request: Request, catalog: Catalog, options: Options) -> Plan:
    """Decide. Raises RestError for everything that can be refused without asking the database."""
    preferences = read_preferences(request.all_headers("prefer"), end_allowed=options.end_by_preference)
    if preferences.handling == "strict" and preferences.unknown:
        raise unknown_preferences(preferences.unknown)
    if request.path.startswith(RPC):
        return _plan_call(request, catalog, options, preferences)
    name = request.path.removeprefix("/")
    if not name or "/" in name:
        raise not_found()
    action = TABLE_ACTIONS.get(request.method)
    if action is None:
        raise _unsupported(request.method)
    query = read_query(request.pairs())
    table = catalog.tables.get(name, Table(name, {}))
    if action is Action.READ:
        return _plan_read(request, catalog, options, preferences, table, query)
    return _plan_write(action, request, catalog, preferences, table, query)


def _plan_read(
    request: Request, catalog: Catalog, options: Options, preferences: Preferences, table: Table, query: Query
) -> Plan:
    media = choose(request.all_headers("accept"))
    _refuse_embedding(catalog, table.name, query)
    rows = _rows(request, query, options)
    statement = statements.read(
        catalog, table, query, rows, counted=preferences.count is not None, body=statements.rows_as(media)
    )
    return Plan(Action.READ, statement, request, preferences, media, rows, read_only=True)


def _plan_write(
    action: Action, request: Request, catalog: Catalog, preferences: Preferences, table: Table, query: Query
) -> Plan:
    media = choose(request.all_headers("accept"))
    headers_only = preferences.representation == "headers-only" and action is Action.CREATE
    location_table = table.name if headers_only and table.primary_key else None
    if preferences.wants_rows:
        _refuse_embedding(catalog, table.name, query)
        written = statements.Written(None, statements.rows_as(media))
    else:
        written = statements.Written(
            table.primary_key if headers_only else (), statements.ROWS if location_table else statements.NOTHING
        )
    if action in (Action.UPDATE, Action.DELETE) and query.window.limit is not None and not query.order:
        raise limit_without_order()
    if action is Action.DELETE:
        statement = statements.delete(catalog, table, query, written)
    else:
        statement = _write_body(action, request, catalog, preferences, table, query, written)
    return Plan(
        action,
        statement,
        request,
        preferences,
        media,
        Window(),
        read_only=False,
        location_table=location_table,
        resolves=bool(query.on_conflict or table.primary_key),
    )


def _write_body(
    action: Action,
    request: Request,
    catalog: Catalog,
    preferences: Preferences,
    table: Table,
    query: Query,
    written: statements.Written,
) -> statements.Statement:
    columns = _payload_columns(request, query)
    if not table.columns:
        raise not_found()
    for column in columns:
        if column not in table.columns:
            raise unknown_column(table.name, column)
    if action is Action.REPLACE:
        _check_replacement(request, table, query, columns)
        conflict = statements.Conflict(table.primary_key, merge=True)
        return statements.insert(
            catalog, table, columns, request.body, query, written, conflict, same_as=query.conditions
        )
    if action is Action.UPDATE or holds_nothing(request.body):
        columns = columns if action is Action.UPDATE else ()
        return statements.update(catalog, table, columns, request.body, query, written)
    return statements.insert(
        catalog, table, columns, request.body, query, written, _conflict(preferences, table, query)
    )


def _conflict(preferences: Preferences, table: Table, query: Query) -> statements.Conflict | None:
    if preferences.resolution is None:
        return None
    columns = query.on_conflict or table.primary_key
    return statements.Conflict(columns, merge=preferences.resolution == "merge-duplicates")


def _plan_call(request: Request, catalog: Catalog, options: Options, preferences: Preferences) -> Plan:
    name = request.path.removeprefix(RPC)
    if request.method not in ("GET", "HEAD", "POST"):
        raise RestError(HTTPStatus.METHOD_NOT_ALLOWED, "PGRST101", f"Cannot use the {request.method} method on RPC")
    by_post = request.method == "POST"
    query = read_query(request.pairs(), arguments_allowed=not by_post)
    if by_post:
        _check_content_type(request)
        given = query.columns if query.columns is not None else read_arguments(request.body)
        payload = request.body
    else:
        given = tuple(key for key, _ in query.arguments)
        payload = json.dumps(dict(query.arguments)).encode()
    function = _find_function(catalog, name, given, by_post=by_post)
    media = choose(request.all_headers("accept"))
    rows = _rows(request, query, options)
    statement = call(catalog, function, given, payload, query, rows, counted=preferences.count is not None, media=media)
    return Plan(
        Action.CALL,
        statement,
        request,
        preferences,
        media,
        rows,
        read_only=not by_post or not function.volatile,
        void=function.returns == "void",
    )


def _find_function(catalog: Catalog, name: str, given: tuple[str, ...], *, by_post: bool) -> Function:
    function = catalog.function(name, given)
    if function is None and by_post:
        function = catalog.whole_body_function(name)
    if function is None:
        instead = _similar(catalog, name, given)
        raise unknown_function(catalog.schema, name, sorted(given), by_post=by_post, instead=instead)
    return function


def _similar(catalog: Catalog, name: str, given: tuple[str, ...]) -> str | None:
    """Another way to call that function, or else a function of a similar name."""
    overloads = catalog.functions.get(name)
    if overloads is None:
        return nearest(name, catalog.functions)
    ways = (_listed(argument.name for argument in function.arguments) for function in overloads)
    way = nearest(_listed(given), ways)
    return None if way is None else f"{name}{way}"


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"


def _check_content_type(request: Request) -> None:
    header = request.header("content-type")
    given = JSON_MEDIA if header is None else header.partition(";")[0].strip().lower() or "*/*"
    if given != JSON_MEDIA:
        raise BodyError(f"Content-Type not acceptable: {given}")


def _payload_columns(request: Request, query: Query) -> tuple[str, ...]:
    _check_content_type(request)
    return read_columns(request.body) if query.columns is None else tuple(sorted(query.columns))


def _check_replacement(request: Request, table: Table, query: Query, columns: tuple[str, ...]) -> None:
    """PUT must name exactly one row by its whole key, and its body every column."""
    by_equality = [
        condition.field.name
        for condition in query.conditions
        if isinstance(condition, Filter) and condition.operator == "eq" and not condition.negated
    ]
    if "limit" in dict(request.pairs()) or "offset" in dict(request.pairs()):
        raise RestError(
            HTTPStatus.BAD_REQUEST, "PGRST114", "limit/offset querystring parameters are not allowed for PUT"
        )
    if sorted(by_equality) != sorted(table.primary_key) or len(by_equality) != len(query.conditions):
        raise RestError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        )


def _rows(request: Request, query: Query, options: Options) -> Window:
    """The window of the query, of the Range header, and of the server's cap, all at once."""
    asked = header_window(request.header("range")) if request.method in ("GET", "HEAD") else Window()
    first = max(asked.offset, query.window.offset)
    ends = [each.offset + each.limit for each in (asked, query.window) if each.limit is not None]
    limit = min(ends) - first if ends else None
    if limit is not None and limit < 0:
        raise RangeError("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
    if options.max_rows:
        limit = options.max_rows if limit is None else min(limit, options.max_rows)
    return Window(first, limit)


def _refuse_embedding(catalog: Catalog, origin: str, query: Query) -> None:
    for item in query.select:
        if item.field.name.endswith("()"):
            raise no_relationship(catalog.schema, origin, item.field.name.removesuffix("()"))


def _unsupported(method: str) -> RestError:
    return RestError(HTTPStatus.METHOD_NOT_ALLOWED, "PGRST117", f"Unsupported HTTP method: {method}")
