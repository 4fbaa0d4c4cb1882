"""Which backend answers a flagged request, and why. Pure; the counterpart is the exchange, which carries it out.

Order, first match wins: local kill, no flags, unknown flag, flag disabled, id policy, forced, stage, pin, deny and
allow lists, percentage, breaker. Everything that is not a clear "v2" is legacy.
"""

from enum import StrEnum

import msgspec

from flags.evaluate import settle
from flags.model import Rule, Snapshot
from gateway.core.stages import SERVING

MAX_ID_BYTES = 256
"""Longest id that is hashed, in UTF-8 bytes; real ones are UUIDs of 36."""


class Backend(StrEnum):
    """Who answers."""

    LEGACY = "legacy"
    V2 = "v2"


class Reason(StrEnum):
    """Why. The values appear in metrics, logs and headers: add some, never change one."""

    ROUTE = "route"
    LOCAL_KILL = "local-kill"
    NO_FLAGS = "no-flags"
    FLAG_UNKNOWN = "flag-unknown"
    FLAG_DISABLED = "flag-disabled"
    ID_MISSING = "id-missing"
    ID_INVALID = "id-invalid"
    ID_BEYOND_PREFIX = "id-beyond-prefix"
    FORCED = "forced"
    STAGE = "stage"
    PINNED = "pinned"
    ALLOW_LIST = "allow-list"
    DENY_LIST = "deny-list"
    EVERYBODY = "everybody"
    PERCENTAGE_IN = "percentage-in"
    PERCENTAGE_OUT = "percentage-out"
    NO_STRATEGY = "no-strategy"
    ENGINE_ON = "engine-on"
    ENGINE_OFF = "engine-off"
    NO_ENGINE = "no-engine"
    BREAKER_OPEN = "breaker-open"


UNCOUNTED = frozenset((Reason.FORCED, Reason.PINNED))
"""Decisions that say nothing about the flag: a tester's, and those of users who stay where their job runs."""


class IdProblem(StrEnum):
    """What is wrong with an id. A request with such an id goes to legacy."""

    MISSING = "missing"
    NOT_A_STRING = "not-a-string"
    EMPTY = "empty"
    TOO_LONG = "too-long"
    BEYOND_PREFIX = "beyond-prefix"
    UNREADABLE = "unreadable"


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The id a decision hangs on: a string used exactly as it came, or what is wrong with it."""

    value: str | None
    problem: IdProblem | None = None

    @classmethod
    def of(cls, value: object) -> "Identity":
        """The identity of a decoded JSON value; for an absent one use `Identity(None, IdProblem.MISSING)`.

        Only strings count. SDKs turn 12.0, true and null into texts of their own ("12.0", "True", "None"), each in its
        own way, and then all anonymous callers share one bucket. Strings are not trimmed, folded or normalised:
        another spelling is another user, as it is for the backends.
        """
        if not isinstance(value, str):
            return cls(None, IdProblem.NOT_A_STRING)
        if not value:
            return cls(None, IdProblem.EMPTY)
        if value.isascii():
            return cls(value) if len(value) <= MAX_ID_BYTES else cls(None, IdProblem.TOO_LONG)
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            return cls(None, IdProblem.UNREADABLE)
        return cls(value) if size <= MAX_ID_BYTES else cls(None, IdProblem.TOO_LONG)


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Who answers and why. Made and read on each request, so a struct: cheaper for both than a tuple with names.

    `key` is the id that was hashed, None if there was none; `bucket` is 1 to 100, `percentage` 0 to 100; `generation`
    is the flags' generation, None without flags or for a route without a flag.
    """

    backend: Backend
    reason: Reason
    key: str | None = None
    bucket: int | None = None
    percentage: int | None = None
    generation: int | None = None
    flag: str | None = None


LEGACY_BY_ROUTE = Decision(Backend.LEGACY, Reason.ROUTE)
V2_BY_ROUTE = Decision(Backend.V2, Reason.ROUTE)

# Looking a member up in its enum costs as much as the hash; these are asked for on each request.
_LEGACY, _V2, _DISABLED = Backend.LEGACY, Backend.V2, Rule.DISABLED

_BY_PROBLEM = {
    IdProblem.MISSING: Reason.ID_MISSING,
    IdProblem.NOT_A_STRING: Reason.ID_INVALID,
    IdProblem.EMPTY: Reason.ID_INVALID,
    IdProblem.TOO_LONG: Reason.ID_INVALID,
    IdProblem.BEYOND_PREFIX: Reason.ID_BEYOND_PREFIX,
    IdProblem.UNREADABLE: Reason.ID_INVALID,
}

_BY_RULE = {
    Rule.DISABLED: Reason.FLAG_DISABLED,
    Rule.EVERYBODY: Reason.EVERYBODY,
    Rule.USER_LIST: Reason.ALLOW_LIST,
    Rule.DENIED: Reason.DENY_LIST,
    Rule.ROLLOUT_IN: Reason.PERCENTAGE_IN,
    Rule.ROLLOUT_OUT: Reason.PERCENTAGE_OUT,
    Rule.NO_STRATEGY: Reason.NO_STRATEGY,
    Rule.ENGINE_ON: Reason.ENGINE_ON,
    Rule.ENGINE_OFF: Reason.ENGINE_OFF,
    Rule.NO_ENGINE: Reason.NO_ENGINE,
}


def decide(
    flag: str,
    identity: Identity,
    snapshot: Snapshot | None,
    killed: bool,
    breaker_open: bool = False,
    force: Backend | None = None,
    pinned: bool = False,
) -> Decision:
    """Decide one request. Never raises: an id that cannot be hashed is a bad id.

    `force` is what a force header asks for, its signature already checked; it does not outrank a kill, a disabled flag
    or the id policy. A stage in which v2 does not serve keeps everybody else on legacy. `pinned` says that a v2 job of
    this user runs: it stays on v2, whatever lists and percentage say, unless the flag's pins are suspended.
    `breaker_open` keeps away from v2 whoever would go there, forced and pinned ones too.
    """
    generation = None if snapshot is None else snapshot.generation
    key = identity.value
    if killed:
        return Decision(Backend.LEGACY, Reason.LOCAL_KILL, key, None, None, generation, flag)
    if snapshot is None:
        return Decision(Backend.LEGACY, Reason.NO_FLAGS, key, None, None, None, flag)
    try:
        feature = snapshot.features[flag]
    except KeyError:
        return Decision(Backend.LEGACY, Reason.FLAG_UNKNOWN, key, None, None, generation, flag)
    if key is None or identity.problem is not None:
        bad_id = _BY_PROBLEM[identity.problem or IdProblem.MISSING]
        reason = bad_id if feature.enabled else Reason.FLAG_DISABLED
        return Decision(Backend.LEGACY, reason, None, None, None, generation, flag)
    try:
        enabled, rule, bucket, percentage = settle(feature, key)
    except UnicodeEncodeError:
        return Decision(Backend.LEGACY, Reason.ID_INVALID, None, None, None, generation, flag)
    backend, reason = (_V2 if enabled else _LEGACY), _BY_RULE[rule]
    if rule is not _DISABLED:
        if force is not None:
            backend, reason = force, Reason.FORCED
        elif feature.stage is not None and feature.stage not in SERVING:
            backend, reason = _LEGACY, Reason.STAGE
        elif pinned and not feature.pins_suspended:
            backend, reason = _V2, Reason.PINNED
    if breaker_open and backend is _V2:
        backend, reason = _LEGACY, Reason.BREAKER_OPEN
    return Decision(backend, reason, key, bucket, percentage, generation, flag)
