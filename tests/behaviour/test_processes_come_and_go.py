"""The gateway as processes: drain under load, workers that die, restarts, reloads, counters that add up."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.gateway.proxy.wire import ROUTES, Backend, answers, flags_document
from tests.gateway.serving import START, Served, serving

ONCE = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
JOB = b'POST /flagged HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}'


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START):
        while not await condition():  # noqa: ASYNC110 -- the condition lies in another process
            await asyncio.sleep(0.02)


async def _workers(served: Served) -> list[dict[str, object]]:
    page = await served.get(b"GET /ops/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", served.ops)
    workers: list[dict[str, object]] = json.loads(page.partition(b"\r\n\r\n")[2])["workers"]
    return workers


async def test_counters_of_all_workers_add_up_and_outlive_a_worker(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    name = 'gateway_requests_total{backend="legacy",route="unmatched",status_class="2xx"}'
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2) as served:
        for _ in range(40):
            assert answers(await served.get(ONCE))[0].status == 200
        assert (await served.metrics())[name] == 40
        pids = [worker["pid"] for worker in await _workers(served)]
        os.kill(int(str(pids[0])), signal.SIGKILL)

        async def replaced() -> bool:
            workers = await _workers(served)
            return all(worker["ready"] for worker in workers) and workers[0].get("pid", pids[0]) != pids[0]

        await _until(replaced)
        for _ in range(20):
            assert answers(await served.get(ONCE))[0].status == 200
        metrics = await served.metrics()
        assert metrics[name] == 60
        assert metrics['gateway_worker_restarts_total{worker="0"}'] == 1
        assert await served.stop() == 0


async def test_a_gateway_whose_words_nobody_reads_replaces_workers_and_ends_when_told(tmp_path: Path) -> None:
    fifo, legacy, v2 = tmp_path / "log", Backend(), Backend()
    os.mkfifo(fifo)
    unread = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, log=fifo) as served:
        writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x" * 4096):
                continue  # until there is no room
        pids = [worker["pid"] for worker in await _workers(served)]
        os.kill(int(str(pids[0])), signal.SIGKILL)

        async def replaced() -> bool:
            workers = await _workers(served)
            return all(worker["ready"] for worker in workers) and workers[0].get("pid", pids[0]) != pids[0]

        await _until(replaced)
        assert answers(await served.get(ONCE))[0].status == 200
        assert await served.stop() == 0
    os.close(writing)
    os.close(unread)


async def test_a_flag_change_and_a_kill_reach_every_worker_within_a_second(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2) as served:

        async def who() -> set[bytes]:
            found = [answers(await served.get(JOB))[0].values("x-gateway-backend")[0] for _ in range(12)]
            return set(found)

        assert await who() == {b"v2"}
        replacement = served.flags.with_suffix(".new")
        replacement.write_text(flags_document(0).replace('"generation": 1', '"generation": 2'))
        replacement.replace(served.flags)

        async def all_have_it() -> bool:
            return {str(worker["flags"]) for worker in await _workers(served)} != set() and all(
                isinstance(flags := worker["flags"], dict) and flags["generation"] == 2
                for worker in await _workers(served)
            )

        await _until(all_have_it)
        assert await who() == {b"legacy"}


async def test_sigterm_under_load_loses_no_request(tmp_path: Path) -> None:
    """A second gateway on the same address takes over; clients reconnect when they are told to close."""
    legacy, v2 = Backend(), Backend()
    failures: list[str] = []
    done = asyncio.Event()
    served_count = 0

    async def client(port: int) -> None:
        nonlocal served_count
        while not done.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while not done.is_set():
                    writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), START)
                    assert await reader.readexactly(2) == b"ok"
                    served_count += 1
                    if b"connection: close" in head.lower():
                        break
            except (OSError, EOFError, AssertionError) as error:
                failures.append(repr(error))
            finally:
                writer.close()

    second_folder = tmp_path / "second"
    second_folder.mkdir()
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2) as first:
        address = f"127.0.0.1:{first.port}"
        clients = [asyncio.create_task(client(first.port)) for _ in range(16)]
        async with serving(second_folder, legacy, v2, listen=address) as second:
            before = served_count
            assert await first.stop() == 0

            async def went_on() -> bool:
                return served_count >= before + 500

            await _until(went_on)
            done.set()
            await asyncio.gather(*clients)
            assert failures == []
            assert await second.stop() == 0


async def test_a_running_request_is_finished_before_the_end(tmp_path: Path) -> None:
    go = asyncio.Event()
    arrived = asyncio.Event()

    async def slow(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await go.wait()
        writer.write(backend.reply)

    legacy, v2 = Backend(script=slow), Backend()
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2) as served:
        request = asyncio.create_task(served.get(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"))
        await asyncio.wait_for(arrived.wait(), START)
        stopping = asyncio.create_task(served.stop())

        async def not_ready() -> bool:
            page = await served.get(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", served.ops)
            return page.startswith(b"HTTP/1.1 503")

        async def draining() -> bool:
            return all(worker.get("draining") for worker in await _workers(served))

        await _until(not_ready)
        await _until(draining)
        go.set()
        answer = answers(await request)[0]
        assert (answer.status, answer.values("connection")) == (200, [b"close"])
        assert await stopping == 0


async def test_sighup_reads_the_route_table_again_and_drops_no_connection(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, workers=1) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        ask = b"GET /moved HTTP/1.1\r\nHost: a\r\n\r\n"

        async def who() -> bytes:
            writer.write(ask)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), START)
            return answers(head)[0].values("x-gateway-backend")[0]

        assert await who() == b"legacy"
        served.routes.write_text("this is not TOML")
        served.process.send_signal(signal.SIGHUP)
        assert await who() == b"legacy"
        served.routes.write_text(ROUTES + '[[route]]\nname = "moved"\npath = "/moved"\nbackend = "v2"\n')
        served.process.send_signal(signal.SIGHUP)

        async def moved() -> bool:
            return await who() == b"v2"

        await _until(moved)
        writer.close()


async def test_a_worker_is_small(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, workers=1) as served:
        await served.get(ONCE)
        assert (await served.metrics())['gateway_worker_resident_bytes{worker="0"}'] < 40 * 2**20


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    """Stopped, not dead: only its silence tells. Its counters stay."""
    legacy, v2 = Backend(), Backend()
    env, log = {"GATEWAY_HANG_SECONDS": "2"}, tmp_path / "log"
    async with (
        legacy.running(),
        v2.running(),
        serving(tmp_path, legacy, v2, workers=1, env=env, log=log) as served,
    ):
        for _ in range(3):
            assert answers(await served.get(ONCE))[0].status == 200
        (worker,) = await _workers(served)
        os.kill(int(str(worker["pid"])), signal.SIGSTOP)

        async def replaced() -> bool:
            (now,) = await _workers(served)
            return bool(now["ready"]) and now.get("pid", worker["pid"]) != worker["pid"]

        await _until(replaced)
        assert answers(await served.get(ONCE))[0].status == 200
        metrics = await served.metrics()
        assert metrics['gateway_requests_total{backend="legacy",route="unmatched",status_class="2xx"}'] == 4
        assert metrics['gateway_worker_restarts_total{worker="0"}'] == 1
        assert "proxy worker 0 does not answer and is killed" in log.read_text()
        assert await served.stop() == 0


async def test_sighup_takes_over_what_can_change_and_names_the_rest(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    file, log = tmp_path / "gateway.env", tmp_path / "log"
    file.write_text("GATEWAY_TARGET_BYTES=300\nGATEWAY_ACCESS_LOG=false\n")
    long = b"GET /%b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (b"x" * 400)
    async with (
        legacy.running(),
        v2.running(),
        serving(tmp_path, legacy, v2, workers=2, env={"GATEWAY_ENV_FILE": str(file)}, log=log) as served,
    ):

        async def hang_up(text: str, said: str) -> None:
            file.write_text(text)
            served.process.send_signal(signal.SIGHUP)

            async def heard() -> bool:
                return said in log.read_text()

            await _until(heard)

        assert answers(await served.get(long))[0].status == 414
        pids = [worker["pid"] for worker in await _workers(served)]
        await hang_up("GATEWAY_TARGET_BYTES=1\nGATEWAY_HEAD_BYTES=x\n", "not reloaded: ")
        assert all(name in log.read_text() for name in ("target_bytes: ", "head_bytes: "))
        assert answers(await served.get(long))[0].status == 414
        await hang_up("GATEWAY_TARGET_BYTES=1000\nGATEWAY_NAME=other\nGATEWAY_HANG_SECONDS=99\n", "only a restart")
        assert {answers(await served.get(long))[0].status for _ in range(8)} == {200}
        assert "settings and routes reloaded" in log.read_text()
        assert "brings it into force: GATEWAY_HANG_SECONDS, GATEWAY_NAME" in log.read_text()
        assert [worker["pid"] for worker in await _workers(served)] == pids
        os.kill(int(str(pids[0])), signal.SIGKILL)

        async def replaced() -> bool:
            workers = await _workers(served)
            return all(worker["ready"] for worker in workers) and workers[0].get("pid", pids[0]) != pids[0]

        await _until(replaced)
        assert {answers(await served.get(long))[0].status for _ in range(8)} == {200}
        assert await served.stop() == 0
