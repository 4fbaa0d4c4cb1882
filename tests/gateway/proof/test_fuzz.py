"""A short, repeatable run of bench.fuzz, and the proof that its verdicts can be bad."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from bench.fuzz.deciding import Rule
from bench.fuzz.grammar import Stream
from bench.fuzz.origin import Origin, echo
from bench.fuzz.referee import Incomplete, Invalid, read_request, read_requests, read_response
from bench.fuzz.rounds import fuzz_answers, fuzz_imports, fuzz_requests
from bench.fuzz.verdict import judge_answer, judge_requests
from tests.gateway.proxy.shadowing import EVERYTHING, never
from tests.gateway.proxy.wire import Backend, gateway

ONE = b"GET /1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"
TWO = b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
FLAGGED = Rule(b"/flagged", "f", 50)
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nProxy-Status: x\r\nContent-Length: 0\r\n\r\n"


async def test_two_thousand_odd_requests_confuse_nobody(tmp_path: Path) -> None:
    async with Origin().running() as origin, gateway(tmp_path, origin.port) as running:
        tally = await fuzz_requests(running.port, origin, 2000, seed=2026)
    assert tally.findings == []
    assert tally.intact > 100
    assert tally.refused > 100
    assert tally.forwarded > 500


async def test_copies_of_everything_confuse_nobody(tmp_path: Path) -> None:
    v2 = Backend(script=never)
    async with (
        Origin().running() as origin,
        v2.running(),
        gateway(tmp_path, origin.port, v2, percentage=0, routes=EVERYTHING, shadow_seconds=0.2) as running,
    ):
        tally = await fuzz_requests(running.port, origin, 1000, seed=2027)
        assert running.service.meters.shadows.counts
    assert tally.findings == []
    assert tally.forwarded > 250


async def test_five_hundred_odd_answers_confuse_nobody(tmp_path: Path) -> None:
    async with Origin().running() as origin, gateway(tmp_path, origin.port) as running:
        tally = await fuzz_answers(running.port, origin, 500, seed=2026)
    assert tally.findings == []
    assert tally.intact > 50
    assert tally.refused > 50


async def test_five_hundred_odd_imports_each_reach_the_one_backend_that_the_flag_names(tmp_path: Path) -> None:
    legacy = Origin()
    v2 = Origin(name="v2", seen=legacy.seen, seen_by=legacy.seen_by)
    async with (
        legacy.running(),
        v2.running(),
        gateway(tmp_path, legacy.port, v2.port, percentage=50) as running,
    ):
        tally = await fuzz_imports(running.port, legacy, v2, FLAGGED, 500, seed=2026)
    assert tally.findings == []
    assert tally.on_v2 > 50
    assert tally.forwarded - tally.on_v2 > 50


async def test_a_gateway_with_another_percentage_than_the_referees_is_found_out(tmp_path: Path) -> None:
    legacy = Origin()
    v2 = Origin(name="v2", seen=legacy.seen, seen_by=legacy.seen_by)
    async with (
        legacy.running(),
        v2.running(),
        gateway(tmp_path, legacy.port, v2.port, percentage=60) as running,
    ):
        tally = await fuzz_imports(running.port, legacy, v2, FLAGGED, 500, seed=2026)
    assert {finding.what for finding in tally.findings} == {"v2 saw a request that belongs to legacy"}


def test_the_verdict_on_what_the_gateway_should_do_is_good() -> None:
    seen = read_requests(ONE + TWO)
    assert judge_requests(Stream(ONE + TWO, 2), seen, echo(seen[0]) + echo(seen[1])) is None
    assert judge_requests(Stream(ONE + b"x", 1, intact=False), seen[:1], echo(seen[0]) + REFUSAL) is None


def test_each_kind_of_confusion_of_requests_is_found() -> None:
    one, two = read_requests(ONE + TWO)
    both = Stream(ONE + TWO, 2)
    right = echo(one) + echo(two)
    smuggled = dataclasses.replace(two, target=b"/smuggled")
    stripped = dataclasses.replace(one, fields=one.fields[:1])
    assert judge_requests(both, [one, two, smuggled], right) == "the origin saw a request that nobody sent"
    assert judge_requests(both, [one, smuggled], right) == "the origin saw another request than the one that was sent"
    assert judge_requests(both, [stripped, two], right) == "the origin saw other fields than those that were sent"
    assert judge_requests(both, [one], echo(one)) == "1 good requests were not forwarded"
    assert judge_requests(both, [one, two], echo(one)) == "an answer is missing or malformed"
    assert judge_requests(both, [one, two], echo(two) + echo(one)) == (
        "an answer belongs to another request, or is cut short"
    )
    assert judge_requests(both, [one, two], right + echo(one)) == "more answers than requests"
    assert judge_requests(both, [one, two], right + b"rest") == "what follows the answers is no answer"


def test_of_two_idempotency_keys_a_flagged_request_keeps_the_first() -> None:
    head = b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nIdempotency-Key: 1\r\n"
    two, one = read_requests(head + b"Idempotency-Key: 2\r\n\r\n" + head + b"\r\n")
    stream = Stream(head + b"Idempotency-Key: 2\r\n\r\n", 1)
    assert judge_requests(stream, [one], echo(one), FLAGGED) is None
    for rule in (None, Rule(b"/other", "f", 50)):
        assert judge_requests(stream, [one], echo(one), rule) == "the origin saw other fields than those that were sent"
        assert judge_requests(stream, [two], echo(two), rule) is None


async def test_what_the_gateway_asks_for_itself_is_no_clients_request() -> None:
    question = b"GET /jobs?status=running&limit=500 HTTP/1.1\r\nHost: a\r\n"
    async with Origin().running() as origin:
        reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
        writer.write(question + b"\r\n" + question + b"Via: 1.1 banyan\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
    assert len(origin.seen) == 1


def test_each_kind_of_confusion_of_answers_is_found() -> None:
    following = read_request(TWO)[0]
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
    cut = reply[:-1]

    def verdict(reply: bytes, client: bytes, *, intact: bool = False) -> str | None:
        return judge_answer(reply, closes=True, method=b"GET", client=client, following=following, intact=intact)

    assert verdict(reply, reply, intact=True) is None
    assert verdict(reply, reply + echo(following)) is None
    assert verdict(cut, cut) is None
    assert verdict(cut, REFUSAL.replace(b"400", b"502")) is None
    assert verdict(cut, reply.replace(b"4\r", b"3\r")[:-1]) == "a broken answer ended cleanly"
    assert verdict(reply, REFUSAL.replace(b"400", b"502"), intact=True) == "a good answer was refused"
    assert verdict(reply, cut, intact=True) == "a whole answer was cut short"
    assert verdict(reply, b"HTTP/1.1 200 OK\r\n\r\nbody") == "the client cannot know where the answer ends"
    assert verdict(reply, reply.replace(b"body", b"evil")) == (
        "the client got another answer than the one that was sent"
    )
    assert verdict(reply, reply + reply) == "the next request got an answer that is not its own"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_the_referee_refuses_what_readers_split_on(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_request(data)


def test_the_referee_waits_for_the_end() -> None:
    whole = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"
    assert read_request(whole + b"rest")[1] == b"rest"
    for end in range(len(whole)):
        with pytest.raises(Incomplete):
            read_request(whole[:end])
    with pytest.raises(Incomplete):
        read_response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", b"GET", ended=False)
