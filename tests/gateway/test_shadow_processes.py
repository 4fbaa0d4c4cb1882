"""Shadowing as it is deployed: two workers, a reload, the ops port, and a drain."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any  # parsed JSON

from tests.gateway.proxy.shadowing import DRY, EVERYTHING, answer, job, never
from tests.gateway.proxy.wire import Backend, Seen
from tests.gateway.serving import START, Served, serving

LATE = {"GATEWAY_SHADOW_LAG": "10"}
"""A busy machine may be late without dropping copies."""
CLOSE = b"Connection: close\r\n"
GET = b"GET /safe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def told(served: Served) -> dict[str, Any]:
    """What /ops/shadow says."""
    page = await served.get(b"GET /ops/shadow HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", served.ops)
    found: dict[str, Any] = json.loads(page.partition(b"\r\n\r\n")[2])
    return found


async def counted(served: Served, route: str) -> dict[str, float]:
    """Copies of a route by outcome, as the metrics have them."""
    name = "gateway_shadow_requests_total{outcome="
    found = {key: value for key, value in (await served.metrics()).items() if key.startswith(name)}
    return {key.split('"')[1]: value for key, value in found.items() if f'route="{route}"' in key}


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again."""
    async with asyncio.timeout(START):
        while not await holds():  # noqa: ASYNC110 -- another process is looked at
            await asyncio.sleep(0.05)


async def reloaded(served: Served, text: str, log: Path) -> None:
    served.routes.write_text(text)
    served.process.send_signal(signal.SIGHUP)

    async def is_told() -> bool:
        return "settings and routes reloaded" in log.read_text()  # noqa: ASYNC240 -- a few bytes

    await until(is_told)


def copies(v2: Backend) -> list[Seen]:
    """What v2 saw beside the questions which jobs run."""
    return [one for one in v2.seen if b" /jobs" not in one.line]


async def test_a_reload_begins_it_and_all_workers_share_one_day(tmp_path: Path) -> None:
    legacy, v2, log = Backend(), Backend(DRY), tmp_path / "log"
    bounded = EVERYTHING.replace("percent = 100 }", "percent = 100, per_day = 10 }")
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, percentage=0, env=LATE, log=log) as served:
        await served.get(job(fields=CLOSE))
        assert (await counted(served, "flagged"), copies(v2)) == ({}, [])
        await reloaded(served, bounded, log)

        async def is_over() -> bool:
            await served.get(job(fields=CLOSE))
            return (await counted(served, "flagged")).get("day-over", 0) >= 10

        await until(is_over)
        outcomes = await counted(served, "flagged")
        assert 10 <= outcomes["sent"] <= 20  # each worker keeps to the bound, and hears of the other within a second
        assert {one.values("x-shadow")[0] for one in copies(v2)} == {b"1"}
        (route,) = [one for one in (await told(served))["routes"] if one["route"] == "flagged"]
        assert (route["percent"], route["per_day"]) == (100, 10)
        assert route["outcomes"].keys() == {"sent", "day-over"}
        assert await served.stop() == 0


async def test_what_workers_find_adds_up(tmp_path: Path) -> None:
    legacy, v2, log = Backend(answer(b'{"a":1}')), Backend(answer(b'{"a":2}')), tmp_path / "log"
    repeated = EVERYTHING.replace("repeat = 0", "repeat = 100")
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, percentage=0, env=LATE, log=log) as served:
        await reloaded(served, repeated, log)
        for _ in range(30):
            assert (await served.get(GET)).endswith(b'{"a":1}')

        async def are_sent() -> bool:
            return (await counted(served, "everything")).get("sent", 0) == 30

        await until(are_sent)
        (route,) = [one for one in (await told(served))["routes"] if one["route"] == "everything"]
        assert (route["compared"], route["repeated"]) == (30, 30)
        assert route["paths"] == [
            {"path": "/a", "raw": 30, "noise": 0, "kinds": {"value": 30}, "standing": "different"}
        ]
        metrics = await served.metrics()
        assert metrics['gateway_shadow_paths{route="everything",standing="different"}'] == 1
        assert sum(value for key, value in metrics.items() if "gateway_requests_total" in key and "v2" in key) == 0


async def test_a_copy_that_hangs_does_not_hold_up_the_drain(tmp_path: Path) -> None:
    legacy, v2, log = Backend(), Backend(script=never), tmp_path / "log"
    env = LATE | {"GATEWAY_SHADOW_SECONDS": "300", "GATEWAY_DRAIN_SECONDS": "300"}
    async with legacy.running(), v2.running(), serving(tmp_path, legacy, v2, percentage=0, env=env, log=log) as served:
        await reloaded(served, EVERYTHING, log)
        await served.get(job(fields=CLOSE))

        async def is_under_way() -> bool:
            return bool((await told(served))["running"] == 1)

        await until(is_under_way)
        assert await served.stop() == 0
        await asyncio.wait_for(v2.all_closed.wait(), START)
