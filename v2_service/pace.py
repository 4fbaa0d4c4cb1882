"""How many model calls may be on their way at once, decided without I/O. Counterpart: `adapters/limiter.py` obeys.

Theory of operation. Additive increase, multiplicative decrease: an answer while every place was taken widens the limit
by 1/limit, so a full window of answers adds one place; a 429 or 529 halves it, once per window, because the calls that
left before a cut say nothing about the narrower limit. Nobody starts before the time that the model named. Free memory
bounds the places too (S-86). One call is always allowed, so everything goes on, however slowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

MIB = 1024 * 1024
# A throttled answer that names no time, and the longest time that is believed.
DEFAULT_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 120.0


@dataclass(slots=True)
class Pace:
    """The limit, between 1 and `ceiling`. Times are seconds of any one clock."""

    ceiling: int
    limit: float = field(init=False)
    resume_at: float = field(default=-math.inf, init=False)
    cut_at: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.limit = float(self.ceiling)

    def places(self, room: int | None) -> int:
        """Calls that may run at once, where memory has room for `room` (None: not known)."""
        wanted = int(self.limit)
        return max(1, wanted if room is None else min(wanted, room))

    def answered(self, running: int) -> None:
        """A call was answered while `running` were on their way, itself included."""
        if running >= int(self.limit):
            self.limit = min(float(self.ceiling), self.limit + 1 / self.limit)

    def throttled(self, started_at: float, now: float, retry_after: float | None) -> None:
        """A call that left at `started_at` was told to come back after so many seconds."""
        pause = DEFAULT_PAUSE_SECONDS if retry_after is None else min(retry_after, MAX_PAUSE_SECONDS)
        self.resume_at = max(self.resume_at, now + pause)
        if started_at > self.cut_at:
            self.limit = max(1.0, self.limit / 2)
            self.cut_at = now


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """Bytes that stay free whatever happens, and bytes that one more call is reckoned at."""

    headroom: int
    per_call: int

    def room(self, free: int | None, running: int) -> int | None:
        """Calls that fit, the running ones included; None where free memory is not known."""
        if free is None:
            return None
        return running + max(0, (free - self.headroom) // self.per_call)
