"""What the guard knows: outcomes as a stream with growing numbers, so that reading one twice counts it once.

Counterparts: the ops API of the gateways, which writes the stream (`GET /evidence`), and `judge`, which reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.core.decide import Backend, Reason

RANDOMISED = frozenset((Reason.PERCENTAGE_IN, Reason.PERCENTAGE_OUT))
"""Reasons that follow from the user's bucket alone; everybody else was chosen, and chosen users compare to nobody."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What every record says of the decision behind it.

    seq         the record's number in its epoch      at          when it was written, seconds since 1970
    user        a keyed hash of the user's id, the same for the same user while a plan lasts
    bucket      1 to 100                              percentage  in force when the user was sent
    backend     the side that the flag chose: also for a request that the breaker or a fallback then sent elsewhere
    """

    seq: int
    at: float
    user: str
    bucket: int
    percentage: int
    backend: Backend


@dataclass(frozen=True, slots=True)
class RequestOutcome(Decided):
    """A finished request. `failed`: the chosen backend did not do its part; a client's fault is no failure."""

    failed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class JobStart(Decided):
    """A job was first seen. `accepted_at` is its beginning; `job` its id."""

    job: str
    accepted_at: float


@dataclass(frozen=True, slots=True)
class JobOutcome(Decided):
    """The first end of a job, after `seconds`. `void`: it ended without saying anything, so it is to be forgotten."""

    job: str
    accepted_at: float
    seconds: float
    failed: bool
    degraded: bool
    void: bool


@dataclass(frozen=True, slots=True)
class CohortTally:
    """What one gateway counts at the percentage in force, since `began_at`; `at` is its newest request's time.

    `users`, `failed` and `first_failures` are distinct users by gateway.observe.cohort_counts' cohorts; `sides` are
    those by backend. Every tally is the whole state, so the newest one is all there is.
    """

    seq: int
    at: float
    instance: str
    began_at: float
    percentage: int
    users: Mapping[str, int]
    failed: Mapping[str, int]
    first_failures: Mapping[str, int]
    sides: Mapping[str, int]


Record = RequestOutcome | JobStart | JobOutcome | CohortTally


@dataclass(frozen=True, slots=True)
class LegacyLoad:
    """How legacy is: requests it answers now, and how many the gateways would let it answer at once."""

    healthy: bool
    in_flight: int
    limit: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One answer. `epoch` changes only if the stream was lost and numbers begin again; `next` is where to go on.

    `missed`: records before the first one are gone. `more`: there are further records already. `follows_jobs`: there
    may be jobs, and all of those that had ended by `settled_at` (Unix time, None: nobody knows) are in the stream.
    """

    epoch: str
    records: tuple[Record, ...]
    next: int
    missed: bool = False
    more: bool = False
    legacy: LegacyLoad | None = None
    follows_jobs: bool = False
    settled_at: float | None = None


class EvidenceSource(Protocol):
    """Where evidence comes from."""

    def read(self, after: int) -> Batch:
        """The records after a number, bounded. Raises EvidenceUnavailableError."""
        ...


def read_record(item: Mapping[str, object]) -> Record | None:
    """One record of the wire; None for one that says nothing here: another kind, or a user who was not randomised.

    Raises KeyError, TypeError or ValueError if it is broken.
    """
    kind, reason = item["kind"], item["reason"]
    if kind == "job" and not item["counted"]:
        return _void(item)
    breaker = kind == "request" and reason == Reason.BREAKER_OPEN
    if kind not in ("request", "start", "job") or not (breaker or (item["counted"] and reason in RANDOMISED)):
        return None
    # The breaker must not hide a broken v2: whoever it turns away was v2's, and v2 was not there.
    backend = Backend.V2 if breaker else Backend(str(item["backend"]))
    seq, at, user = int(str(item["seq"])), _number(item["at"]), str(item["user"])
    bucket, percentage = int(str(item["bucket"])), int(str(item["percentage"]))
    if not 1 <= bucket <= 100 or not 0 <= percentage <= 100:
        raise ValueError(f"record {seq} has bucket {bucket} at {percentage} %")
    if kind == "request":
        failed = breaker or bool(item["failed"])
        return RequestOutcome(seq, at, user, bucket, percentage, backend, failed, _number(item["seconds"]))
    job, accepted = str(item["job"]), _number(item["accepted_at"])
    if kind == "start":
        return JobStart(seq, at, user, bucket, percentage, backend, job, accepted)
    failed, degraded = bool(item["failed"]), item["outcome"] == "degraded"
    return JobOutcome(
        seq, at, user, bucket, percentage, backend, job, accepted, _number(item["seconds"]), failed, degraded, False
    )


def _void(item: Mapping[str, object]) -> JobOutcome:
    """A job whose end says nothing may have no decision either; only its id and number matter."""
    seq, at = int(str(item["seq"])), _number(item["at"])
    return JobOutcome(seq, at, "", 1, 0, Backend.LEGACY, str(item["job"]), at, 0.0, False, False, True)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
