"""One exchange over one connection, direct or through a gateway: what the origin saw and what the client got."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.fuzz.hops import answered, arrived, received, sent
from bench.fuzz.origin import Origin
from bench.fuzz.referee import Incomplete, Request, Response, read_request, read_response
from tests.gateway.proof.corpus import Exchange

LIMIT = 10.0
"""Seconds after which a test gives up waiting: far beyond anything that is expected to happen."""


@dataclass(frozen=True)
class Trip:
    """Both ends of one exchange."""

    origin: Request
    client: Response


async def travel(port: int, origin: Origin, exchange: Exchange) -> Trip:
    """Send `exchange` to `port`, behind which `origin` answers."""
    origin.seen.clear()
    origin.answer, origin.closes = (lambda _: exchange.reply), exchange.closes
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(exchange.send)
        async with asyncio.timeout(LIMIT):
            response = await read_answer(reader, exchange.send.split(b" ", 1)[0])
    finally:
        writer.close()
    if len(origin.seen) != 1 or origin.broken:
        raise AssertionError(f"{exchange.id}: the origin saw {len(origin.seen)} requests, broken: {origin.broken}")
    return Trip(origin.seen[0], response)


async def read_answer(reader: asyncio.StreamReader, method: bytes) -> Response:
    """One answer, with nothing behind it."""
    data = b""
    ended = False
    while True:
        try:
            response, rest = read_response(data, method, ended=ended)
        except Incomplete:
            if ended:
                raise
        else:
            assert rest == b"", rest
            return response
        piece = await reader.read(1 << 20)
        ended = not piece
        data += piece


def differences(exchange: Exchange, direct: Trip, through: Trip) -> list[str]:
    """What is not the same, apart from the documented changes of bench.fuzz.hops."""
    client, _ = read_request(exchange.send)
    answer, _ = read_response(exchange.reply, client.method, ended=exchange.closes)
    pairs: list[tuple[str, object, object]] = [
        ("request fields", sent(direct.origin), arrived(through.origin, client)),
        ("answer fields", answered(direct.client), received(through.client, answer)),
    ]
    read: Callable[[object, str], object] = getattr
    pairs += [
        (f"request {part}", read(direct.origin, part), read(through.origin, part))
        for part in ("method", "target", "body", "chunked", "trailers")
    ]
    pairs += [
        (f"answer {part}", read(direct.client, part), read(through.client, part))
        for part in ("status", "reason", "body", "end", "trailers")
    ]
    hints = [[(status, answered(replace(direct.client, fields=fields))) for status, fields in direct.client.interim]]
    hints.append([(s, received(replace(direct.client, fields=f), answer)) for s, f in through.client.interim])
    pairs.append(("interim answers", hints[0], hints[1]))
    return [f"{exchange.id}: {what}: {a!r} became {b!r}"[:600] for what, a, b in pairs if a != b]
