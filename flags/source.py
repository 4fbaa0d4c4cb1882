"""What every source of flags has in common: the snapshot in force, its age, and who wants to hear of changes.

Counterparts: the sources themselves, which call `_accept`, `_confirm` and `_fail`, and the workers, which read.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from flags.apply_times import ApplyTimes
from flags.model import Snapshot

Clock = Callable[[], float]


class FlagSource(ABC):
    """The flags in force. Times are seconds since the epoch.

    snapshot      the last good flags, None if there never were any (then everything goes to legacy)
    error         why the newest state could not be used, None if all is well
    loaded_at     when `snapshot` came into force in this process
    changed_at    when it was changed at its origin, as far as the origin says
    confirmed_at  when the origin last agreed with `snapshot`
    applied       how long changes took to come into force here; the first state counts as no change. Where the origin
                  says when it changed, from then; else from when it last agreed with the old state, which is at most
                  one poll too much, and after an outage all of it
    keep_error    why the safety copy for a restart could not be written, None if it could
    """

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._listeners: list[Callable[[FlagSource], None]] = []
        self.snapshot: Snapshot | None = None
        self.error: str | None = None
        self.loaded_at: float | None = None
        self.changed_at: float | None = None
        self.confirmed_at: float | None = None
        self.keep_error: str | None = None
        self.applied = ApplyTimes()
        self._began_at: float | None = None

    @abstractmethod
    def poll(self) -> bool:
        """Look for news once, without waiting (the first look may wait a moment); True if `snapshot` changed."""

    def close(self) -> None:
        """Stop whatever runs in the background; what is in force stays."""
        return

    def subscribe(self, listener: Callable[["FlagSource"], None]) -> Callable[[], None]:
        """Call `listener` after each change of `snapshot` or `error`. Returns a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def age(self) -> float | None:
        """Seconds since the origin last agreed with what is in force; None if it never did."""
        return None if self.confirmed_at is None else max(0.0, self._clock() - self.confirmed_at)

    def _accept(self, snapshot: Snapshot, *, changed_at: float | None, error: str | None = None) -> None:
        """Put a snapshot in force. With `error` it is a stand-in for a newer state that could not be used."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        else:
            self.applied.record(now - max(changed_at or self.confirmed_at or now, self._began_at))
        self.snapshot, self.error = snapshot, error
        self.loaded_at, self.changed_at = now, changed_at
        self.confirmed_at = now if error is None else self.confirmed_at
        self._tell()

    def _confirm(self) -> None:
        """The origin still holds what is in force."""
        self.confirmed_at = self._clock()
        if self.error is not None:
            self.error = None
            self._tell()

    def _fail(self, error: str) -> None:
        """The newest state cannot be used; what is in force stays."""
        if error != self.error:
            self.error = error
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener(self)
