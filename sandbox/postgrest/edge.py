"""Runs plans on PostgreSQL: one transaction per request, under the caller's role. Counterpart: `plan` decides."""

from __future__ import annotations

import json
from collections.abc import Mapping

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool

from sandbox.postgrest.answer import Answer, Row, answer, refusal
from sandbox.postgrest.catalog import Catalog
from sandbox.postgrest.errors import RestError, database_status
from sandbox.postgrest.introspect import read_catalog
from sandbox.postgrest.plan import Options, plan
from sandbox.postgrest.request import Request
from sandbox.postgrest.statements import Statement
from sandbox.postgrest.tokens import ANONYMOUS_ROLE

LOGIN_ROLE = "authenticator"
POOL_SIZE = 16
# One round trip: who asks, and whether the schema is still the one that was read.
ENTER = """
select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
       set_config('request.method', $3, true), set_config('request.path', $4, true),
       set_config('search_path', '"public", "extensions"', true), sandbox.schema_version()
"""
DEFAULT_PRIVILEGE_HEADER = (("WWW-Authenticate", "Bearer"),)


class Front:
    """A PostgREST over one database. Open it inside the event loop; it reads the schema again whenever that changed."""

    def __init__(self, uri: str, options: Options) -> None:
        self._options = options
        self._catalog = Catalog()
        self._version: int | None = None
        self._pool = AsyncConnectionPool(
            uri,
            min_size=1,
            max_size=POOL_SIZE,
            open=False,
            connection_class=AsyncConnection[TupleRow],
            # A prepared statement would not survive a changed table.
            kwargs={"autocommit": True, "user": LOGIN_ROLE, "prepare_threshold": None},
        )

    async def open(self) -> None:
        await self._pool.open(wait=True)

    async def close(self) -> None:
        await self._pool.close()

    async def handle(self, request: Request, claims: Mapping[str, object]) -> Answer:
        """Answer one request of a caller with these claims; never raises for what the caller or the database did."""
        role = str(claims.get("role", ANONYMOUS_ROLE))
        about = (role, json.dumps(dict(claims)), request.method, request.path)
        try:
            async with self._pool.connection() as connection:
                return await self._transact(connection, request, about)
        except RestError as error:
            return refusal(error)
        except psycopg.Error as error:
            return refusal(_database_error(error, anonymous=role == ANONYMOUS_ROLE))

    async def _transact(
        self, connection: AsyncConnection[TupleRow], request: Request, about: tuple[str, ...]
    ) -> Answer:
        answered: Answer | None = None
        async with connection.transaction() as transaction:
            catalog = await self._enter(connection, about)
            decided = plan(request, catalog, self._options)
            if decided.read_only:
                await connection.execute("set transaction read only")
            answered = answer(decided, await _row(connection, decided.statement))
            if decided.preferences.end == "rollback":
                raise psycopg.Rollback(transaction)
        return answered

    async def _enter(self, connection: AsyncConnection[TupleRow], about: tuple[str, ...]) -> Catalog:
        """Become the caller, and look whether the schema has changed since it was last read."""
        async with AsyncRawCursor(connection) as cursor:
            await cursor.execute(ENTER, about)
            found = await cursor.fetchone()
        version = found[-1] if found else None
        if version != self._version:
            self._catalog, self._version = await read_catalog(connection), version
        return self._catalog


async def _row(connection: AsyncConnection[TupleRow], statement: Statement) -> Row:
    async with AsyncRawCursor(connection, row_factory=class_row(Row)) as cursor:
        await cursor.execute(statement.text, statement.values)
        row = await cursor.fetchone()
    assert row is not None, "every statement answers one row"
    return row


def _database_error(error: psycopg.Error, *, anonymous: bool) -> RestError:
    """The database's own words; what has no SQLSTATE is a lost connection."""
    code = error.sqlstate
    if code is None:
        return RestError(503, "PGRST001", "Database connection error. Retrying the connection.", str(error))
    status = database_status(code, anonymous=anonymous)
    told = error.diag
    headers = DEFAULT_PRIVILEGE_HEADER if status == 401 else ()
    return RestError(status, code, told.message_primary or "", told.message_detail, told.message_hint, headers=headers)
