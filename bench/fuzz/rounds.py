"""Sends streams through a gateway, one after the other, and asks for the verdict on each."""

import asyncio
import random
from contextlib import suppress

from bench.fuzz.deciding import Rule
from bench.fuzz.grammar import Stream, answer, request_stream
from bench.fuzz.imports import import_stream
from bench.fuzz.mutation import mutate
from bench.fuzz.origin import Origin, echo
from bench.fuzz.referee import Request, read_request
from bench.fuzz.verdict import Finding, Tally, judge_answer, judge_backends, judge_requests

LIMIT = 10.0
"""Seconds after which a stream that nobody ends counts as hanging."""
BROKEN_SHARE = 0.75
BROKEN_IMPORTS = 0.4
MAX_FINDINGS = 200


async def fuzz_requests(port: int, origin: Origin, count: int, seed: int) -> Tally:
    """At least `count` requests through the gateway on `port`, behind which `origin` answers."""
    dice = random.Random(seed)
    tally = Tally()
    origin.answer, origin.closes = echo, False
    while tally.requests < count and len(tally.findings) < MAX_FINDINGS:
        stream = request_stream(dice)
        if dice.random() < BROKEN_SHARE:
            stream = Stream(mutate(stream.data, dice), stream.count, intact=False)
        origin.forget()
        client = await _send(port, stream.data, dice)
        verdict = "nobody ended the connection" if client is None else judge_requests(stream, origin.seen, client)
        if origin.broken:
            verdict = f"the origin got what is no request: {origin.broken[0][0]}"
        tally.streams += 1
        tally.requests += stream.count
        tally.intact += stream.intact
        tally.forwarded += len(origin.seen)
        tally.refused += b"\r\nProxy-Status: " in (client or b"")
        if verdict:
            tally.findings.append(Finding(verdict, stream.data, client))
    return tally


async def fuzz_imports(port: int, legacy: Origin, v2: Origin, rule: Rule, count: int, seed: int) -> Tally:
    """At least `count` requests to a flagged route; `legacy` and `v2` share what they have seen."""
    dice = random.Random(seed)
    tally = Tally()
    for origin in (legacy, v2):
        origin.answer, origin.closes = echo, False
    while tally.requests < count and len(tally.findings) < MAX_FINDINGS:
        stream = import_stream(dice, rule.path)
        if dice.random() < BROKEN_IMPORTS:
            stream = Stream(mutate(stream.data, dice), stream.count, intact=False)
        legacy.forget()
        v2.broken.clear()
        client = await _send(port, stream.data, dice)
        verdict = "nobody ended the connection" if client is None else judge_requests(stream, legacy.seen, client, rule)
        if broken := legacy.broken + v2.broken:
            verdict = f"a backend got what is no request: {broken[0][0]}"
        verdict = verdict or judge_backends(legacy.seen, legacy.seen_by, rule)
        tally.streams += 1
        tally.requests += stream.count
        tally.intact += stream.intact
        tally.forwarded += len(legacy.seen)
        tally.on_v2 += legacy.seen_by.count(v2.name)
        tally.refused += b"\r\nProxy-Status: " in (client or b"")
        if verdict:
            tally.findings.append(Finding(verdict, stream.data, client))
    return tally


async def fuzz_answers(port: int, origin: Origin, count: int, seed: int) -> Tally:
    """`count` answers, most of them broken, each with a good one to the next request behind it."""
    dice = random.Random(seed)
    tally = Tally()
    while tally.requests < count and len(tally.findings) < MAX_FINDINGS:
        method = dice.choice((b"GET", b"GET", b"POST", b"HEAD"))
        reply, closes = answer(dice, method)
        intact = dice.random() >= BROKEN_SHARE
        if not intact:
            reply, closes = mutate(reply, dice), True
        length = b"Content-Length: 0\r\n" if method == b"POST" else b""
        first = b"%b /first HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method, length)
        second = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
        following, _ = read_request(second)
        _answer_once(origin, reply, closes=closes)
        client = await _send(port, first + second, dice)
        verdict = "nobody ended the connection"
        if client is not None:
            verdict = judge_answer(reply, closes, method, client, following, intact=intact) or ""
        tally.streams += 1
        tally.requests += 1
        tally.intact += intact
        tally.refused += b"\r\nProxy-Status: " in (client or b"")
        tally.forwarded += len(origin.seen)
        if verdict:
            tally.findings.append(Finding(verdict, b"%b\n%b" % (method, reply), client))
    return tally


def _answer_once(origin: Origin, reply: bytes, *, closes: bool) -> None:
    """`/first` gets `reply`, everything else an answer of its own."""

    def speak(request: Request) -> bytes:
        origin.closes = closes and request.target == b"/first"
        return reply if request.target == b"/first" else echo(request)

    origin.forget()
    origin.answer = speak


async def _send(port: int, data: bytes, dice: random.Random) -> bytes | None:
    """All that comes back; None if nobody ends the connection. Sent in one to four pieces."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(LIMIT):
            for _ in range(dice.choice((0, 0, 1, 3))):
                at = dice.randrange(len(data) + 1)
                writer.write(data[:at])
                await writer.drain()
                await asyncio.sleep(0)
                data = data[at:]
            writer.write(data)
            with suppress(OSError):  # the gateway has reset the connection already; what it said may still be there
                writer.write_eof()
            return await _read(reader)
    except TimeoutError:
        return None
    except ConnectionError:
        return await _read(reader)
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What came before the end; a reset ends it too, as an abort of the gateway does."""
    found = b""
    try:
        while piece := await reader.read(65_536):
            found += piece
    except ConnectionError:
        pass  # an abort is one of the two honest ends of a broken answer
    return found


def describe(tally: Tally) -> str:
    """One line of figures."""
    on_v2 = f" ({tally.on_v2} v2)" if tally.on_v2 else ""
    return (
        f"{tally.requests} messages in {tally.streams} streams ({tally.intact} unbroken): "
        f"{tally.forwarded} requests reached a backend{on_v2}, {tally.refused} streams were refused, "
        f"{len(tally.findings)} findings"
    )
