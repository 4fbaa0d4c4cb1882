"""Runs one guard: waits for the lease, looks once a second, ends orderly. Counterpart: `guard`, which does the work."""

import threading
from collections.abc import Callable
from contextlib import suppress

from gateway.rollout.bulletin import POST_EVERY, Bulletin, BulletinBoard
from gateway.rollout.errors import LeaseTakenError
from gateway.rollout.guard import Guard, Post
from gateway.rollout.memory import Lease
from gateway.rollout.steps import Phase

LOOK_EVERY = 1.0


def watch(post: Post, stop: threading.Event, tell: Callable[[str], None], *, until_rest: bool = False) -> Phase | None:
    """Guard until `stop` is set; returns the last phase, None if the lease was never free.

    With `until_rest` it ends by itself when only a person can go on: done, rolled back, or aside.
    """
    lease = Lease(post.flags_path)
    if not _take(lease, stop, tell):
        return None
    try:
        guard = Guard(post)
        said, board, posted = None, BulletinBoard(post.flags_path), float("-inf")
        while not stop.is_set():
            guard.look()
            progress, now = guard.memory.progress, post.clock()
            if progress.phase is not said or now - posted >= POST_EVERY:
                posted = now
                # It only informs: a folder that cannot be written must not stop the guard, which may still roll back.
                with suppress(OSError):
                    board.post(Bulletin.of(post.plan, guard.memory, guard.findings(), now))
            if progress.phase is not said:
                said = progress.phase
                tell(f"{progress.phase} at {progress.expected} %: {progress.why}")
            if until_rest and progress.phase in (Phase.DONE, Phase.ROLLED_BACK, Phase.ASIDE):
                break
            stop.wait(LOOK_EVERY)
        guard.save()
        return guard.memory.progress.phase
    finally:
        lease.give_back()


def _take(lease: Lease, stop: threading.Event, tell: Callable[[str], None]) -> bool:
    told = False
    while not stop.is_set():
        try:
            lease.take()
        except LeaseTakenError as error:
            if not told:
                tell(f"{error}; waiting for it to end")
                told = True
            stop.wait(LOOK_EVERY)
        else:
            return True
    return False
