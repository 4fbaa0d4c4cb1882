"""What all rules have in common. Counterparts: `plan`, which configures them, and `judge`, which runs them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log

from gateway.core.decide import Backend
from gateway.rollout.cohorts import Cohorts
from gateway.rollout.evidence import CohortTally, RequestOutcome
from gateway.rollout.job_queue import JobQueue
from gateway.rollout.verdict import Finding, Severity, Verdict


class Kind(StrEnum):
    """What a rule looks at; also its name in a plan."""

    REQUESTS_FAILED = "requests-failed"
    REQUESTS_SLOW = "requests-slow"
    JOBS_FAILED = "jobs-failed"
    JOBS_DEGRADED = "jobs-degraded"
    JOBS_SLOW = "jobs-slow"
    USER_MIX = "user-mix"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule of a plan. What a kind has no use for is left at its default.

    weight      share of the step's error budget, next to the other rules of the same severity
    min_users   v2's users needed before the rule may be good
    margin      "good" means: v2 is shown to be less than this many times as bad (or as slow) as legacy
    negligible  or its failures are shown to be rarer than this share
    tolerance   v2 may be this many times as slow before the rule counts it (slow rules)
    floor       seconds below which nothing is slow (slow rules)
    ages        seconds after which jobs are looked at (failed, degraded: all of them; slow: the longest wait)
    ceiling     without a control, at 100 %: the highest share that is no harm
    limit       without a control: seconds from which a job is slow (slow rules)
    """

    kind: Kind
    severity: Severity
    weight: float
    min_users: int = 200
    margin: float = 2.0
    negligible: float = 0.01
    tolerance: float = 1.2
    floor: float = 0.0
    ages: tuple[float, ...] = (900.0, 7200.0)
    ceiling: float = 0.05
    limit: float = 1800.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a rule stands: its cohorts, and the chances it may take. `doubt`: of calling a harmful v2 good."""

    cohorts: Cohorts
    alpha: float
    doubt: float = 0.05

    @property
    def threshold(self) -> float:
        """ln(1/alpha): where evidence of harm is enough."""
        return log(1.0 / self.alpha)


class Rule(ABC):
    """One rule in one step. Everything it knows is in `dump`."""

    def __init__(self, spec: RuleSpec, setting: Setting) -> None:
        self.spec = spec
        self.setting = setting

    def request(self, record: RequestOutcome, cohort: Backend | None) -> None:
        """A request ended. Rules about jobs do not care."""
        return

    def tally(self, record: CohortTally) -> None:
        """A gateway's newest counts. Only rules on what was counted elsewhere care."""
        return

    def lines(self) -> tuple[str, ...]:
        """The names of its lines in the job queue."""
        return ()

    def jobs(self, queue: JobQueue, now: float) -> None:
        """Look at the jobs that are due. Rules about requests do not care."""
        return

    @abstractmethod
    def next_block(self) -> None:
        """A block of the step's time ended; see `bets`."""

    @abstractmethod
    def finding(self, *, over: bool) -> Finding:
        """The verdict now; `over` says that the planned time has passed."""

    @abstractmethod
    def dump(self) -> dict[str, object]:
        """Everything it knows, as JSON values."""

    @abstractmethod
    def load(self, state: Mapping[str, object]) -> None:
        """Take up what `dump` gave. Raises KeyError, TypeError or ValueError for anything else."""

    @property
    @abstractmethod
    def peak(self) -> float:
        """ln of the highest evidence of harm so far; cheap, because it is asked for each second."""

    @property
    def fires(self) -> bool:
        """Whether the rule has found harm."""
        return self.peak >= self.setting.threshold

    def verdict(self, *, users: int, goodness: float, over: bool) -> Verdict:
        """Five values out of v2's users, the evidence of harm and the evidence of no harm (ln e)."""
        if self.fires:
            return Verdict.BAD
        if not users:
            return Verdict.NO_DATA
        if users >= self.spec.min_users and goodness >= log(1.0 / self.setting.doubt):
            return Verdict.GOOD
        return Verdict.INCONCLUSIVE if over else Verdict.RUNNING

    def found(self, verdict: Verdict, sentence: str, figures: dict[str, float]) -> Finding:
        """A finding in this rule's name."""
        evidence = self.peak / self.setting.threshold
        return Finding(self.spec.kind, self.spec.severity, verdict, evidence, sentence, figures)


def section(state: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A nested object of a dump. Raises KeyError or TypeError."""
    found = state[name]
    if not isinstance(found, dict):
        raise TypeError(f"{name} is not an object")
    return found
