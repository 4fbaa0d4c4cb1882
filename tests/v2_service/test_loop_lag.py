"""The loop's lag is the longest of the last seconds, and a blocking call shows in it."""

from __future__ import annotations

import asyncio
import time

from v2_service.loop_lag import TICK_SECONDS, WINDOW_SECONDS, Lag, watch_lag


def test_the_longest_delay_is_told_until_its_window_has_passed() -> None:
    lag = Lag()
    assert lag.add(1.0, 0.5) == 0.5
    assert lag.add(2.0, 0.1) == 0.5
    assert lag.add(2.0 + WINDOW_SECONDS, 0.2) == 0.2
    assert Lag().add(0.0, -0.001) == 0.0


async def test_a_call_that_blocks_the_loop_is_seen() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    watching = asyncio.create_task(watch_lag(told.put_nowait))
    await told.get()
    until = time.monotonic() + 5 * TICK_SECONDS
    while time.monotonic() < until:
        pass
    # Whatever else delays this machine, the loop was held for four ticks beyond its due time.
    assert await told.get() > 3 * TICK_SECONDS
    watching.cancel()
