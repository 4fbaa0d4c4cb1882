"""Keep asking sources whether something changed. The counterpart is anything with a `poll`: flag file, kill file."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

POLL_INTERVAL = 0.1
"""Seconds between two looks: a rollback must reach every worker well within a second, and a look costs 2 µs."""


class Pollable(Protocol):
    """Something that can look for news without waiting."""

    def poll(self) -> bool:
        """Look once; True if something changed."""
        ...


async def follow(sources: Iterable[Pollable], *, interval: float = POLL_INTERVAL) -> None:
    """Poll all sources for ever; ends by being cancelled. The first look is immediate.

    A `poll` or a subscriber that raises is reported to the loop's exception handler and asked again: the kill must be
    seen whatever happened to the flags.
    """
    watched = tuple(sources)
    while True:
        for source in watched:
            try:
                source.poll()
            except Exception as error:  # noqa: BLE001 -- a follower that died would be a rollback that never comes
                context = {"message": f"following {type(source).__name__} failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
        await asyncio.sleep(interval)
