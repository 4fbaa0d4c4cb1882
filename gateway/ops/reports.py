"""What the ops plane tells people and programs: the shapes behind `--json` and the ops API. Counterpart: `controls`."""

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

# JSON says "from" and "to", as the journal does; `from` is a keyword in Python.
_FROM, _TO = AliasChoices("before", "from"), AliasChoices("after", "to")


class Report(BaseModel):
    """One frozen answer."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)


class FlagReport(Report):
    """One flag: `percentage` is None without a rollout by user id; `uncompiled`: why the SDK's engine is asked."""

    name: str
    enabled: bool
    percentage: int | None
    group: str | None
    users: int = Field(description="ids on its allow lists")
    uncompiled: list[str]
    stage: str | None = Field(default=None, description="as it is stored; None if the flag has none")
    pins_suspended: bool = Field(default=False, description="running v2 jobs keep nobody on v2")


class KillReport(Report):
    """The local kill."""

    engaged: bool
    who: str = ""
    why: str = ""
    since: str = ""


class JobsReport(Report):
    """Running jobs by backend, None where nobody knows. `error` says why v2 does not tell."""

    v2: int | None
    legacy: int | None
    pinned: int | None = Field(description="users whom their v2 jobs keep on v2, as v2 lists them")
    age: float | None = Field(default=None, description="seconds since v2 was asked")
    error: str | None = None


class StatusReport(Report):
    """The flags as the next decision would see them. `error` says why the newest state could not be used.

    `jobs` is None where nobody asks v2.
    """

    source: str
    generation: int | None
    digest: str | None
    error: str | None
    warnings: list[str]
    kill: KillReport
    flags: list[FlagReport]
    jobs: JobsReport | None = None


class ChangeReport(Report):
    """A change: `changed` is False if all was that way already; `journal_error`: why there is no entry."""

    action: str
    changed: bool
    flag: str | None = None
    before: int | str | None = Field(default=None, validation_alias=_FROM, serialization_alias="from")
    after: int | str | None = Field(default=None, validation_alias=_TO, serialization_alias="to")
    generation: int | None = None
    who: str
    why: str
    journal_error: str | None = None


class RollbackReport(ChangeReport):
    """A rollback: the change of the flag (or the kill, where the flag could not be set), and the jobs that ran then.

    `running` and `stranded` are None if v2 did not tell. `complete` is False if something could not be done as asked.
    """

    mode: str
    hand_back: bool
    running: int | None = Field(description="jobs that ran when the flag was at 0")
    draining: int = Field(description="jobs that run on to their end; their users stay on v2 until then")
    cancelled: int
    handed_back: int = Field(description="jobs that v2 gives to legacy")
    over: int = Field(description="jobs that had ended by themselves")
    failed: int = Field(description="jobs that could not be ended as asked")
    stranded: int | None = Field(description="users whose import was cancelled, or runs on v2 while they go to legacy")
    reasons: list[str] = Field(description="why jobs could not be ended")
    jobs_error: str | None = Field(description="why the jobs are not known, or not all done")
    complete: bool


class ExplainReport(Report):
    """Where a user goes and why. `hash` is the 32-bit hash behind the bucket, as eight hex digits.

    `pinned` says whether a running v2 job keeps the user on v2; None if nobody could be asked.
    """

    user_id: str
    key: str | None
    flag: str
    group: str | None
    hash: str | None
    bucket: int | None
    percentage: int | None
    backend: str
    reason: str
    generation: int | None
    killed: bool
    error: str | None
    pinned: bool | None = None


class EntryReport(Report):
    """One journal entry."""

    when: str
    who: str
    action: str
    flag: str | None
    before: int | str | None = Field(validation_alias=_FROM, serialization_alias="from")
    after: int | str | None = Field(validation_alias=_TO, serialization_alias="to")
    why: str
    generation: int | None


class PreviewReport(Report):
    """Who would move between two percentages. `backend` is where they would go; `buckets` are those that move."""

    flag: str
    before: int = Field(validation_alias=_FROM, serialization_alias="from")
    after: int = Field(validation_alias=_TO, serialization_alias="to")
    backend: str
    share: float = Field(description="share of users who move, in per cent")
    buckets: list[int] = Field(description="first and last bucket that moves; empty if none does")
    examples: list[str] = Field(description="made-up ids, or ids of the given list, that move")
    counted: int | None = Field(description="ids in the given list, if there was one")
    moved: int | None = Field(description="ids of the given list that move")


class DrillWorker(Report):
    """One worker: seconds from the write to the change being in force; None if it did not get there in time.

    `gateway` is the ops API of its gateway, "" where only one was asked.
    """

    worker: int
    gateway: str = ""
    seconds: float | None


class DrillReport(Report):
    """How long a change takes: `seconds` is the slowest worker's, None unless all of them got there."""

    flag: str
    generation: int
    complete: bool
    seconds: float | None
    workers: list[DrillWorker]


class PathReport(Report):
    """A path at which answers differed: in `raw` compared requests, in `noise` repeated ones; `kinds` of the former.

    `standing` is `different`, `noise` or `unknown`.
    """

    path: str
    raw: int
    noise: int
    kinds: dict[str, int]
    standing: str


class ShadowRouteReport(Report):
    """Copies of one route. `percent` and `per_day` are None if the route table has no shadow for it any more."""

    route: str
    percent: float | None
    per_day: int | None
    outcomes: dict[str, int]
    compared: int = Field(description="requests whose two answers were compared")
    repeated: int = Field(description="requests that legacy answered once more, to learn its noise")
    paths: list[PathReport]
    rare: int = Field(description="paths that came up too seldom to be shown")


class ShadowReport(Report):
    """Copies under way, copies that wait, and workers that send no dry runs because v2 took one for a request."""

    running: int
    waiting: int
    stopped: int
    routes: list[ShadowRouteReport]


class ValidationReport(Report):
    """Whether a flag document can be used: `problems` forbid it, `warnings` are legal but probably not meant."""

    valid: bool
    problems: list[str]
    warnings: list[str]
    compared: int = Field(default=0, description="answers that were compared with Unleash's own engine")
