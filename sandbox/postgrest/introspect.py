"""Reads the exposed schema out of PostgreSQL's own catalog. Counterpart: the values in `catalog`."""

from __future__ import annotations

from typing import TypedDict, cast

import psycopg
from psycopg.rows import dict_row

from sandbox.postgrest.catalog import Argument, Catalog, Function, Returns, Table

TABLES = """
select c.relname as name,
       coalesce((select json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) order by a.attnum)
                 from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}') as columns,
       coalesce((select json_agg(a.attname order by k.place)
                 from pg_constraint p
                 cross join unnest(p.conkey) with ordinality as k (number, place)
                 join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                 where p.conrelid = c.oid and p.contype = 'p'), '[]') as primary_key
from pg_class c
where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""

# Argument modes: i(n), b (inout) and v(ariadic) are given by the caller; t(able) and o(ut) come back.
FUNCTIONS = """
select p.proname as name,
       coalesce((select json_agg(json_build_array(coalesce(p.proargnames[i], ''), format_type(t.type, null)) order by i)
                 from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as t (type, i)
                 where coalesce(p.proargmodes[i], 'i') in ('i', 'b', 'v')), '[]') as arguments,
       p.pronargdefaults as defaults,
       p.proretset as is_set,
       p.provolatile = 'v' as volatile,
       case when p.prorettype = 'void'::regtype then 'void'
            when r.typtype = 'c' or r.typname = 'record' then 'composite'
            else 'scalar' end as returns,
       coalesce((select json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) order by a.attnum)
                 from pg_attribute a where a.attrelid = r.typrelid and a.attnum > 0 and not a.attisdropped),
                (select json_object_agg(p.proargnames[i], format_type(t.type, null) order by i)
                 from unnest(p.proallargtypes) with ordinality as t (type, i)
                 where p.proargmodes[i] in ('t', 'o', 'b')),
                '{}') as columns
from pg_proc p join pg_type r on r.oid = p.prorettype
where p.pronamespace = %(schema)s::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


class _TableRow(TypedDict):
    name: str
    columns: dict[str, str]
    primary_key: list[str]


class _FunctionRow(TypedDict):
    name: str
    arguments: list[tuple[str, str]]
    defaults: int
    is_set: bool
    volatile: bool
    returns: Returns
    columns: dict[str, str]


async def read_catalog(connection: psycopg.AsyncConnection[object], schema: str = "public") -> Catalog:
    """Take a snapshot of one schema: every table, view and function except those that belong to an extension."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(TABLES, {"schema": schema})
        tables = [cast("_TableRow", row) for row in await cursor.fetchall()]
        await cursor.execute(FUNCTIONS, {"schema": schema})
        functions = [cast("_FunctionRow", row) for row in await cursor.fetchall()]
    by_name: dict[str, tuple[Function, ...]] = {}
    for row in functions:
        by_name[row["name"]] = (*by_name.get(row["name"], ()), _function(row))
    return Catalog(
        schema=schema,
        tables={row["name"]: Table(row["name"], row["columns"], tuple(row["primary_key"])) for row in tables},
        functions=by_name,
    )


def _function(row: _FunctionRow) -> Function:
    first_optional = len(row["arguments"]) - row["defaults"]
    return Function(
        name=row["name"],
        arguments=tuple(
            Argument(name, kind, required=place < first_optional) for place, (name, kind) in enumerate(row["arguments"])
        ),
        returns=row["returns"],
        is_set=row["is_set"],
        volatile=row["volatile"],
        columns=row["columns"],
    )
