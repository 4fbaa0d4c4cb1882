"""A listing of users passes from the supervisor to a worker: whole, in parts, again, and only when it must."""

import json
import time

from gateway.core.pins import MAX_PINS
from gateway.proxy.pinning import PART, Listed, Message, Pinning, confirmation, parts


def told(pinning: Pinning, message: Message) -> Message:
    """What the worker answers; messages cross the channel as JSON."""
    asked = json.loads(json.dumps(message))
    return pinning.operations()[asked["op"]](asked)


def test_a_worker_that_lacks_a_listing_is_given_it_in_parts() -> None:
    pinning = Pinning(60)
    listed = Listed(3, time.monotonic(), tuple(f"user-{number}" for number in range(2 * PART + 1)))
    assert told(pinning, confirmation(listed)) == {"version": 0}
    answers = [told(pinning, part) for part in parts(listed)]
    assert answers == [{"version": 0}, {"version": 0}, {"version": 3}]
    assert len(pinning.held) == 2 * PART + 1
    assert told(pinning, confirmation(listed)) == {"version": 3}


def test_a_listing_of_nobody_is_one_part() -> None:
    pinning = Pinning(60)
    (part,) = parts(Listed(1, time.monotonic(), ()))
    assert told(pinning, part) == {"version": 1}
    assert len(pinning.held) == 0


def test_no_message_is_longer_than_the_channel_takes() -> None:
    widest = tuple("\U0001f600" * 64 + str(number) for number in range(MAX_PINS))  # 12 characters of JSON per 4 bytes
    from gateway.proxy.control import MAX_LINE

    assert max(len(json.dumps(part)) for part in parts(Listed(1, 1.0, widest))) < MAX_LINE


def test_a_user_whose_job_v2_took_is_told_to_the_others_once() -> None:
    pinning = Pinning(60)
    heard: list[str] = []
    pinning.tell = heard.append
    pinning.accepted("ann")
    assert heard == []  # v2 does not list its jobs, so nobody is pinned
    told(pinning, next(parts(Listed(1, time.monotonic(), ("bob",)))))
    for user in ("ann", "ann", "bob"):
        pinning.accepted(user)
    assert heard == ["ann"]


def test_a_user_whom_another_worker_told_of_is_pinned_and_not_told_again() -> None:
    pinning = Pinning(60)
    heard: list[str] = []
    pinning.tell = heard.append
    told(pinning, next(parts(Listed(1, time.monotonic(), ()))))
    assert told(pinning, {"op": "pin", "user": "ann"}) == {}
    assert told(pinning, {"op": "pinned", "user": "ann"}) == {"pinned": True}
    assert told(pinning, {"op": "pinned", "user": "bob"}) == {"pinned": False}
    assert heard == []


def test_a_listing_that_is_never_renewed_is_given_up() -> None:
    pinning = Pinning(60)
    told(pinning, next(parts(Listed(1, time.monotonic() - 59, ("ann",)))))
    assert not pinning.poll()
    assert pinning.snapshot()["users"] == 1
    told(pinning, next(parts(Listed(2, time.monotonic(), ("ann",)))))
    old = Pinning(60)
    told(old, next(parts(Listed(1, time.monotonic() - 61, ("ann",)))))
    assert old.poll()
    assert old.snapshot() == {"users": 0, "age": None, "dropped": 0}
