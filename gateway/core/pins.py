"""The users whose v2 jobs run: until these end they stay on v2, whatever the percentage says meanwhile. Pure.

Two sources, because the listing of running jobs is always a moment old. A user whose job v2 has just taken is pinned at
once, and stays so until a listing that *began* later has come: that one knows better. Without a listing that is young
enough nobody is pinned. Counterparts: `gateway.ops.job_watch`, which asks v2, and `gateway.proxy.pinning`.
"""

from collections.abc import Collection
from typing import Final

MAX_PINS: Final = 10_000
"""Users pinned at a time, and again as many just taken; a worker's memory is bounded, and so is what v2 is asked."""


class Pins:
    """One worker's pins. Times are seconds of a clock that all processes of the machine share.

    `users` are all of them, for look-ups: the decision asks on each request. `version` is that of the listing in force,
    0 before the first; `dropped` counts users who found no room.
    """

    __slots__ = ("_draft", "_draft_of", "_fresh", "_listed", "_max_age", "dropped", "heard", "users", "version")

    def __init__(self, max_age: float) -> None:
        self._max_age = max_age
        self._listed: frozenset[str] = frozenset()
        self._fresh: dict[str, float] = {}
        self._draft: set[str] = set()
        self._draft_of = 0
        self.users: set[str] = set()
        self.version = 0
        self.heard: float | None = None
        self.dropped = 0

    def __contains__(self, user: object) -> bool:
        return user in self.users

    def __len__(self) -> int:
        return len(self.users)

    def accept(self, user: str, now: float) -> bool:
        """v2 has taken a job of this user; True if that is news. Nothing happens while there is no listing."""
        if self.heard is None or user in self._listed:
            return False
        if user not in self._fresh and len(self._fresh) >= MAX_PINS:
            self.dropped += 1
            return False
        news = user not in self._fresh
        self._fresh[user] = now
        self.users.add(user)
        return news

    def confirm(self, version: int, began: float) -> bool:
        """A listing that began at `began` is the one of `version`: False if that is not the one in force."""
        if version != self.version:
            return False
        self._settle(began)
        return True

    def take(self, version: int, began: float, users: Collection[str], *, last: bool) -> None:
        """One part of a listing; with its last part it is in force."""
        if version != self._draft_of:
            self._draft_of, self._draft = version, set()
        room = MAX_PINS - len(self._draft)
        self._draft.update(list(users)[:room])
        self.dropped += max(0, len(users) - room)
        if last:
            self._listed, self.version = frozenset(self._draft), version
            self._draft_of, self._draft = 0, set()
            self.users = {*self._listed, *self._fresh}
            self._settle(began)

    def expire(self, now: float) -> bool:
        """Give up what is too old; True if that happened."""
        if self.heard is None or now - self.heard <= self._max_age:
            return False
        self._listed, self._fresh, self.users = frozenset(), {}, set()
        self.version, self.heard = 0, None
        return True

    def _settle(self, began: float) -> None:
        """A job that was taken before the listing began is in it, or has ended."""
        self.heard = began if self.heard is None else max(began, self.heard)
        settled = [user for user, since in self._fresh.items() if since < began]
        for user in settled:
            del self._fresh[user]
            if user not in self._listed:
                self.users.discard(user)
