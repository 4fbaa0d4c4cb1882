"""Reads from the database that both pipelines write to: PostgREST over HTTP, at a bounded rate; the only place that
holds its key. Answers hold states and numbers, never people's text.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import httpx

from gateway.observe.errors import SourceRefused, SourceUnavailable

MAX_ROWS: Final = 500
"""Rows in one page. Servers cap pages too, most at 1000, so a short page is not taken for the last one."""
ANSWER_SECONDS: Final = 15.0
_BUSY: Final = frozenset({408, 425, 429})


class SupabaseReader:
    """GET and HEAD, and POST only to call what writes nothing.

    Raises SourceUnavailable and SourceRefused, whose messages name no row and no key. A `key` of a role of our own
    needs the project's `anon_key` beside it: the platform's door knows only its own keys.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        anon_key: str = "",
        per_second: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/rest/v1",
            headers={"apikey": anon_key or key, "authorization": f"Bearer {key}"},
            timeout=ANSWER_SECONDS,
            limits=httpx.Limits(max_connections=2, keepalive_expiry=30.0),
            trust_env=False,
            transport=transport,
        )
        self._interval = 1.0 / per_second
        self._next = 0.0

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def rows(self, table: str, query: Mapping[str, str]) -> list[Mapping[str, object]]:
        """One page of rows by a PostgREST query."""
        answer = await self._ask("GET", table, {**query, "limit": query.get("limit", str(MAX_ROWS))})
        try:
            rows = answer.json()
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise SourceRefused(f"{table}: the answer is no list of rows")
        return [row for row in rows if isinstance(row, dict)]

    async def count(self, table: str, query: Mapping[str, str]) -> int:
        """How many rows a query finds, without reading them."""
        answer = await self._ask("HEAD", table, {**query, "select": query.get("select", "id")}, prefer="count=exact")
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        if not total.isdigit():
            raise SourceRefused(f"{table}: the answer holds no count")
        return int(total)

    async def call(self, function: str, arguments: Mapping[str, object]) -> object:
        """The result of a function that writes nothing, as JSON."""
        answer = await self._ask("POST", f"rpc/{function}", {}, body=arguments)
        try:
            return answer.json()
        except ValueError:
            raise SourceRefused(f"{function}: the answer is no JSON") from None

    async def _ask(
        self,
        method: str,
        table: str,
        query: Mapping[str, str],
        *,
        prefer: str = "",
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        await self._pace()
        headers = {"prefer": prefer} if prefer else {}
        try:
            answer = await self._client.request(method, f"/{table}", params=dict(query), headers=headers, json=body)
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"{table}: no answer ({type(error).__name__})") from None
        if answer.is_success:
            return answer
        kind = SourceUnavailable if answer.status_code >= 500 or answer.status_code in _BUSY else SourceRefused
        raise kind(f"{table}: answered {answer.status_code}")

    async def _pace(self) -> None:
        """Wait for this request's turn."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)
