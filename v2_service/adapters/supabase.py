"""One pooled HTTP client for PostgREST and Storage, and the only place where their answers become our errors."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from v2_service.contract import JsonValue
from v2_service.errors import Overtaken, ServiceFailed, StaleRun, StoreRefused, StoreUnavailable, UserUnknown
from v2_service.json_pieces import encode
from v2_service.settings import Settings

POOL = httpx.Limits(max_connections=40, max_keepalive_connections=20)
CONNECT_SECONDS = 10.0
MESSAGE_LENGTH = 200
# Raised by our own functions (migrations/) as the message of an exception.
OWN_ERRORS: Mapping[str, type[Exception]] = {
    "v2_stale_run": StaleRun,
    "v2_unknown_user": UserUnknown,
    "v2_overtaken": Overtaken,
}
OWN_SENTENCES = {
    "v2_stale_run": "The run was cancelled, is over, or another worker has taken it.",
    "v2_unknown_user": "There is no user with this user_id.",
    "v2_overtaken": "Another import of this user was stored while this one ran; that one stays.",
}
FOREIGN_KEY = "23503"
SCHEMA_CODES = ("42", "PGRST", "P0001")


def new_client(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The pooled client; the caller closes it."""
    key = settings.supabase_service_key.get_secret_value()
    # The platform's door knows only its own keys; a key of our own role is known to PostgREST and Storage behind it.
    door = settings.supabase_anon_key.get_secret_value() if settings.supabase_anon_key else key
    return httpx.AsyncClient(
        base_url=settings.supabase_url,
        headers={"apikey": door, "Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(settings.request_timeout_seconds, connect=CONNECT_SECONDS),
        limits=POOL,
        transport=transport,
    )


class Rest:
    """PostgREST: functions and reads. Every answer but 2xx raises."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(self, function: str, arguments: Mapping[str, object]) -> JsonValue:
        """POST rpc/<function>; the result as JSON, None for void.

        Raises StaleRun, UserUnknown, Overtaken, StoreRefused or StoreUnavailable.
        """
        return await self._send(
            "POST",
            f"/rest/v1/rpc/{function}",
            content=await encode(arguments),
            headers={"Content-Type": "application/json"},
        )

    async def select(self, table: str, query: Mapping[str, str]) -> list[dict[str, JsonValue]]:
        """GET a page of rows. Servers cap pages (1000 rows by default), so callers page by key."""
        answer = await self._send("GET", f"/rest/v1/{table}", params=dict(query))
        if not isinstance(answer, list):
            raise StoreRefused("The database answered something that is no list of rows.")
        return [row for row in answer if isinstance(row, dict)]

    async def insert(self, table: str, row: Mapping[str, object], on_conflict: str) -> None:
        """POST one row; a row that is there already stays as it is."""
        await self._send(
            "POST",
            f"/rest/v1/{table}",
            params={"on_conflict": on_conflict},
            content=await encode(row),
            headers={"Content-Type": "application/json", "Prefer": "return=minimal,resolution=ignore-duplicates"},
        )

    async def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonValue:
        try:
            answer = await self._client.request(method, path, content=content, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"The database cannot be reached ({type(error).__name__}).") from error
        if answer.is_success:
            value: JsonValue = answer.json() if answer.content else None
            return value
        raise failure_of(answer)


def failure_of(answer: httpx.Response) -> Exception:
    """The error that a refused PostgREST request means. `details` is left out: it quotes rows."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    message = str(body.get("message", "")) if isinstance(body, dict) else ""
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    own = OWN_ERRORS.get(message)
    if own is not None:
        return own(OWN_SENTENCES[message])
    if code == FOREIGN_KEY:
        return UserUnknown(OWN_SENTENCES["v2_unknown_user"])
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code in (408, 429):
        return StoreUnavailable(f"The database answered {answer.status_code}.")
    # Messages about the schema name tables and columns; all others may quote what a row held.
    named = f": {message[:MESSAGE_LENGTH]}" if code.startswith(SCHEMA_CODES) else ""
    return StoreRefused(f"The database refused a request ({answer.status_code} {code}){named}")


def expect_written(written: JsonValue, wanted: int, what: str) -> None:
    """A lost write is a failure, not a warning (L-02, L-03). Raises StoreRefused."""
    if written != wanted:
        failure: ServiceFailed = StoreRefused(f"Only {written} of {wanted} {what} were written.")
        raise failure
