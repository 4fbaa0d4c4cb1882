"""Following looks at once, then again and again, at all it was given."""

import asyncio
import contextlib
from pathlib import Path

from flags.file_source import FileSource
from flags.follow import POLL_INTERVAL, follow
from flags.kill import KillSwitch
from tests.flags.documents import at


async def test_a_change_reaches_the_subscriber(tmp_path: Path) -> None:
    path = tmp_path / "features.json"
    path.write_bytes(at(10))
    source, changed = FileSource(path), asyncio.Event()
    source.subscribe(lambda _: changed.set())
    following = asyncio.create_task(follow([source]))
    for share in (50, 0):
        async with asyncio.timeout(10):
            await changed.wait()
        changed.clear()
        path.write_bytes(at(share))
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert following.cancelled()


async def test_all_are_looked_at_in_turn(tmp_path: Path) -> None:
    seen: list[str] = []
    enough = asyncio.Event()

    class Named(KillSwitch):
        def poll(self) -> bool:
            seen.append(self.path.name)
            if len(seen) == 6:
                enough.set()
            return super().poll()

    following = asyncio.create_task(follow([Named(tmp_path / "a"), Named(tmp_path / "b")], interval=0))
    async with asyncio.timeout(10):
        await enough.wait()
    following.cancel()
    assert seen[:6] == ["a.kill", "b.kill"] * 3


async def test_the_kill_is_seen_even_if_looking_at_the_flags_fails(tmp_path: Path) -> None:
    class Failing:
        def poll(self) -> bool:
            raise RuntimeError("a subscriber's fault")

    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    seen = asyncio.Event()

    class Watched(KillSwitch):
        def poll(self) -> bool:
            changed = super().poll()
            if changed:
                seen.set()
            return changed

    switch = Watched(tmp_path / "features.json")
    following = asyncio.create_task(follow([Failing(), switch], interval=0.01))
    KillSwitch(tmp_path / "features.json").engage(who="ann", why="")
    async with asyncio.timeout(10):
        await seen.wait()
    following.cancel()
    assert told[0] == "following Failing failed"


def test_two_looks_fit_into_the_promised_quarter_of_a_second() -> None:
    assert 2 * POLL_INTERVAL < 0.25
