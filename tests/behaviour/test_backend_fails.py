"""A backend is down, dies or misbehaves: what the client is told, what is sent again, and what never is."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path

import pytest

from gateway.proxy.pool import Pool
from tests.gateway.proxy.wire import LIMIT, OK, Backend, Script, answers, gateway, read_request

JOB = b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}'


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _hang_up(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    backend.seen.append(await read_request(reader))


async def _once_then_hang_up(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the first request of each connection, and close when the second one comes."""
    backend.seen.append(await read_request(reader))
    writer.write(OK)
    backend.seen.append(await read_request(reader))


async def test_v2_down_falls_back_to_legacy_since_nothing_was_sent(tmp_path: Path) -> None:
    legacy = Backend()
    async with legacy.running(), gateway(tmp_path, legacy, closed_port()) as running:
        found = answers(await running.send(JOB))
        assert (found[0].status, found[0].values("x-gateway-backend")) == (200, [b"legacy"])
        assert legacy.seen[0].body == b'{"user_id":"u"}'
        assert running.service.meters.events.counts == {("fallback", "legacy"): 1}
        assert running.service.meters.errors.counts == {("v2", "connect", "upstream", "upstream-unreachable"): 1}


async def test_v2_down_falls_back_with_a_body_larger_than_the_prefix(tmp_path: Path) -> None:
    legacy = Backend()
    body = b'{"user_id":"u","conversations":"' + b"x" * 300_000 + b'"}'
    request = b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with legacy.running(), gateway(tmp_path, legacy, closed_port()) as running:
        assert answers(await running.send(request))[0].status == 200
        assert legacy.seen[0].body == body


async def test_an_answer_to_half_an_upload_arrives_although_the_backend_closes(tmp_path: Path) -> None:
    """The trap: closing with unread bytes resets the connection, our next write fails, and the answer lies unread."""

    async def refuse(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 422 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        await writer.drain()

    legacy = Backend(script=refuse)
    async with legacy.running(), gateway(tmp_path, legacy, routes="[defaults]\nmax_body = 1_000_000_000\n") as running:
        for _ in range(20):
            reader, writer = await running.connect()
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
            hearing = asyncio.create_task(asyncio.wait_for(reader.readuntil(b"big"), LIMIT))
            with contextlib.suppress(ConnectionError):
                while not hearing.done():
                    writer.write(b"x" * 100_000)
                    await writer.drain()
            assert (await hearing).startswith(b"HTTP/1.1 422 ")
            writer.close()


def _dies_then_says(status: bytes, outcome: bytes) -> Script:
    """A v2 that breaks off when it is given a job, and later answers what it knows of it."""

    async def script(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = await read_request(reader)
        backend.seen.append(seen)
        if seen.line.startswith(b"POST /jobs/disclaim?"):
            fields = b"Content-Length: 2\r\nX-Key-Outcome: %b\r\nConnection: close" % outcome
            writer.write(b"HTTP/1.1 %b X\r\n%b\r\n\r\n{}" % (status, fields))

    return script


async def test_v2_that_broke_off_and_never_accepted_the_job_leaves_it_to_legacy(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=_dies_then_says(b"404", b"never-accepted"))
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2) as running:
        answer = answers(await running.send(JOB))[-1]
        assert (answer.status, answer.values("x-gateway-backend")) == (200, [b"legacy"])
        key = v2.seen[0].values("idempotency-key")[0]
        assert v2.seen[1].line == b"POST /jobs/disclaim?idempotency_key=%b HTTP/1.1" % key
        assert [(seen.body, seen.values("idempotency-key")) for seen in legacy.seen] == [(b'{"user_id":"u"}', [key])]
        assert running.service.meters.events.counts[("inquiry-never", "v2")] == 1


async def test_a_request_id_that_stands_on_two_requests_is_not_their_key(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=_dies_then_says(b"200", b"accepted"))
    request = JOB.replace(b"Host: a\r\n", b"Host: a\r\nX-Request-Id: session-1\r\n")
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2) as running:
        told = [json.loads(answers(await running.send(request))[-1].body) for _ in range(2)]
    jobs = [seen for seen in v2.seen if seen.values("x-request-id") == [b"session-1"]]
    keys = [seen.values("idempotency-key")[0].decode() for seen in jobs]
    assert [one["idempotency_key"] for one in told] == keys
    assert len(set(keys)) == 2
    asked = [seen.line for seen in v2.seen if seen not in jobs]
    assert asked == [f"POST /jobs/disclaim?idempotency_key={key} HTTP/1.1".encode() for key in keys]


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (b"200", b"accepted", "accepted"),
        (b"200", b"", "unknown"),
        (b"404", b"", "unknown"),  # a proxy's, or a v2 that does not know the question
        (b"500", b"never-accepted", "unknown"),
        (b"abc", b"accepted", "unknown"),
    ],
)
async def test_v2_that_broke_off_and_may_have_the_job_keeps_it(
    tmp_path: Path, status: bytes, said: bytes, outcome: str
) -> None:
    legacy, v2 = Backend(), Backend(script=_dies_then_says(status, said))
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2) as running:
        answer = answers(await running.send(JOB))[-1]
        assert answer.status == 502
        assert json.loads(answer.body)["outcome"] == outcome
        assert (len(v2.seen), len(legacy.seen)) == (2, 0)


