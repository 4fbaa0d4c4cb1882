"""Every attack of the tables over real sockets, against an origin that reads by the letter."""

import asyncio
import collections
import re
from pathlib import Path

import pytest

from bench.fuzz.origin import Origin
from bench.fuzz.referee import End, Request, Response, read_response
from tests.gateway.proof.attacks import Attack, fields, requests, responses
from tests.gateway.proxy.wire import LIMIT, ROUTES, Gateway, gateway

ATTACKS = [*requests.ATTACKS, *responses.ATTACKS, *fields.ATTACKS]
KEYED = '\n[[route]]\nname = "keyed"\nmethods = ["POST"]\npath = "/keyed"\nflag = "f"\napi_key = true\n'


def test_no_attack_is_named_twice() -> None:
    assert [name for name, count in collections.Counter(one.id for one in ATTACKS).items() if count > 1] == []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
async def test_attack(attack: Attack, tmp_path: Path) -> None:
    origin = Origin(answer=lambda _: attack.reply, closes=attack.closes)
    async with (
        origin.running(),
        gateway(tmp_path, origin.port, routes=ROUTES + KEYED, api_key="sesame") as running,
    ):
        received = await _send(running, attack)
    assert origin.broken == []
    assert tuple(b"%b %b" % (one.method, one.target) for one in origin.seen) == attack.saw
    statuses, last = _read(received, [one.method for one in origin.seen] or [b"POST"])
    assert statuses == attack.get
    assert (last.end is End.WHOLE) is attack.whole
    for piece in attack.got:
        assert piece in received
    for piece in attack.got_not:
        assert piece not in received
    if origin.seen:
        _check_last(attack, origin.seen)


async def _send(running: Gateway, attack: Attack) -> bytes:
    if isinstance(attack.send, bytes):
        return await running.send(attack.send)
    reader, writer = await running.connect()
    try:
        for piece in attack.send:
            writer.write(piece)
            await writer.drain()
            await _read_by(running, len(piece))
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), LIMIT)
    finally:
        writer.close()


async def _read_by(running: Gateway, size: int) -> None:
    """Give the gateway, which shares this loop, the turns in which it reads what was written."""
    for _ in range(20 + size // 65_536):
        await asyncio.sleep(0)
    assert running.service.clients


def _read(received: bytes, methods: list[bytes]) -> tuple[tuple[int, ...], Response]:
    """All statuses that the client got, and its last answer."""
    statuses: list[int] = []
    for method in [*methods, *[b"GET"] * 60]:
        last, received = read_response(received, method, ended=True)
        statuses += [status for status, _ in last.interim]
        statuses.append(last.status)
        if not received:
            return tuple(statuses), last
    raise AssertionError(f"more answers than requests: {received[:200]!r}")


def _check_last(attack: Attack, seen: list[Request]) -> None:
    last = seen[-1]
    if attack.body is not None:
        assert last.body == attack.body
    for name, value in attack.fields:
        assert last.values(name) == [value]
    everything = b"\n".join(b"%b: %b" % pair for one in seen for pair in (*one.fields, *one.trailers))
    for piece in attack.lacks:
        assert re.search(re.escape(piece), everything, re.IGNORECASE) is None
