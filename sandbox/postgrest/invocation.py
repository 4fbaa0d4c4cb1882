"""The statement for a function's call. Counterpart: `statements`, which does the same for tables."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier

from sandbox.postgrest.catalog import Catalog, Function
from sandbox.postgrest.media import CSV_MEDIA, OBJECT_MEDIA
from sandbox.postgrest.model import Query, Window
from sandbox.postgrest.sqlgen import Generator, Parameters, from_catalog, join, window
from sandbox.postgrest.statements import (
    CSV,
    FIRST_ROW,
    NO_NUMBER,
    NOTHING,
    Statement,
    answering,
    from_body,
    rows_as,
    target,
)

SCALARS = SQL("coalesce(json_agg(_postgrest_t.pgrst_scalar), '[]')::text")
FIRST_SCALAR = SQL("coalesce((json_agg(_postgrest_t.pgrst_scalar)->0)::text, 'null')")
CALLED = SQL("pgrst_call")


def call(
    catalog: Catalog,
    function: Function,
    given: Sequence[str],
    payload: bytes,
    query: Query,
    rows: Window,
    *,
    counted: bool,
    media: str,
) -> Statement:
    """A function's call with named arguments out of a JSON object, or with the whole body when it takes that."""
    parameters = Parameters()
    make = Generator(CALLED, function.columns, parameters)
    scalar = function.returns != "composite"
    source = _call_source(catalog, function, given, payload, parameters)
    conditions = make.where(query.conditions)
    listed = SQL("pgrst_call AS pgrst_scalar") if scalar else make.select_list(query.select)
    statement = SQL("SELECT ") + listed + source + conditions + make.order(query.order) + window(rows)
    total: Composable = NO_NUMBER
    if counted:
        again = _call_source(catalog, function, given, payload, parameters) + make.where(query.conditions)
        total = SQL("(SELECT count(*) FROM (SELECT 1") + again + SQL(") counted)")
    return answering(statement, parameters, _call_body(function, media, scalar=scalar), total=total)


def _call_body(function: Function, media: str, *, scalar: bool) -> SQL:
    if function.returns == "void":
        return NOTHING
    if scalar and media == CSV_MEDIA:
        return CSV
    if scalar:
        return SCALARS if function.is_set and media != OBJECT_MEDIA else FIRST_SCALAR
    return rows_as(media) if function.is_set else FIRST_ROW


def _call_source(
    catalog: Catalog, function: Function, given: Sequence[str], payload: bytes, parameters: Parameters
) -> Composed:
    name = target(catalog, function.name)
    if function.whole_body:
        kind = from_catalog(function.arguments[0].type)
        bound = parameters.bind(payload.decode())
        return SQL(" FROM LATERAL ") + name + SQL("(") + bound + SQL("::") + kind + SQL(") pgrst_call")
    if not given:
        return SQL(" FROM LATERAL ") + name + SQL("() pgrst_call")
    types = {argument.name: argument.type for argument in function.arguments if argument.name in given}
    passed = [Identifier(argument) + SQL(" := pgrst_body.") + Identifier(argument) for argument in types]
    body = from_body(parameters, payload, types, tuple(types), "json_to_record")
    return body + SQL(", LATERAL ") + name + SQL("(") + join(", ", passed) + SQL(") pgrst_call")