async def test_a_job_too_long_to_keep_is_an_unknown_outcome_and_never_sent_again(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=_dies_then_says(b"404", b"never-accepted"))
    body = b'{"user_id":"u","conversations":"' + b"x" * 100_000 + b'"}'
    request = b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2) as running:
        answer = answers(await running.send(request))[-1]
        assert answer.status == 502
        assert json.loads(answer.body)["outcome"] == "unknown"
        assert (len(v2.seen), len(legacy.seen)) == (1, 0)


async def test_a_v2_that_fails_again_and_again_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """Ejected, its users fall to legacy, and the reason says so."""
    legacy = Backend()
    v2 = Backend(reply=b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2) as running:
        statuses = [answers(await running.send(JOB))[0].status for _ in range(8)]
        assert statuses == [500] * 5 + [200] * 3
        decisions = running.service.meters.decisions.counts
        assert decisions == {("f", "v2", "percentage-in"): 5, ("f", "legacy", "breaker-open"): 3}


async def test_guards_refuse_before_a_byte_goes_up(tmp_path: Path) -> None:
    routes = (
        '[[route]]\nname = "flagged"\nmethods = ["POST"]\npath = "/flagged"\nflag = "f"\nrate_limit = 2\n'
        'guards = ["storage-path-of-user"]\napi_key = true\n'
    )
    backend = Backend()

    def job(body: bytes, fields: bytes = b"X-Api-Key: k\r\n") -> bytes:
        return b"POST /flagged HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body)

    good = b'{"user_id":"u","storage_path":"imports/u/raw.json"}'
    bad = b'{"user_id":"u","storage_path":"imports/v/raw.json"}'
    async with backend.running(), gateway(tmp_path, backend, routes=routes, api_key="k") as running:

        async def status(request: bytes) -> int:
            return answers(await running.send(request))[-1].status

        assert await status(job(good, b"")) == 401
        assert await status(job(good, b"Expect: 100-continue\r\n")) == 401
        assert await status(job(bad)) == 403
        assert backend.seen == []
        assert [await status(job(good)) for _ in range(3)] == [200, 200, 429]
        assert len(backend.seen) == 2


async def test_legacy_down_is_a_502_that_a_page_can_read(tmp_path: Path) -> None:
    async with gateway(tmp_path, closed_port()) as running:
        answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://page.example\r\n\r\n"))[0]
        problem = json.loads(answer.body)
        assert (answer.status, problem["where"], problem["fault"]) == (502, "connect", "upstream")
        assert answer.values("access-control-allow-origin") == [b"http://page.example"]
        assert answer.values("access-control-allow-credentials") == [b"true"]
        assert answer.values("proxy-status") == [b"banyan; error=connection_refused; next-hop=legacy"]
        assert answer.values("content-type") == [b"application/problem+json"]


async def test_a_kept_connection_that_died_is_replaced_for_a_safe_request(tmp_path: Path) -> None:
    backend = Backend(script=_once_then_hang_up)
    async with backend.running(), gateway(tmp_path, backend) as running:
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        found = answers(await running.send(request * 2))
        assert [answer.status for answer in found] == [200, 200]
        assert (len(backend.seen), backend.connections) == (3, 2)
        assert running.service.meters.events.counts == {("retry", "legacy"): 1}


