"""The fleet with workers that do not come up, and what its workers tell each other."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.fleet import WORKER, Fleet
from gateway.listeners import listen_on
from gateway.observe.log_relay import LogRelay
from gateway.proxy.address import Address
from gateway.proxy.config import WorkerConfig
from tests.gateway.proxy.wire import Backend, answers, flags_document

LIMIT = 60.0
STDERR = 2
ROUTES = (
    '[[route]]\nname = "limited"\npath = "/limited"\nrate_limit = 1\n'
    '[[route]]\nname = "flagged"\nmethods = ["POST"]\npath = "/flagged"\nflag = "f"\nkey = "user_id"\n'
)
# Says nothing as long as the file `hang` exists; else it is the real worker.
RELUCTANT = (
    "import os, signal, sys\n"
    "if os.path.exists({hang!r}):\n"
    "    open({hung!r}, 'a').write(str(os.getpid()) + ' ')\n"
    "    signal.pause()\n"
    f"os.execv(sys.executable, [{WORKER[0]!r}, *{list(WORKER[1:])!r}, *sys.argv[1:]])\n"
)


def config(folder: Path, legacy: Backend, v2: Backend) -> WorkerConfig:
    flags = folder / "features.json"
    flags.write_text(flags_document(100))
    urls = [f"http://127.0.0.1:{backend.port}" for backend in (legacy, v2)]
    return WorkerConfig(*urls, str(flags), ROUTES, access_log=False)


@asynccontextmanager
async def backends() -> AsyncIterator[tuple[Backend, Backend]]:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running():
        yield legacy, v2


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 -- the condition lies in other processes
            await asyncio.sleep(0.02)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), LIMIT)
    finally:
        writer.close()


async def pids(fleet: Fleet) -> list[int]:
    return [int(str(worker["pid"])) for worker in await fleet.snapshots()]


async def test_a_worker_that_never_becomes_ready_is_given_up_again_and_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Meanwhile the other worker gets all connections; and when starting works again, both serve."""
    script, hang, hung = tmp_path / "worker.py", tmp_path / "hang", tmp_path / "hung"
    script.write_text(RELUCTANT.format(hang=str(hang), hung=str(hung)))
    async with backends() as (legacy, v2):
        listeners = listen_on(Address("127.0.0.1", 0), 2)
        port = listeners[0].getsockname()[1]
        settings = config(tmp_path, legacy, v2)
        fleet = Fleet(settings, listeners, LogRelay(STDERR), ready_seconds=LIMIT, command=(sys.executable, str(script)))
        await fleet.start()
        fleet.ready_seconds = 0.5
        hang.touch()
        first, _ = await pids(fleet)
        os.kill(first, signal.SIGKILL)
        await until(lambda: hung.exists() and len(hung.read_text().split()) >= 3)
        assert (fleet.workers_ready(), await fleet.ready()) == ((1, 2), True)
        page = (await fleet.exposition()).decode()
        assert 'gateway_worker_ready{worker="0"} 0.0' in page
        assert 'gateway_worker_ready{worker="1"} 1.0' in page
        assert 'gateway_worker_late_starts_total{worker="0"} 0.0' not in page
        for _ in range(20):
            request = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert answers(await ask(port, request))[0].status == 200
        fleet.ready_seconds = LIMIT
        hang.unlink()
        await until(lambda: fleet.workers_ready() == (2, 2))
        assert await fleet.stop()
    assert "proxy worker 0 is not ready after 0.5 s and is killed" in capfd.readouterr().err


async def test_a_worker_is_replaced_although_nobody_reads_what_the_gateway_says(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, b"x" * 4096):
            continue  # until there is no room
    os.set_blocking(writing, True)
    async with backends() as (legacy, v2):
        listeners = listen_on(Address("127.0.0.1", 0), 1)
        log = LogRelay(writing)
        fleet = Fleet(config(tmp_path, legacy, v2), listeners, log)
        with contextlib.redirect_stderr(log.stream()):
            sys.stderr.write("word " * 1_000_000 + "\n")
            await fleet.start()
            (first,) = await pids(fleet)
            os.kill(first, signal.SIGKILL)
            await until(lambda: fleet.workers_ready() == (0, 1))
            await until(lambda: fleet.workers_ready() == (1, 1))
            assert await pids(fleet) != [first]
            assert await fleet.stop()
    os.close(reading)
    log.close()
    os.close(writing)


async def test_a_fleet_that_does_not_come_up_leaves_no_process_behind(tmp_path: Path) -> None:
    script, hang, hung = tmp_path / "worker.py", tmp_path / "hang", tmp_path / "hung"
    script.write_text(RELUCTANT.format(hang=str(hang), hung=str(hung)))
    hang.touch()
    async with backends() as (legacy, v2):
        listeners = listen_on(Address("127.0.0.1", 0), 1)
        settings = config(tmp_path, legacy, v2)
        fleet = Fleet(settings, listeners, LogRelay(STDERR), ready_seconds=2, command=(sys.executable, str(script)))
        with pytest.raises(TimeoutError):
            await fleet.start()

        def gone() -> bool:
            for pid in hung.read_text().split() if hung.exists() else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 0)
                    return False
            return True

        await until(gone)


async def test_workers_tell_each_other_of_limits_and_of_an_ejected_v2(tmp_path: Path) -> None:
    """A connection belongs to one worker; what happens on it counts for all."""

    async def breaks(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    body = b'{"user_id":"u"}'
    job = b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    limited = b"GET /limited HTTP/1.1\r\nHost: a\r\n\r\n"
    legacy, v2 = Backend(), Backend(script=breaks)
    async with legacy.running(), v2.running():
        listeners = listen_on(Address("127.0.0.1", 0), 2)
        fleet = Fleet(config(tmp_path, legacy, v2), listeners, LogRelay(STDERR))
        await fleet.start()
        reader, writer = await asyncio.open_connection(*listeners[0].getsockname())
        for request in (limited, *[job] * 5):
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
            await reader.readexactly(0 if b" 500 " in head else 2)
        writer.close()

        async def all_know() -> bool:
            return all(
                isinstance(breaker := worker["breaker"], dict) and breaker["state"] == "open"
                for worker in await fleet.snapshots()
            )

        async with asyncio.timeout(LIMIT):
            while not await all_know():  # noqa: ASYNC110 -- the condition lies in other processes
                await asyncio.sleep(0.02)
        last = b"GET /limited HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        statuses = [answers(await ask(listeners[0].getsockname()[1], last))[0].status for _ in range(8)]
        assert set(statuses) == {429}
        page = (await fleet.exposition()).decode()
        opened = [line.split()[1] for line in page.splitlines() if line.startswith("gateway_v2_ejections_total{")]
        assert sorted(opened) == ["0.0", "1.0"]
        assert await fleet.stop()
