"""Whether v2 is fit to be asked: a circuit breaker over its own failures, so that its users fall to legacy meanwhile.

Pure: time comes in, a verdict goes out. Only v2 has one; the last backend is never ejected.

    CLOSED --(FAILURES in a row, or half of the last WINDOW)--> OPEN --(cooldown)--> HALF_OPEN
    HALF_OPEN --(one success)--> CLOSED        HALF_OPEN --(one failure)--> OPEN, with twice the cooldown
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """See the drawing above."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


# A member of an Enum class takes three times as long to look up as a global.
_CLOSED, _OPEN, _HALF_OPEN = State
WINDOW: Final = 20
MAX_COOLDOWN: Final = 120.0


@dataclass(slots=True)
class Breaker:
    """`failures` in a row open it for `cooldown` seconds, doubled each time it fails again, up to two minutes."""

    failures: int = 5
    cooldown: float = 5.0
    state: State = _CLOSED
    opened: int = 0  # how often, for the metrics
    _in_a_row: int = 0
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _until: float = 0.0
    _opened_until: float = 0.0  # the part of it that it found out by itself
    _wait: float = 0.0
    _trial: bool = False  # the one request of HALF_OPEN is under way

    def is_open(self, now: float) -> bool:
        """Whether v2 must not be asked at `now`. In HALF_OPEN one request may go, and the next ones wait for it."""
        if self.state is _CLOSED:
            return False
        if self.state is _OPEN:
            if now < self._until:
                return True
            self.state = _HALF_OPEN
            self._trial = False
        if self._trial:
            # A trial whose end nobody reported must not keep the breaker open for ever.
            return now < self._until + MAX_COOLDOWN
        return False

    def begin(self) -> None:
        """A request goes to v2."""
        if self.state is _HALF_OPEN:
            self._trial = True

    def success(self) -> None:
        """v2 answered, and not with a 5xx."""
        self._in_a_row = 0
        self._recent.append(True)
        if self.state is _HALF_OPEN:
            self.state = _CLOSED
            self._wait = 0.0
            self._recent.clear()

    def failure(self, now: float) -> None:
        """v2 could not be reached, broke off, was too slow, or answered with a 5xx."""
        self._in_a_row += 1
        self._recent.append(False)
        worst = len(self._recent) == WINDOW and self._recent.count(False) * 2 >= WINDOW
        if self.state is _HALF_OPEN or (self.state is _CLOSED and (self._in_a_row >= self.failures or worst)):
            self._open(now)

    def left(self, now: float) -> float:
        """Seconds that its own opening still lasts, 0 without one; what the other workers are told.

        Hearsay is not passed on: two workers would keep each other's breakers open for ever.
        """
        return max(0.0, self._opened_until - now) if self.state is _OPEN else 0.0

    def follow(self, now: float, seconds: float) -> None:
        """Another worker's breaker is open for `seconds` more: so is this one, unless it is just trying by itself.

        It does not count as opened, and when the time is over this worker makes a trial of its own.
        """
        if self.state is _HALF_OPEN or now + seconds <= self._until:
            return
        self.state = _OPEN
        self._until = now + seconds
        self._wait = max(self._wait, self.cooldown)
        self._trial = False

    def _open(self, now: float) -> None:
        self._wait = min(MAX_COOLDOWN, self._wait * 2 or self.cooldown)
        self.state = _OPEN
        self.opened += 1
        self._until = self._opened_until = now + self._wait
        self._in_a_row = 0
        self._trial = False
        self._recent.clear()
