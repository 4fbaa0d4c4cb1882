"""What the ops plane tells of the guard: the shapes behind `rollout plan status --json` and `GET /ops/guard`.

Counterpart: `gateway.rollout.desk`, which fills them. Imports nothing of the guard: a remote command line reads these.
"""

from typing import Protocol

from pydantic import Field

from gateway.ops.reports import ChangeReport, EntryReport, Report


class StopReport(Report):
    """One step of the plan."""

    percentage: int
    watch: float = Field(description="seconds it is watched")
    approval: bool = Field(description="somebody must agree to enter it")


class ProgressReport(Report):
    """Where the rollout stands. `step` counts from 0, -1 is before the first; `expected` is the guard's percentage."""

    phase: str
    step: int
    expected: int
    watched: float = Field(description="seconds of the step that were watched with evidence")
    entered_at: float
    seen_at: float | None
    approved: list[int]
    held_by: str
    why: str
    attempt: int


class FindingReport(Report):
    """One rule: at an `evidence` of 1 it fires, at 0 nothing is known. An endless figure is None."""

    rule: str
    severity: str
    verdict: str
    evidence: float
    sentence: str
    figures: dict[str, float | None]


class EventReport(Report):
    """Something the guard did or met, at a time in unix seconds."""

    at: float
    text: str


class OrdersReport(Report):
    """What people have said and the guard may not have carried out yet. `error`: why it cannot be read.

    `approvable` is the step that may be approved now, `aim` what that means ("50 %", "retire legacy").
    """

    held_by: str = ""
    resume_waits: bool = False
    approvable: int | None = None
    aim: str = ""
    error: str | None = None


class GuardReport(Report):
    """The guard as it was heard last.

    `age` is in seconds, None if no guard has looked yet; `old` says that it should have been heard since; `unwatched`,
    that the rollout needs a guard and none is heard.
    """

    flag: str
    progress: ProgressReport
    findings: list[FindingReport]
    events: list[EventReport]
    legacy_retires_at: float | None
    steps: list[StopReport]
    age: float | None
    old: bool
    unwatched: bool
    orders: OrdersReport
    last: EntryReport | None = Field(description="the guard's last entry in the journal")
    reports: list[str] = Field(description="names of its reports, the newest first; see /ops/guard/reports")


class OrderReport(ChangeReport):
    """An order to the guard. `age`: seconds since it was heard, None if it never was; `unheard`: nobody listens now."""

    age: float | None
    unheard: bool


class Desk(Protocol):
    """Where people ask after the guard and give it orders. The guard carries them out when it looks, within a second.

    Every method may raise a RolloutError, or a RemoteError where the desk is elsewhere.
    """

    def guard(self) -> GuardReport | None:
        """The guard as it was heard last; None if none has ever acted on these flags."""
        ...

    def approve(self, *, who: str, why: str, step: int | None = None) -> OrderReport:
        """Agree to the next step; with `step` only if that is the next one. Raises MisplacedCommandError."""
        ...

    def hold(self, *, who: str, why: str) -> OrderReport:
        """Go no further up until `resume`; a bad guardrail still rolls back."""
        ...

    def resume(self, *, who: str, why: str) -> OrderReport:
        """Go on, from what the flag says now."""
        ...
