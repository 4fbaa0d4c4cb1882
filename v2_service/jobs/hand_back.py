"""Gives a stopped run back to the monolith, exactly once, whatever dies in between.

Theory of operation. The monolith's import is not idempotent and knows no key, but it writes a row in processing_jobs
before it answers and before it works. So each call is announced in the run's row first; after a lost answer or a crash
nobody asks again before that row has had time to appear, and a row of the user since the hand-back began ends the
hand-back, whoever made it: the user is with the monolith then. A refresh leaves no such row and is asked for once.
What remains: a request that the monolith begins to work on later than the call's limit and the settling time together.
Counterpart: `migrations/0012_hand_back.sql` stops the run and keeps the fence.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from v2_service.adapters.hand_backs import Errand, Sighting
from v2_service.adapters.monolith import Heard
from v2_service.errors import ServiceFailed, StaleRun
from v2_service.jobs.services import Services
from v2_service.observe import say

MAX_ATTEMPTS = 20
LOOK_SECONDS = 0.5
WAIT_MAX_SECONDS = 60.0
HANDED_BACK = "The former service does this import now."
REFUSED = "The import could not be given back to the former service: {}."


# About four minutes.
DATABASE_ATTEMPTS = 8
Result = TypeVar("Result")
Pause = Callable[[float], Awaitable[None]]


class Move(StrEnum):
    """What to do next."""

    DONE = "done"
    LOOK_AGAIN = "look_again"
    ASK = "ask"
    GIVE_UP = "give_up"


def next_move(seen: Sighting, attempts: int, settled_after: float, *, leaves_a_row: bool) -> Move:
    """The next move, from what the monolith's rows show. `settled_after` is in seconds since we asked."""
    if seen.job_id is not None:
        return Move.DONE
    if seen.sent_seconds_ago is not None:
        if not leaves_a_row:
            return Move.DONE
        if seen.sent_seconds_ago < settled_after:
            return Move.LOOK_AGAIN
    return Move.GIVE_UP if attempts >= MAX_ATTEMPTS else Move.ASK


async def hand_back(services: Services, pause: Pause, run_id: str) -> str:
    """Carry one hand-back to its end; returns how it ended. `pause` waits, and parks when the process is stopping."""
    errand = await services.hand_backs.take(run_id)
    if errand is None:
        return "over"
    try:
        status, job_id, message = await _carried(services, pause, errand)
        await _insisted(pause, lambda: services.hand_backs.end(errand, status, job_id, message))
    except StaleRun:
        return "stopped"
    services.metrics.finished.labels(status).inc()
    level = logging.WARNING if status == "failed" else logging.INFO
    say("hand-back ended", {"run_id": errand.run_id, "status": status}, level)
    return status


async def _carried(services: Services, pause: Pause, errand: Errand) -> tuple[str, str | None, str]:
    """Ask as often as needed: the status, the monolith's job and the sentence to end with."""
    settings, rows, attempts, reason = services.settings, services.hand_backs, errand.attempts, "it was not asked"
    settled_after = settings.hand_back_timeout_seconds + settings.hand_back_settle_seconds
    while True:
        seen = await _insisted(pause, lambda: rows.seen(errand))
        move = next_move(seen, attempts, settled_after, leaves_a_row=errand.storage_path is not None)
        if move is Move.DONE:
            return "handed_back", seen.job_id, HANDED_BACK
        if move is Move.GIVE_UP:
            return "failed", None, REFUSED.format(reason)
        if move is Move.LOOK_AGAIN:
            await pause(LOOK_SECONDS)
            continue
        await pause(0)
        await _insisted(pause, lambda: rows.note(errand, sending=True))
        attempts += 1
        reply = await services.monolith.start(
            errand.user_id, errand.storage_path, errand.conversations, errand.messages
        )
        reason = reply.reason
        if reply.heard is Heard.STARTED:
            return "handed_back", reply.job_id, HANDED_BACK
        say("hand-back not accepted", {"run_id": errand.run_id, "heard": reply.heard, "reason": reason})
        if reply.heard is Heard.REFUSED:
            return "failed", None, REFUSED.format(reason)
        if reply.heard is Heard.NOT_REACHED:
            await _insisted(pause, lambda: rows.note(errand, sending=False))
            await pause(min(settings.step_retry_seconds * 2 ** (attempts - 1), WAIT_MAX_SECONDS))


async def _insisted(pause: Pause, call: Callable[[], Awaitable[Result]]) -> Result:
    """The call's result, tried again while the database is away: what is known here is known to nobody else."""
    for attempt in range(DATABASE_ATTEMPTS):
        if attempt:
            await pause(2.0**attempt)
        try:
            return await call()
        except ServiceFailed as error:
            if not error.transient or attempt == DATABASE_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")
