"""Rules about things that fail: requests, jobs, and jobs that come out degraded. Counterpart: `bets`.

Each user counts once per step, at the first failure: a user who tries a broken upload ten times is one event. Whether
a failing user is v2's is then a toss with chance q, however unequal users are, because a hash did the sorting.
"""

from collections.abc import Callable, Mapping
from math import log

from gateway.core.decide import Backend
from gateway.rollout.evidence import RequestOutcome
from gateway.rollout.failure_count import new_count
from gateway.rollout.job_queue import Job, JobQueue
from gateway.rollout.rule import Rule, RuleSpec, Setting, section
from gateway.rollout.shares import log_mean
from gateway.rollout.users import DistinctUsers
from gateway.rollout.verdict import Finding, Verdict

DAY = 86_400


class RequestFailures(Rule):
    """Requests that their backend failed."""

    def __init__(self, spec: RuleSpec, setting: Setting) -> None:
        super().__init__(spec, setting)
        self._count = new_count(setting, spec.ceiling)
        self._failed, self._seen = DistinctUsers(), DistinctUsers()

    def request(self, record: RequestOutcome, cohort: Backend | None) -> None:
        if cohort is None:
            return
        if record.failed and self._failed.first(record.user):
            self._count.fail(cohort)
        # Without a control a user is tried once a day: there the tries are what is counted.
        tried = record.user if self.setting.cohorts.control else f"{record.user} {int(record.at // DAY)}"
        if self._seen.first(tried):
            self._count.attempt(cohort, failed=record.failed)

    @property
    def peak(self) -> float:
        return log(self._count.bet.peak)

    def next_block(self) -> None:
        self._count.bet.next_block()

    def finding(self, *, over: bool) -> Finding:
        count, spec, doubt = self._count, self.spec, self.setting.doubt
        goodness = count.goodness(spec.margin, spec.negligible)
        verdict = self.verdict(users=count.tried[0], goodness=goodness, over=over)
        return self.found(verdict, count.sentence("failed requests", doubt), count.figures(doubt))

    def dump(self) -> dict[str, object]:
        return {"count": self._count.dump(), "failed": self._failed.dump(), "seen": self._seen.dump()}

    def load(self, state: Mapping[str, object]) -> None:
        self._count.load(section(state, "count"))
        self._failed.load(section(state, "failed"))
        self._seen.load(section(state, "seen"))


class JobFailures(Rule):
    """Jobs that were `bad` at one of several ages; the mean of the bets is what counts.

    A short age hears soon of what breaks at once, a long one hears of what fails late.
    """

    def __init__(self, spec: RuleSpec, setting: Setting, what: str, bad: Callable[[Job, float], bool]) -> None:
        super().__init__(spec, setting)
        self._what, self._bad = what, bad
        self._counts = [new_count(setting, spec.ceiling) for _ in spec.ages]
        self._peak = 0.0

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{self.spec.kind} {age:g}" for age in self.spec.ages)

    def jobs(self, queue: JobQueue, now: float) -> None:
        for line, age, count in zip(self.lines(), self.spec.ages, self._counts, strict=True):
            for job in queue.due(line, age, now):
                failed = self._bad(job, age)
                count.attempt(job.cohort, failed=failed)
                if failed:
                    count.fail(job.cohort)
                    self._peak = max(self._peak, log_mean([one.bet.log_capital for one in self._counts]))

    @property
    def peak(self) -> float:
        return self._peak

    def next_block(self) -> None:
        for count in self._counts:
            count.bet.next_block()

    def finding(self, *, over: bool) -> Finding:
        spec, doubt, fullest = self.spec, self.setting.doubt, self._counts[-1]
        goodness = fullest.goodness(spec.margin, spec.negligible)
        verdict = self.verdict(users=self._counts[0].tried[0], goodness=goodness, over=over)
        shown = max(self._counts, key=lambda count: count.bet.peak) if verdict is Verdict.BAD else fullest
        age = spec.ages[self._counts.index(shown)]
        sentence = shown.sentence(f"{self._what} within {age / 60:g} min", doubt)
        return self.found(verdict, sentence, shown.figures(doubt))

    def dump(self) -> dict[str, object]:
        return {"peak": self._peak, "counts": [count.dump() for count in self._counts]}

    def load(self, state: Mapping[str, object]) -> None:
        counts = state["counts"]
        if not isinstance(counts, list) or len(counts) != len(self._counts):
            raise ValueError("the rule was dumped with other ages")
        self._peak = float(str(state["peak"]))
        for count, dumped in zip(self._counts, counts, strict=True):
            count.load(dumped)
