"""Rules on users who were counted elsewhere, gateway by gateway: the same questions as `failures` and `user_mix` ask.

Theory. A gateway's counts are those of distinct users, so what they come to is an e-process by itself (`shares`). A
user whom two gateways saw stands in both counts, so counts of several are never added: each gateway has its own
e-process, and their mean is one again, however they hang together. A gateway that was not there, or whose counts fall
because it lost its evidence, begins anew; each time the chances of this rule are halved, so that all beginnings
together have no more than one.
"""

from collections.abc import Mapping
from math import exp, inf, log

from gateway.rollout.cohorts import Cohorts
from gateway.rollout.evidence import CohortTally
from gateway.rollout.rule import Rule, RuleSpec, Setting, section
from gateway.rollout.shares import confidence_interval, log_e_above, log_e_below, log_e_mix, log_mean
from gateway.rollout.user_mix import NEARLY_ALL
from gateway.rollout.verdict import Finding, Verdict

Counts = dict[str, list[int]]
"""By gateway."""


def pair(counts: Mapping[str, int], cohorts: Cohorts) -> tuple[int, int]:
    """v2's and the control's part of counts by cohort; the rests belong to it where all buckets are compared."""
    whole = cohorts.v2 + cohorts.control == 100
    v2, control = counts.get("v2", 0), counts.get("control", 0)
    return (v2 + counts.get("v2_rest", 0), control + counts.get("control_rest", 0)) if whole else (v2, control)


class Tallied(Rule):
    """What both rules share: the newest counts of each gateway, and how often one of them began anew."""

    def __init__(self, spec: RuleSpec, setting: Setting, gateways: int) -> None:
        super().__init__(spec, setting)
        self._gateways = gateways
        self._counts: Counts = {}
        self._peak = 0.0
        self._anew = 0

    def _keep(self, instance: str, counts: list[int]) -> None:
        known = self._counts.get(instance)
        stranger = known is None and len(self._counts) >= self._gateways
        if stranger or (known is not None and any(new < old for new, old in zip(counts, known, strict=True))):
            self._anew += 1
        self._counts[instance] = counts

    def _raise(self, values: list[float]) -> None:
        # One that has not been heard of yet has its share of the mean all the same.
        unheard = [-inf] * (self._gateways - len(values))
        self._peak = max(self._peak, log_mean([*values, *unheard]) - self._anew * log(2.0))

    def _sums(self) -> list[int]:
        return [sum(column) for column in zip(*self._counts.values(), strict=True)]

    @property
    def peak(self) -> float:
        return self._peak

    def next_block(self) -> None:
        return

    def dump(self) -> dict[str, object]:
        return {"counts": {name: list(counts) for name, counts in self._counts.items()}, "peak": self._peak,
                "anew": self._anew}  # fmt: skip

    def load(self, state: Mapping[str, object]) -> None:
        self._counts = {name: [int(one) for one in counts] for name, counts in section(state, "counts").items()}  # type: ignore[attr-defined]  # a file of ours: what is no list raises TypeError
        self._peak, self._anew = float(str(state["peak"])), int(str(state["anew"]))


class TalliedFailures(Tallied):
    """Users who failed, v2's beside the control's; without a control, beside the ceiling."""

    def tally(self, record: CohortTally) -> None:
        cohorts = self.setting.cohorts
        pairs = [pair(counts, cohorts) for counts in (record.failed, record.users, record.first_failures)]
        self._keep(record.instance, [count for pair in pairs for count in pair])
        self._raise([self._harm(counts) for counts in self._counts.values()])

    def _harm(self, counts: list[int]) -> float:
        failed, control, users, _, first, _ = counts
        if not self.setting.cohorts.control:
            return log_e_above(first, users, self.spec.ceiling)
        return log_e_above(failed, failed + control, self.setting.cohorts.q)

    def _good(self, counts: list[int]) -> float:
        failed, control, users, _, first, _ = counts
        if not self.setting.cohorts.control:
            return log_e_below(first, users, self.spec.ceiling)
        q, margin = self.setting.cohorts.q, self.spec.margin
        relative = log_e_below(failed, failed + control, q * margin / (q * margin + 1.0 - q))
        return log_mean([relative, log_e_below(first, users, self.spec.negligible)])

    def finding(self, *, over: bool) -> Finding:
        if not self._counts:
            return self.found(Verdict.NO_DATA, "failed requests: Prometheus has no counts of this step", {})
        failed, control, users, others, _, _ = self._sums()
        goodness = log_mean([self._good(counts) for counts in self._counts.values()])
        verdict = self.verdict(users=users, goodness=goodness, over=over)
        sentence = (
            f"failed requests: {failed} users on v2 ({users} seen), {control} on legacy ({others} seen), "
            f"counted by {len(self._counts)} gateways"
        )
        figures = {"v2_failed": failed, "legacy_failed": control, "v2_users": users, "legacy_users": others}
        return self.found(verdict, sentence, {name: float(value) for name, value in figures.items()})


class TalliedMix(Tallied):
    """Distinct users by the side that the flag chose, beside the percentage."""

    def tally(self, record: CohortTally) -> None:
        share = self._share
        self._keep(record.instance, [record.sides.get("v2", 0), record.sides.get("legacy", 0)])
        self._raise([log_e_mix(counts, (share, 1.0 - share)) for counts in self._counts.values()])

    @property
    def _share(self) -> float:
        return min(self.setting.cohorts.percentage / 100, NEARLY_ALL)

    def finding(self, *, over: bool) -> Finding:
        if not self._counts:
            return self.found(Verdict.NO_DATA, "user mix: Prometheus has no counts of this step", {})
        v2, legacy = self._sums()
        low, high = confidence_interval(v2, v2 + legacy, self.setting.alpha)
        verdict = self.verdict(users=v2 + legacy, goodness=inf, over=over)
        sentence = (
            f"user mix: {v2} of {v2 + legacy} users on v2, {low:.2%} to {high:.2%}, "
            f"where the flag says {self._share:.1%}"
        )
        return self.found(verdict, sentence, {"v2_users": float(v2), "users": float(v2 + legacy), "e": exp(self._peak)})


class Unseen(Rule):
    """A rule that counts cannot tell anything of: no data, so nothing goes up by it."""

    def next_block(self) -> None:
        return

    @property
    def peak(self) -> float:
        return 0.0

    def finding(self, *, over: bool) -> Finding:
        return self.found(Verdict.NO_DATA, f"{self.spec.kind}: cannot be told from Prometheus", {})

    def dump(self) -> dict[str, object]:
        return {}

    def load(self, state: Mapping[str, object]) -> None:
        return
