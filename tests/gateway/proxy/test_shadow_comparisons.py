"""On routes that are declared safe the same GET goes to the other backend, and the two answers are compared."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from gateway.core.noise import Comparisons
from gateway.core.shadowing import MAX_COPIED
from tests.gateway.proxy.shadowing import KEY, answer, ask, counted, never, outcomes, shadowing
from tests.gateway.proxy.wire import Backend, Gateway, answers, read_request

ROUTES = """
[[route]]
name = "safe"
methods = ["GET"]
path = "/safe/{id}"
shadow = { percent = 100, flag = "f", safe = true, repeat = 100, ignore = ["/ignored"] }
"""
GET = (
    b"GET /safe/1?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer of-the-client\r\nCookie: a=b\r\nAccept: */*\r\n\r\n"
)


def numbered() -> Backend:
    """A backend that counts its answers, as one does whose clock goes."""
    served = 0

    async def serve(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while True:
            backend.seen.append(await read_request(reader))
            served += 1
            writer.write(answer(json.dumps({"noisy": served, "same": 1}).encode()))

    return Backend(script=serve)


def found(running: Gateway) -> Comparisons:
    return running.service.meters.comparisons["safe"]


async def test_differences_are_counted_by_path_and_by_kind(tmp_path: Path) -> None:
    legacy, v2 = Backend(answer(b'{"a":1,"b":2,"ignored":1}')), Backend(answer(b'{"a":"1","c":3,"ignored":2}'))
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        told = await ask(running, GET)
        await running.until(counted(running))
        assert outcomes(running) == {"sent": 1}
        assert found(running).raw == {"/a": 1, "/b": 1, "/c": 1}
        assert found(running).noise == {}
        assert (found(running).compared, found(running).repeated) == (1, 1)
        assert running.service.meters.differences.counts == {
            ("safe", "candidate", "type"): 1,
            ("safe", "candidate", "missing"): 1,
            ("safe", "candidate", "extra"): 1,
        }
        assert running.service.shadows.held == 0
    assert (told.body, told.values("x-gateway-backend")) == (b'{"a":1,"b":2,"ignored":1}', [b"legacy"])


async def test_v2_hears_nothing_of_the_client_and_legacy_the_same_as_before(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        await ask(running, GET)
        await running.until(counted(running))
    (copy,), (original, again) = v2.seen, legacy.seen
    assert copy.line == original.line == again.line == b"GET /safe/1?x=1 HTTP/1.1"
    assert copy.values("x-shadow") == [b"1"]
    assert copy.values("authorization") == [b"Bearer " + KEY.encode()]
    assert copy.values("cookie") == copy.values("idempotency-key") == copy.values("content-length") == []
    ours = {b"connection", b"x-request-id", b"traceparent"}
    assert [one for one in again.fields if one[0].lower() not in ours] == [
        one for one in original.fields if one[0].lower() not in ours
    ]
    assert again.values("x-request-id") == original.values("x-request-id")
    assert again.values("x-shadow") == []


async def test_what_legacy_does_to_itself_is_noise(tmp_path: Path) -> None:
    legacy, v2 = numbered(), Backend(answer(b'{"noisy":0,"same":2}'))
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        for number in range(25):
            await ask(running, GET)
            await running.until(counted(running, number + 1))
        assert {one.path: (one.raw, one.noise, one.standing) for one in found(running).findings()} == {
            "/same": (25, 0, "different"),
            "/noisy": (25, 25, "noise"),
        }


async def test_only_a_share_is_compared_and_a_share_of_it_repeated(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    routes = ROUTES.replace("percent = 100", "percent = 40").replace("repeat = 100", "repeat = 50")
    async with shadowing(tmp_path, legacy, v2, routes=routes) as running:
        for _ in range(10):
            await ask(running, GET)
        await running.until(counted(running, 4))
    assert (len(v2.seen), len(legacy.seen)) == (4, 12)


async def test_in_reverse_legacy_is_asked_and_still_the_control(tmp_path: Path) -> None:
    legacy, v2 = numbered(), Backend(answer(b'{"noisy":0,"same":2}'))
    routes = ROUTES + 'backend = "v2"\n'
    async with shadowing(tmp_path, legacy, v2, routes=routes, stage="reverse-shadow", percentage=100) as running:
        told = await ask(running, GET)
        await running.until(counted(running))
        assert (found(running).raw, found(running).noise) == ({"/noisy": 1, "/same": 1}, {"/noisy": 1})
    assert told.values("x-gateway-backend") == [b"v2"]
    assert [len(v2.seen), len(legacy.seen)] == [1, 2]
    assert {seen.values("authorization")[0] for seen in legacy.seen} == {b"Bearer of-the-client"}
    assert {seen.values("x-service-key")[0] for seen in legacy.seen if seen.values("x-service-key")} == set()


@pytest.mark.parametrize(
    ("stage", "backend", "copies"),
    [
        ("off", "legacy", 0),
        ("shadow", "legacy", 1),
        ("ramp", "legacy", 1),
        ("reverse-shadow", "legacy", 1),
        ("complete", "legacy", 0),
        ("shadow", "v2", 0),
        ("ramp", "v2", 0),
        ("reverse-shadow", "v2", 1),
        ("complete", "v2", 0),
    ],
)
async def test_the_stage_decides_which_way_copies_go(tmp_path: Path, stage: str, backend: str, copies: int) -> None:
    one = Backend()
    routes = ROUTES.replace("repeat = 100", "repeat = 0") + f'backend = "{backend}"\n'
    async with shadowing(tmp_path, one, Backend(), routes=routes, stage=stage, percentage=100) as running:
        await ask(running, GET)
        await running.until(counted(running, copies))
        assert outcomes(running) == ({"sent": 1} if copies else {})


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(b"x" * (MAX_COPIED + 1)), "too-large"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(b"x"))
            + gzip.compress(b"x"),
            "incomparable",
        ),
        (answer(b"{}", b"500 No"), None),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", None),
    ],
    ids=["too large", "compressed", "failed", "conditional"],
)
async def test_an_answer_that_cannot_be_compared_is_not(tmp_path: Path, reply: bytes, outcome: str | None) -> None:
    legacy, v2 = Backend(reply), Backend()
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        await ask(running, GET)
        assert outcomes(running) == ({outcome: 1} if outcome else {})
        assert running.service.shadows.held == 0
    assert v2.seen == []


async def test_a_request_with_a_body_is_not_copied(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        await ask(running, GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"))
        assert outcomes(running) == {}
    assert v2.seen == []


@pytest.mark.parametrize("framing", ["chunked", "until the close"])
async def test_an_answer_in_pieces_is_compared_as_a_whole(tmp_path: Path, framing: str) -> None:
    async def pieces(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if framing == "chunked":
            writer.write(head + b'Transfer-Encoding: chunked\r\n\r\n6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n')
        else:
            writer.write(head + b'Connection: close\r\n\r\n{"a":')
            await writer.drain()
            writer.write(b"1}")

    legacy, v2 = Backend(script=pieces), Backend(answer(b'{"a":1}'))
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES.replace("repeat = 100", "repeat = 0")) as running:
        assert (await ask(running, GET)).body == b'{"a":1}'
        await running.until(counted(running))
        assert (found(running).compared, found(running).raw) == (1, {})


async def test_a_status_that_differs_is_a_difference(tmp_path: Path) -> None:
    legacy, v2 = Backend(answer(b"{}")), Backend(answer(b"{}", b"404 No"))
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        await ask(running, GET)
        await running.until(counted(running))
        assert found(running).raw == {"(status)": 1}


async def test_a_v2_that_hangs_delays_nobody_and_holds_no_more_than_it_may(tmp_path: Path) -> None:
    legacy, v2 = Backend(answer(b"x" * 30_000)), Backend(script=never)
    config = {"shadow_seconds": 300.0, "shadow_concurrency": 1, "shadow_bytes": 65_536}
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES, **config) as running:
        told = answers(
            await running.send(GET * 4 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), eof=False)
        )
        assert [len(one.body) for one in told] == [30_000] * 5
        assert outcomes(running) == {"no-room": 3}
        assert running.service.shadows.held <= 65_536


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    async def half(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await reader.read()

    legacy, v2 = Backend(script=half), Backend()
    async with shadowing(tmp_path, legacy, v2, routes=ROUTES) as running:
        reader, writer = await running.connect()
        writer.write(GET)
        await reader.readuntil(b"half")
        assert running.service.shadows.held == 4
        writer.transport.abort()
        await running.until(lambda: running.service.shadows.held == 0)
        assert outcomes(running) == {}
    assert v2.seen == []
