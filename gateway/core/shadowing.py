"""Shadowing: which answered requests are also given to the other backend, as copies that nobody waits for. Pure.

A copy of a flagged request asks v2 for a dry run. Its users are those of the highest buckets, so they are always the
same ones, and they are the last to move: nobody is in v2's cohort whom v2 knows from a dry run already. A copy on a
route that is declared safe is the same GET, and the two answers are compared. See docs/decisions/0019.

Counterparts: core.routes, whose table holds a Shadowing; proxy.shadowed, which knows the exchange; proxy.shadows, which
sends.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from flags.model import CompiledFeature
from gateway.core.decide import Backend, Decision, Reason
from gateway.core.stages import COPIED, stage_of

MAX_COPIED: Final = 64 * 1024
"""Bytes of a body, in either direction: what the gateway keeps of a flagged request anyway (core.peek)."""
DEFAULT_REPEAT: Final = 10.0
_OF_LEGACY_USERS = frozenset((Reason.STAGE, Reason.PERCENTAGE_OUT))
"""Decisions for legacy that say nothing against v2: neither a refusal nor a failure nor a tester's wish."""
_COMPARABLE = frozenset((*range(200, 206), *range(300, 304), *range(307, 309), *range(400, 500)))


class Outcome(StrEnum):
    """What became of a copy. The values are a metric's label."""

    SENT = "sent"
    REFUSED = "refused"  # v2's own bound is reached
    FAILED = "failed"  # no answer, or not the one that was asked for
    NOT_DRY = "not-dry"  # v2 took a copy for the real thing: no other is sent
    TOO_LARGE = "too-large"
    INCOMPARABLE = "incomparable"  # an answer is compressed
    DAY_OVER = "day-over"  # the route's number of copies for today
    NO_ROOM = "no-room"  # too many wait, or they hold too much memory
    BUSY = "busy"  # the worker is late with its real work
    EJECTED = "ejected"  # v2 is kept out by its breaker
    EXPIRED = "expired"  # its time was over before it was its turn
    STOPPED = "stopped"  # by the drain or the local kill


@dataclass(frozen=True, slots=True)
class Shadowing:
    """The `shadow` of a route.

    `percent` is the share of users on a flagged route, whole numbers from 1 to 100; elsewhere that of requests.
    `flag` is whose stage says when copies are sent; on a flagged route it is the route's own. `safe` declares that
    answering twice changes nothing, `repeat` is the share of compared requests, in per cent, that legacy answers once
    more to learn its noise, `ignore` are paths of the answers that do not count. `per_day` bounds the copies of the
    whole gateway.
    """

    percent: float
    flag: str | None = None
    safe: bool = False
    repeat: float = DEFAULT_REPEAT
    ignore: tuple[str, ...] = ()
    per_day: int = 1000
    # Worked out when the table is read, because it is asked for on each request.
    above: float = field(init=False, default=0.0)
    """Users whose bucket is higher are those of a dry run."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", 100 - self.percent)


def has_copies(feature: CompiledFeature | None, answered: Backend) -> bool:
    """Whether answers of this backend are followed by copies to the other one, by the flag's stage.

    Never while the flag is off. A flag without a stage is in `ramp`.
    """
    return feature is not None and feature.enabled and answered in COPIED[stage_of(feature.stage)]


def wants_dry_run(shadow: Shadowing, decision: Decision, feature: CompiledFeature | None) -> bool:
    """Whether v2 is to be given a dry run of a request that legacy has taken.

    Users whom the flag denies v2 have none; nor has anybody under a flag that only the SDK's engine understands, since
    then nobody knows whom it denies.
    """
    bucket, user = decision.bucket, decision.key
    if bucket is None or user is None or bucket <= shadow.above or decision.reason not in _OF_LEGACY_USERS:
        return False
    if feature is None or feature.uncompiled or not has_copies(feature, Backend.LEGACY):
        return False
    return not any(user in strategy.never for strategy in feature.strategies)


def is_comparable(status: int) -> bool:
    """Whether an answer says what it says by itself: a 304 or a 206 says it together with the request."""
    return status in _COMPARABLE
