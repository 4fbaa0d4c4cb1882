"""The ops port's door: probes, metrics and the evidence are answered here, everything else by the ops API behind it.

Plain ASGI. The ops API is loaded when somebody first asks for it: its framework is half of the supervisor's memory, and
monitoring alone has no use for it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from gateway.observe.open_metrics import CONTENT_TYPE as OPEN_METRICS_TYPE
from gateway.observe.open_metrics import families_of, open_metrics, wants_open_metrics
from gateway.ops.access import OpsAccess
from gateway.ops.errors import OpsError
from gateway.ops.evidence_pages import Reply
from gateway.ops.fleet_port import FleetPort

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"
END_OF_METRICS: Final = b"# EOF\n"
_PROBES: Final = ("/healthz", "/readyz")

Message = MutableMapping[str, Any]  # ASGI's own shape: its values have many types
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Page = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""From a query to the answer. Raises OpsError."""


class Behind(NamedTuple):
    """The application behind the door, and what ends its open pages."""

    app: Callable[[Message, Receive, Send], Awaitable[None]]
    close: Callable[[], None]


class Watch(Protocol):
    """Whoever has metrics beside the fleet's."""

    def exposition(self) -> bytes:
        """In Prometheus' text format."""
        ...


class OpsFront:
    """An ASGI application. `load` makes the one behind it; it runs once, in a thread.

    `watches` have metrics beside the fleet's; `pages` are answered here, by path.
    """

    def __init__(
        self,
        fleet: FleetPort,
        access: OpsAccess,
        load: Callable[[], Behind],
        watches: Sequence[Watch] = (),
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        self._fleet = fleet
        self._access = access
        self._load = load
        self._watches = watches
        self._pages = pages or {}
        self._behind: Behind | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in (*_PROBES, "/metrics", *self._pages):
            await self._answer(scope, send)
            return
        async with self._loading:
            if self._behind is None:
                self._behind = await asyncio.to_thread(self._load)
        await self._behind.app(scope, receive, send)

    def close(self) -> None:
        """End open pages, which would hold up the end of the process."""
        if self._behind is not None:
            self._behind.close()

    async def _answer(self, scope: Message, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _problem(send, 405, "only GET and HEAD are answered here", ((b"allow", b"GET, HEAD"),))
        elif scope["path"] == "/healthz":
            await _json(send, 200, {"status": "ok"})
        elif scope["path"] == "/readyz":
            ready, (serving, wanted) = await self._fleet.ready(), self._fleet.workers_ready()
            document = {"ready": ready, "workers": {"ready": serving, "wanted": wanted}}
            await _json(send, 200 if ready else 503, document)
        else:
            await self._guarded(scope, send)

    async def _guarded(self, scope: Message, send: Send) -> None:
        """Metrics and pages, for who may ask."""
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._access.check(
                authorization=fields.get("authorization"),
                host=fields.get("host"),
                origin=fields.get("origin"),
                fetch_site=fields.get("sec-fetch-site"),
            )
            page = self._pages.get(scope["path"])
            if page is None:
                reply = await self._metrics(fields.get("accept", ""))
            else:
                reply = await page(dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))))
        except OpsError as error:
            more = ((b"www-authenticate", b"Bearer"),) if error.status == 401 else ()
            await _problem(send, error.status, str(error), more)
            return
        await _respond(send, 200, reply.media_type, reply.body)

    async def _metrics(self, accept: str) -> Reply:
        if not wants_open_metrics(accept):
            beside = (one.exposition() for one in self._watches)
            return Reply(EXPOSITION_TYPE, b"".join((await self._fleet.exposition(), *beside)))
        fleets = (await self._fleet.exposition(openly=True)).removesuffix(END_OF_METRICS)
        families = (family for one in self._watches for family in families_of(one.exposition()))
        return Reply(OPEN_METRICS_TYPE, fleets + open_metrics(families))


async def _problem(send: Send, status: int, detail: str, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    await _respond(send, status, "application/problem+json", json.dumps(document).encode(), more)


async def _json(send: Send, status: int, document: dict[str, object]) -> None:
    await _respond(send, status, "application/json", json.dumps(document, separators=(",", ":")).encode())


async def _respond(
    send: Send, status: int, media_type: str, body: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