async def test_a_post_on_a_kept_connection_that_died_is_not_sent_again(tmp_path: Path) -> None:
    backend = Backend(script=_once_then_hang_up)
    async with backend.running(), gateway(tmp_path, backend) as running:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        found = answers(await running.send(request * 2))
        assert [answer.status for answer in found] == [200, 502]
        assert json.loads(found[1].body)["outcome"] == "unknown"
        assert (len(backend.seen), backend.connections) == (2, 1)


async def test_a_safe_request_on_a_new_connection_is_not_sent_again(tmp_path: Path) -> None:
    backend = Backend(script=_hang_up)
    async with backend.running(), gateway(tmp_path, backend) as running:
        assert answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0].status == 502
        assert len(backend.seen) == 1


async def test_a_backend_that_closes_idle_connections_costs_nobody_a_request(tmp_path: Path) -> None:
    backend = Backend(reply=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    async with backend.running(), gateway(tmp_path, backend) as running:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        assert [answer.status for answer in answers(await running.send(request * 5))] == [200] * 5
        assert backend.connections == 5


async def test_an_early_refusal_reaches_the_client_that_is_still_sending(tmp_path: Path) -> None:
    async def refuse(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        while await reader.read(65_536):
            pass

    backend = Backend(script=refuse)
    async with backend.running(), gateway(tmp_path, backend) as running:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 500_000
        answer = answers(await running.send(request, eof=False))[0]
        assert (answer.status, answer.body) == (401, b"no")
        assert answer.values("connection") == [b"close"]


async def test_an_answer_instead_of_100_continue_is_passed_on(tmp_path: Path) -> None:
    async def refuse(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    backend = Backend(script=refuse)
    async with backend.running(), gateway(tmp_path, backend) as running:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        assert answers(await running.send(request, eof=False))[0].status == 417


async def test_the_backends_100_continue_is_passed_on(tmp_path: Path) -> None:
    async def patient(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(5) == b"hello"
        writer.write(OK)

    backend = Backend(script=patient)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue\r\n")
        writer.write(b"hello")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()


async def test_answers_of_two_clients_never_cross(tmp_path: Path) -> None:
    async def echo(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen = await read_request(reader)
            path = seen.line.split()[1]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    backend = Backend(script=echo)
    async with backend.running(), gateway(tmp_path, backend) as running:

        async def client(number: int) -> None:
            paths = [b"/%d-%d" % (number, turn) for turn in range(20)]
            received = await running.send(b"".join(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in paths))
            # The client has ended its side, so that a slow machine may have asked it whether it still listens.
            assert [answer.body for answer in answers(received) if answer.status != 100] == paths

        await asyncio.gather(*(client(number) for number in range(50)))


async def test_too_many_requests_at_once_are_told_so(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            backend.seen.append(await read_request(reader))
            await go.wait()
            writer.write(OK)

    backend = Backend(script=wait)
    async with (
        backend.running(),
        gateway(tmp_path, backend, upstream_connections=2, upstream_waiting=1) as running,
    ):
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        tasks = [asyncio.create_task(running.send(request)) for _ in range(3)]
        await running.until(lambda: running.service.pools[next(iter(running.service.pools))].waiting == 1)
        assert answers(await running.send(request))[0].status == 503
        go.set()
        finals = [answers(received)[-1].status for received in await asyncio.gather(*tasks)]
        assert finals == [200, 200, 200]
        assert backend.connections == 2


async def test_a_defect_of_the_gateway_costs_one_exchange_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend()
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(repr(context.get("exception"))))
    async with backend.running(), gateway(tmp_path, backend) as running:
        with monkeypatch.context() as broken:
            broken.setattr(Pool, "take", lambda _: 1 / 0)
            answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0]
            assert answer.status == 500
            assert b"ZeroDivisionError" not in answer.body
        assert reported == ["ZeroDivisionError('division by zero')"]
        assert answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0].status == 200
        assert running.service.meters.in_flight == 0
