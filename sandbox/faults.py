"""Trouble on demand: what each stand-in does wrong, how often, and the seeded dice that decide it.

The control plane replaces `Faults` whole; each stand-in asks `FaultDesk.decide(area)` once per request and obeys.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Area = Literal["anthropic", "bedrock", "rest", "storage", "callback"]
AREAS: tuple[Area, ...] = get_args(Area)
SECONDS_PER_MINUTE = 60.0


class AreaFaults(BaseModel):
    """What goes wrong in one area. The defaults are a healthy service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: int = Field(default=0, ge=0, le=600_000, description="added before every answer, in milliseconds")
    error_rate: float = Field(default=0.0, ge=0, le=1, description="share of requests answered with error_status")
    error_status: int = Field(default=500, ge=400, le=599, description="status of those answers")
    throttle_rate: float = Field(default=0.0, ge=0, le=1, description="share of requests answered with throttle_status")
    throttle_status: Literal[429, 529] = Field(default=429, description="429 is 'too many requests', 529 'overloaded'")
    retry_after: float = Field(default=1.0, ge=0, description="seconds told to a throttled caller")
    rate_limit_per_minute: int = Field(
        default=0, ge=0, description="requests per minute before throttling; 0 is no limit"
    )
    truncate_rate: float = Field(default=0.0, ge=0, le=1, description="share of answers cut short")
    slow_bytes_per_second: int = Field(default=0, ge=0, description="pace of the answer's body; 0 is full speed")
    paths: tuple[str, ...] = Field(
        default=(), max_length=20, description="only requests whose path begins with one of these; none: all of them"
    )

    def concern(self, path: str) -> bool:
        """Whether a request of this path is among those that go wrong."""
        return not self.paths or path.startswith(self.paths)


class Faults(BaseModel):
    """One immutable set of faults for all areas; `seed` makes the same run fail in the same places."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    anthropic: AreaFaults = AreaFaults()
    bedrock: AreaFaults = AreaFaults()
    rest: AreaFaults = AreaFaults()
    storage: AreaFaults = AreaFaults()
    callback: AreaFaults = AreaFaults()

    def of(self, area: Area) -> AreaFaults:
        """The settings of one area."""
        settings: AreaFaults = getattr(self, area)
        return settings


class Outcome(StrEnum):
    """What becomes of one request."""

    ANSWER = "answer"
    ERROR = "error"
    THROTTLE = "throttle"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one request is to be treated. `status` and `retry_after` count only for ERROR and THROTTLE."""

    outcome: Outcome
    status: int = 200
    retry_after: float = 0.0
    delay_seconds: float = 0.0
    bytes_per_second: int = 0
    limit: int = 0
    remaining: int = 0
    reset_seconds: float = 0.0


class Dice:
    """One reproducible stream of numbers in [0, 1) per area, so that areas do not disturb each other."""

    def __init__(self, seed: int) -> None:
        self._streams = {area: random.Random(f"{seed}:{area}") for area in AREAS}  # noqa: S311 -- dice, not keys

    def roll(self, area: Area) -> float:
        return self._streams[area].random()


class RateLimit:
    """A token bucket that holds one minute's requests and refills evenly."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._tokens = float(per_minute)
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Spend one request at time `now` (seconds); False when none is left."""
        gained = (now - self._filled_at) * self.per_minute / SECONDS_PER_MINUTE
        self._tokens = min(float(self.per_minute), self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def remaining(self) -> int:
        return int(self._tokens)

    @property
    def seconds_to_next(self) -> float:
        """Until one more request is allowed; 0 when one is already."""
        return max(0.0, (1 - self._tokens) * SECONDS_PER_MINUTE / self.per_minute)


class FaultDesk:
    """The running side of `Faults`: dice and rate limits, replaced together with the settings."""

    def __init__(self, faults: Faults | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.replace(faults or Faults())

    def replace(self, faults: Faults) -> None:
        """Swap in new settings; dice start again from the seed and rate limits are full."""
        now = self._clock()
        self.faults = faults
        self._dice = Dice(faults.seed)
        self._limits = {
            area: RateLimit(faults.of(area).rate_limit_per_minute, now)
            for area in AREAS
            if faults.of(area).rate_limit_per_minute
        }

    def decide(self, area: Area, path: str = "") -> Verdict:
        """What happens to the next request of `area`. Always three dice, so that one rate does not shift another."""
        settings = self.faults.of(area)
        if not settings.concern(path):
            return Verdict(Outcome.ANSWER)
        throttled, failed, cut = (self._dice.roll(area) for _ in range(3))
        limit = self._limits.get(area)
        outcome, status, retry_after = Outcome.ANSWER, 200, 0.0
        if limit is not None and not limit.take(self._clock()):
            outcome, status = Outcome.THROTTLE, settings.throttle_status
            retry_after = max(settings.retry_after, limit.seconds_to_next)
        elif throttled < settings.throttle_rate:
            outcome, status, retry_after = Outcome.THROTTLE, settings.throttle_status, settings.retry_after
        elif failed < settings.error_rate:
            outcome, status = Outcome.ERROR, settings.error_status
        elif cut < settings.truncate_rate:
            outcome = Outcome.TRUNCATE
        return Verdict(
            outcome=outcome,
            status=status,
            retry_after=retry_after,
            delay_seconds=settings.latency_ms / 1000,
            bytes_per_second=settings.slow_bytes_per_second,
            limit=limit.per_minute if limit else 0,
            remaining=limit.remaining if limit else 0,
            reset_seconds=limit.seconds_to_next if limit else 0.0,
        )
