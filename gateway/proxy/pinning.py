"""A worker's pins and how it hears of them: both ends of the few messages that pass over the control channel.

    pins    version, began                a listing as it was before; the answer says which version the worker has
    pins    version, began, users, last   one part of a listing that the worker does not have
    pin     user                          v2 has just taken a job of this user, says another worker
    pinned  user                          is this user pinned?

Counterparts: `gateway.core.pins`, which decides; `gateway.fleet`, which sends; `gateway.ops.job_watch`, which asks v2.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gateway.core.pins import Pins

Message = dict[str, object]
PART = 500
"""Users in one message: less than half a millisecond of a worker's time."""


class Listed(NamedTuple):
    """Users with running jobs. `began` is when v2 was asked (monotonic seconds); `version` changes with `users`."""

    version: int
    began: float
    users: tuple[str, ...]


def confirmation(listed: Listed) -> Message:
    """What a worker that has this listing needs to hear."""
    return {"op": "pins", "version": listed.version, "began": listed.began}


def parts(listed: Listed) -> Iterator[Message]:
    """What a worker that does not have it needs to hear; at least one message."""
    users = listed.users
    for start in range(0, max(1, len(users)), PART):
        last = start + PART >= len(users)
        yield confirmation(listed) | {"users": users[start : start + PART], "last": last}


class Pinning:
    """The pins of one worker. `held` is what the decision asks; `tell` is called with users that nobody else knows."""

    __slots__ = ("held", "tell")

    def __init__(self, max_age: float) -> None:
        self.held = Pins(max_age)
        self.tell: Callable[[str], object] = _nobody

    def accepted(self, user: str) -> None:
        """v2 has taken a job of this user: it stays there from now on, in every worker."""
        if self.held.heard is not None and self.held.accept(user, time.monotonic()):
            self.tell(user)

    def poll(self) -> bool:
        """Give up a listing that is too old; True if that happened."""
        return self.held.expire(time.monotonic())

    def operations(self) -> dict[str, Callable[[Message], Message]]:
        """What the control channel may ask."""
        return {"pins": self._listing, "pin": self._sibling, "pinned": self._asked}

    def snapshot(self) -> Message:
        """For the supervisor."""
        heard = self.held.heard
        age = None if heard is None else max(0.0, time.monotonic() - heard)
        return {"users": len(self.held), "age": age, "dropped": self.held.dropped}

    def _listing(self, message: Message) -> Message:
        version, began, users = message["version"], message["began"], message.get("users")
        assert isinstance(version, int)
        assert isinstance(began, int | float)
        if isinstance(users, list):
            self.held.take(version, began, users, last=message["last"] is True)
        else:
            self.held.confirm(version, began)
        return {"version": self.held.version}

    def _sibling(self, message: Message) -> Message:
        self.held.accept(str(message["user"]), time.monotonic())
        return {}

    def _asked(self, message: Message) -> Message:
        return {"pinned": message["user"] in self.held}


def _nobody(_: str) -> None:
    return
