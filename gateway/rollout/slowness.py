"""Rules about time: v2's durations by how many of the control's running quantiles they exceed. Counterpart: `bets`.

The thresholds are quantiles of what the control took *before*, so they are fixed when a duration comes; and given the
category of a duration, it is v2's with chance q if v2 takes no longer than `tolerance` times legacy's time. No shape
of the durations is assumed.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from math import exp, inf, log

from gateway.core.decide import Backend
from gateway.rollout.bets import SHIFTS, Bet, shift_alternatives
from gateway.rollout.evidence import RequestOutcome
from gateway.rollout.job_queue import JobQueue
from gateway.rollout.rule import Rule, RuleSpec, Setting, section
from gateway.rollout.users import DistinctUsers
from gateway.rollout.verdict import Finding

JOB_QUANTILES = (0.5, 0.75, 0.9)
REQUEST_QUANTILES = (0.5, 0.9, 0.99)

WINDOW = 500
"""Durations of the control that are remembered: enough for the 0.99 quantile, few enough to follow the day."""

NEEDED = 40
"""Durations of the control needed before any is judged."""


class RunningQuantiles:
    """Quantiles of the last durations of the control, in seconds; endless ones (still running) count too."""

    def __init__(self, quantiles: tuple[float, ...]) -> None:
        self._quantiles = quantiles
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        """Remember one more, and forget the oldest beyond the window."""
        self._recent.append(seconds)
        insort(self._sorted, seconds)
        if len(self._recent) > WINDOW:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def thresholds(self) -> tuple[float, ...] | None:
        """The quantiles, ascending; None while there are too few durations."""
        count = len(self._sorted)
        if count < NEEDED:
            return None
        return tuple(self._sorted[min(count - 1, int(quantile * count))] for quantile in self._quantiles)

    def dump(self) -> list[float | None]:
        """Oldest first; an endless one is None, because JSON has no infinity."""
        return [None if seconds == inf else round(seconds, 4) for seconds in self._recent]

    def load(self, state: object) -> None:
        """Take up what `dump` gave."""
        if not isinstance(state, list):
            raise TypeError("quantiles are dumped as a list")
        self._recent = deque(inf if item is None else float(item) for item in state[-WINDOW:])
        self._sorted = sorted(self._recent)


class Slowness(Rule):
    """What both rules share: two bets, "slower than tolerated" and, for a good verdict, "faster than the margin"."""

    def __init__(self, spec: RuleSpec, setting: Setting, quantiles: tuple[float, ...], what: str) -> None:
        super().__init__(spec, setting)
        self._what = what
        self._control = RunningQuantiles(quantiles)
        q = setting.cohorts.q
        self._slower = Bet(shift_alternatives(q, quantiles))
        faster = [(-shift, prior) for shift, prior in SHIFTS]
        self._not_slower = Bet(shift_alternatives(q, quantiles, faster), start=1.0)
        self._users = [0, 0]
        self._over_top = [0, 0]

    def compare(self, cohort: Backend, seconds: float, horizon: float = inf) -> None:
        """Judge one duration; beyond `horizon` (in v2's time) nothing is told apart."""
        thresholds = self._control.thresholds()
        if thresholds is not None:
            self._judge(cohort, seconds, thresholds, horizon)
        if cohort is not Backend.V2:
            self._control.add(max(seconds, self.spec.floor))

    def _judge(self, cohort: Backend, seconds: float, thresholds: tuple[float, ...], horizon: float) -> None:
        v2 = cohort is Backend.V2
        self._users[not v2] += 1
        for bet, factor in ((self._slower, self.spec.tolerance), (self._not_slower, self.spec.margin)):
            scaled = min(seconds / factor if v2 else seconds, horizon / factor)
            if scaled <= self.spec.floor:
                continue  # nobody is slow down here, so nothing is bet on who it is
            category = bisect_left(thresholds, scaled)
            bet.add(int(v2), int(not v2), category)
            if bet is self._slower:
                self._over_top[not v2] += category == len(thresholds)

    @property
    def peak(self) -> float:
        return log(self._slower.peak)

    def next_block(self) -> None:
        self._slower.next_block()

    def finding(self, *, over: bool) -> Finding:
        users = self._users
        verdict = self.verdict(users=users[0], goodness=self._not_slower.log_capital, over=over)
        thresholds = self._control.thresholds()
        top = f"{thresholds[-1]:.3g} s" if thresholds else "a time not known yet"
        sentence = (
            f"{self._what}: beyond {top}, with v2 forgiven a factor of {self.spec.tolerance:g}: "
            f"{self._over_top[0]} of {users[0]} users on v2, {self._over_top[1]} of {users[1]} on legacy"
        )
        figures = {
            "v2_users": float(users[0]),
            "legacy_users": float(users[1]),
            "v2_slow": float(self._over_top[0]),
            "legacy_slow": float(self._over_top[1]),
            "e": exp(min(self._slower.log_capital, 230.0)),
        }
        return self.found(verdict, sentence, figures)

    def dump(self) -> dict[str, object]:
        return {
            "slower": self._slower.dump(),
            "not_slower": self._not_slower.dump(),
            "control": self._control.dump(),
            "users": list(self._users),
            "over_top": list(self._over_top),
        }

    def load(self, state: Mapping[str, object]) -> None:
        self._slower.load(section(state, "slower"))
        self._not_slower.load(section(state, "not_slower"))
        self._control.load(state["control"])
        users, over_top = state["users"], state["over_top"]
        if not isinstance(users, list) or not isinstance(over_top, list) or len(users) + len(over_top) != 4:
            raise ValueError("users and over_top are pairs")
        self._users, self._over_top = [int(one) for one in users], [int(one) for one in over_top]


class RequestSlowness(Slowness):
    """How long a user's first request took."""

    def __init__(self, spec: RuleSpec, setting: Setting) -> None:
        super().__init__(spec, setting, REQUEST_QUANTILES, "slow requests")
        self._seen = DistinctUsers()

    def request(self, record: RequestOutcome, cohort: Backend | None) -> None:
        if cohort is not None and not record.failed and self._seen.first(record.user):
            self.compare(cohort, record.seconds)

    def dump(self) -> dict[str, object]:
        return {**super().dump(), "seen": self._seen.dump()}

    def load(self, state: Mapping[str, object]) -> None:
        super().load(state)
        self._seen.load(section(state, "seen"))


class JobSlowness(Slowness):
    """How long jobs take; one that still runs when it is looked at counts as the longest there is.

    Failed jobs are left to their own rule: how soon something failed is no speed.
    """

    def __init__(self, spec: RuleSpec, setting: Setting) -> None:
        super().__init__(spec, setting, JOB_QUANTILES, "slow jobs")

    def lines(self) -> tuple[str, ...]:
        return (self.spec.kind.value,)

    def jobs(self, queue: JobQueue, now: float) -> None:
        age = self._age()
        for job in queue.due(self.lines()[0], age, now):
            if not (job.failed and job.ended_by(age)):
                seconds = job.seconds if job.seconds is not None and job.ended_by(age) else inf
                self.compare(job.cohort, seconds, horizon=age)

    def _age(self) -> float:
        """Seconds until a job's category is certain: v2's time for the highest quantile, or the longest wait."""
        longest = self.spec.ages[-1]
        thresholds = self._control.thresholds()
        return longest if thresholds is None else min(longest, thresholds[-1] * self._factor)

    @property
    def _factor(self) -> float:
        # The larger of the two by which v2's time is divided, and a little, so that the quantile is exceeded.
        return 1.001 * max(self.spec.margin, self.spec.tolerance)
