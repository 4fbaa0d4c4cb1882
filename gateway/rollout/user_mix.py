"""Sample-ratio mismatch: whether v2 gets the share of users that the applied percentage says. Counterpart: `shares`.

It is the first symptom of a worker with stale flags, of a wrong key, or of records that get lost on one side only; with
any of these no comparison means anything. So it is a signal: it holds, and somebody looks.
"""

from collections.abc import Mapping
from math import exp, inf

from gateway.core.decide import Backend
from gateway.rollout.evidence import RequestOutcome
from gateway.rollout.rule import Rule, RuleSpec, Setting, section
from gateway.rollout.shares import confidence_interval, log_e_mix
from gateway.rollout.users import DistinctUsers
from gateway.rollout.verdict import Finding

NEARLY_ALL = 0.999
"""At 100 % one straggler would be infinite evidence; a thousandth of users elsewhere is let pass."""


class UserMix(Rule):
    """Distinct users by the side that served them, whatever percentage their worker thought was in force."""

    def __init__(self, spec: RuleSpec, setting: Setting) -> None:
        super().__init__(spec, setting)
        self._share = min(setting.cohorts.percentage / 100, NEARLY_ALL)
        self._seen = DistinctUsers()
        self._users = [0, 0]
        self._peak = 0.0

    def request(self, record: RequestOutcome, cohort: Backend | None) -> None:
        if self._seen.first(record.user):
            self._users[record.backend is not Backend.V2] += 1
            self._peak = max(self._peak, log_e_mix(self._users, (self._share, 1.0 - self._share)))

    @property
    def peak(self) -> float:
        return self._peak

    def next_block(self) -> None:
        return

    def finding(self, *, over: bool) -> Finding:
        total = sum(self._users)
        low, high = confidence_interval(self._users[0], total, self.setting.alpha)
        verdict = self.verdict(users=total, goodness=inf, over=over)
        sentence = (
            f"user mix: {self._users[0]} of {total} users on v2, {low:.2%} to {high:.2%}, "
            f"where the flag says {self._share:.1%}"
        )
        figures = {"v2_users": float(self._users[0]), "users": float(total), "e": exp(min(self._peak, 230.0))}
        return self.found(verdict, sentence, figures)

    def dump(self) -> dict[str, object]:
        return {"seen": self._seen.dump(), "users": list(self._users), "peak": self._peak}

    def load(self, state: Mapping[str, object]) -> None:
        self._seen.load(section(state, "seen"))
        users = state["users"]
        if not isinstance(users, list) or len(users) != 2:
            raise ValueError("users is not a pair")
        self._users, self._peak = [int(one) for one in users], float(str(state["peak"]))
