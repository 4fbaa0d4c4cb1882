"""The superuser's door to the database, for the stand-ins that own tables of their own (accounts, storage, control)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

POOL_SIZE = 8


class Database:
    """A small pool. Each call is one transaction."""

    def __init__(self, uri: str) -> None:
        self._pool = AsyncConnectionPool(
            uri,
            min_size=1,
            max_size=POOL_SIZE,
            open=False,
            connection_class=AsyncConnection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": None},
        )

    async def open(self) -> None:
        await self._pool.open(wait=True)

    async def close(self) -> None:
        await self._pool.close()

    # A row's values have the column's types, which only the statement knows.
    async def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement and give back its rows; none for a statement without result. Raises psycopg.Error."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def row(self, statement: str, *values: object) -> dict[str, Any] | None:
        """The first row, if there is one."""
        return next(iter(await self.rows(statement, *values)), None)

    async def named_rows(self, statement: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        """As `rows`, with named values."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def named_row(self, statement: str, values: Mapping[str, object]) -> dict[str, Any] | None:
        """As `row`, with named values."""
        return next(iter(await self.named_rows(statement, values)), None)
