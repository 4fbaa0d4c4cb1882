"""Dry runs: v2 is given copies of what legacy has taken, and nobody but the counters notices."""

import asyncio
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.breaker import State
from gateway.proxy.copies import dry_run_key
from tests.gateway.proxy.shadowing import DRY, KEY, ROUTES, USER, answer, ask, counted, job, never, outcomes, shadowing
from tests.gateway.proxy.wire import OK, Backend, read_request


async def test_v2_gets_a_copy_with_the_gateways_key_and_without_the_clients_secrets(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    fields = (
        b"Authorization: Bearer of-the-client\r\nCookie: a=b\r\nX-Api-Key: c\r\nX-Service-Key: forged\r\n"
        b"Content-Type: application/json\r\nAccept-Language: de\r\nUser-Agent: browser\r\n"
    )
    async with shadowing(tmp_path, legacy, v2) as running:
        told = await ask(running, job(fields=fields))
        await running.until(counted(running))
        assert outcomes(running) == {"sent": 1}
    assert (told.status, told.body, told.values("x-gateway-backend")) == (200, b"ok", [b"legacy"])
    (original,), (copy,) = legacy.seen, v2.seen
    id_ = original.values("x-request-id")[0]
    assert (copy.line, copy.body) == (original.line, original.body)
    assert copy.values("x-shadow") == [b"1"]
    assert copy.values("idempotency-key") == [dry_run_key(id_)]
    assert copy.values("x-service-key") == [KEY.encode()]
    assert copy.values("authorization") == [b"Bearer " + KEY.encode()]
    assert copy.values("traceparent") == original.values("traceparent") == [b"00-%b-%b-00" % (id_, id_[16:])]
    assert copy.values("x-request-id") == [id_]
    assert copy.values("content-type") == [b"application/json"]
    assert copy.values("accept-language") == [b"de"]
    assert copy.values("via") == [b"1.1 banyan"]
    for absent in ("cookie", "x-api-key", "user-agent", "x-forwarded-for", "forwarded"):
        assert copy.values(absent) == []
    assert original.values("x-shadow") == []


async def test_ids_and_trace_of_the_client_stay(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = (
        b"Idempotency-Key: key-1\r\nX-Request-Id: request-1\r\nTraceparent: nonsense\r\nTraceparent: %b\r\n"
        b"Tracestate: a=1\r\n" % trace
    )
    async with shadowing(tmp_path, legacy, v2) as running:
        await ask(running, job(fields=fields))
        await running.until(counted(running))
    (copy,) = v2.seen
    assert copy.values("idempotency-key") == [dry_run_key(b"key-1")]
    assert copy.values("x-request-id") == [b"request-1"]
    assert copy.values("traceparent") == [trace]
    assert copy.values("tracestate") == [b"a=1"]


async def test_the_key_of_a_copy_has_one_length_however_long_the_clients_is(tmp_path: Path) -> None:
    """v2 takes keys of at most 255 characters, and legacy any."""
    legacy, v2 = Backend(), Backend(DRY)
    keys = [b"k", b"k" * 255, b"k" * 256]
    async with shadowing(tmp_path, legacy, v2) as running:
        for number, key in enumerate(keys, 1):
            await ask(running, job(fields=b"Idempotency-Key: %b\r\n" % key))
            await running.until(lambda number=number: outcomes(running).get("sent") == number)
    sent = [copy.values("idempotency-key")[0] for copy in v2.seen]
    assert [re.fullmatch(rb"shadow-[0-9a-f]{64}", key) is not None for key in sent] == [True] * 3
    assert len(set(sent)) == 3
    assert [original.values("idempotency-key") for original in legacy.seen] == [[key] for key in keys]


async def test_a_trace_that_nobody_knows_is_not_made_up(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        await ask(running, job(fields=b"X-Request-Id: request-1\r\nTracestate: a=1\r\n"))
        await running.until(counted(running))
    assert v2.seen[0].values("traceparent") == v2.seen[0].values("tracestate") == []


async def test_a_chunked_body_is_copied_as_one(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    body = b'{"user_id":"%b"}' % USER.encode()
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (4, body[:4], len(body) - 4, body[4:])
    async with shadowing(tmp_path, legacy, v2) as running:
        head = b"POST /flagged HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        await ask(running, head + chunks)
        await running.until(counted(running))
    assert (v2.seen[0].body, v2.seen[0].values("transfer-encoding")) == (body, [])


async def test_only_we_may_say_that_something_is_a_copy(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    forged = b"X-Shadow: 1\r\nx_shadow: 1\r\nX-SHADOW: true\r\n"
    async with shadowing(tmp_path, legacy, v2, stage="off") as running:
        await ask(running, job(fields=forged))
    async with shadowing(tmp_path, legacy, v2, stage="ramp", percentage=100) as running:
        await ask(running, job(fields=forged))
    for seen in (*legacy.seen, *v2.seen):
        assert seen.values("x-shadow") == seen.values("x_shadow") == []
    assert (len(legacy.seen), len(v2.seen)) == (1, 1)


@pytest.mark.parametrize(
    ("stage", "percentage", "copies"),
    [("off", 0, 0), ("shadow", 0, 1), ("shadow", 100, 1), ("ramp", 0, 1), ("ramp", 99, 1), ("complete", 0, 0)],
)
async def test_the_stage_decides_whether_there_are_copies(
    tmp_path: Path, stage: str, percentage: int, copies: int
) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2, stage=stage, percentage=percentage) as running:
        assert (await ask(running, job())).values("x-gateway-backend") == [b"legacy"]
        await running.until(counted(running, copies))
    assert (len(legacy.seen), len(v2.seen)) == (1, copies)


@pytest.mark.parametrize("stage", ["ramp", "reverse-shadow", "complete"])
async def test_what_v2_answers_is_never_given_to_legacy(tmp_path: Path, stage: str) -> None:
    """Legacy has no dry run: it would import the user once more."""
    legacy, v2 = Backend(), Backend()
    async with shadowing(tmp_path, legacy, v2, stage=stage, percentage=100) as running:
        assert (await ask(running, job())).values("x-gateway-backend") == [b"v2"]
        assert outcomes(running) == {}
    assert (len(legacy.seen), v2.seen[0].values("x-shadow")) == (0, [])


async def test_what_legacy_refuses_is_not_copied(tmp_path: Path) -> None:
    for reply in (answer(b"{}", b"422 No"), answer(b"{}", b"500 No"), answer(b"{}", b"302 Found")):
        legacy, v2 = Backend(reply), Backend(DRY)
        async with shadowing(tmp_path, legacy, v2) as running:
            await ask(running, job())
            assert outcomes(running) == {}
        assert v2.seen == []


async def test_a_client_that_leaves_before_legacy_answers_has_no_copy(tmp_path: Path) -> None:
    legacy, v2 = Backend(script=never), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        _, writer = await running.connect()
        writer.write(job())
        await running.until(lambda: legacy.open == 1)
        writer.transport.abort()
        await asyncio.wait_for(legacy.all_closed.wait(), 10)
        assert outcomes(running) == {}
        assert running.service.shadows.held == 0
    assert v2.seen == []


async def test_an_answer_that_breaks_off_has_no_copy(tmp_path: Path) -> None:
    async def breaks(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")

    legacy, v2 = Backend(script=breaks), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        await running.send(job())
        assert outcomes(running) == {}
    assert v2.seen == []


@pytest.mark.parametrize("what", ["hangs", "refuses", "dies", "is away", "answers 500", "speaks nonsense"])
async def test_the_caller_notices_nothing_of_what_v2_does(tmp_path: Path, what: str) -> None:
    async def dies(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    legacy = Backend()
    v2 = {
        "hangs": Backend(script=never),
        "refuses": Backend(answer(b"{}", b"503 Busy")),
        "dies": Backend(script=dies),
        "is away": Backend(),
        "answers 500": Backend(answer(b"{}", b"500 No")),
        "speaks nonsense": Backend(b"nonsense\r\n\r\n"),
    }[what]
    request = job(fields=b"X-Request-Id: same\r\nConnection: close\r\n")
    async with shadowing(tmp_path, legacy, v2, shadow_seconds=0.5) as running:
        if what == "is away":
            unused = tmp_path / "nobody.sock"
            running.service.pools["v2"].address = replace(running.service.pools["v2"].address, path=str(unused))
        with_shadow = await running.send(request, eof=False)
        await running.until(counted(running))
        assert outcomes(running) == {"refused" if what == "refuses" else "failed": 1}
        assert running.service.breaker.state is State.CLOSED
        assert running.service.breaker._in_a_row == 0
        assert running.service.meters.errors.counts == {}
        assert [key for key in running.service.meters.series if "v2" in key] == []
        assert running.service.shadows.held == 0
    legacy = Backend()
    async with shadowing(tmp_path, legacy, v2, stage="off") as running:
        without = await running.send(request, eof=False)
    assert _undated(with_shadow) == _undated(without)
    assert len(v2.seen) <= 1


def _undated(received: bytes) -> bytes:
    return b"\r\n".join(line for line in received.split(b"\r\n") if not line.startswith(b"Date:"))


async def test_the_answer_does_not_wait_for_the_copy(tmp_path: Path) -> None:
    """The copy hangs for ever, and the next requests of the same connection are answered all the same."""
    legacy, v2 = Backend(), Backend(script=never)
    async with shadowing(tmp_path, legacy, v2, shadow_concurrency=1, shadow_seconds=300.0) as running:
        reader, writer = await running.connect()
        for _ in range(5):
            writer.write(job())
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 10)
        await running.until(lambda: v2.open == 1)
        assert running.service.shadows.snapshot()["waiting"] == 4
        writer.close()


async def test_there_is_one_copy_of_one_request_even_if_v2_fails(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(answer(b"{}", b"500 No"))
    async with shadowing(tmp_path, legacy, v2) as running:
        for _ in range(3):
            await ask(running, job())
        await running.until(counted(running, 3))
    assert len({seen.values("idempotency-key")[0] for seen in v2.seen}) == len(v2.seen) == 3


async def test_a_v2_that_takes_a_copy_for_the_real_thing_gets_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    legacy, v2 = Backend(), Backend(answer(b'{"status":"accepted"}'))
    async with shadowing(tmp_path, legacy, v2) as running:
        requests = [ask(running, job()) for _ in range(4)]
        await asyncio.gather(*requests)
        await running.until(counted(running, 4))
        assert outcomes(running) == {"not-dry": 1, "stopped": 3}
        assert len(v2.seen) == 1
        assert "v2 took a copy for a request" in capsys.readouterr().err
        assert running.service.shadows.snapshot()["stopped"] is True
        await ask(running, job())
        assert outcomes(running)["stopped"] == 4
        running.service.reconfigure(running.service.config)
        v2.reply = DRY
        await ask(running, job())
        await running.until(counted(running, 6))
        assert outcomes(running)["sent"] == 1


async def test_copies_are_not_in_the_evidence_or_among_the_pins(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2, evidence=True) as running:
        running.service.pins.held.take(1, time.monotonic(), [], last=True)
        await ask(running, job())
        await running.until(counted(running))
        fetched = json.loads(json.dumps(running.service.decided.fetch()))["decided"]
        assert [row[4] for row in fetched] == ["legacy"]
        assert running.service.pins.snapshot()["users"] == 0


async def test_a_route_without_a_shadow_has_no_part_of_it(tmp_path: Path) -> None:
    legacy, v2 = Backend(OK), Backend(DRY)
    routes = ROUTES.replace("shadow = { percent = 100 }", "")
    async with shadowing(tmp_path, legacy, v2, routes=routes) as running:
        await ask(running, job())
        assert (outcomes(running), v2.seen) == ({}, [])
