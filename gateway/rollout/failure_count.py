"""Users who failed and users who were tried, by cohort, with the bet on them. Counterpart: `failures`."""

from collections.abc import Mapping
from math import exp

from gateway.core.decide import Backend
from gateway.rollout.bets import Bet, risk_alternatives
from gateway.rollout.cohorts import Cohorts
from gateway.rollout.rule import Setting, section
from gateway.rollout.shares import confidence_interval, log_e_below, log_mean

MANY = 1000.0
"""A bound beyond this many times says nothing but "unknown"."""


class FailureCount:
    """Users who failed and users who were tried, by cohort, and the bet on the first of both."""

    def __init__(self, cohorts: Cohorts) -> None:
        self.q = cohorts.q
        self.bet = Bet(risk_alternatives(self.q))
        self.failed = [0, 0]  # v2, control
        self.tried = [0, 0]
        self.tried_failed = [0, 0]  # of those tried: a user's first try alone

    def fail(self, cohort: Backend) -> None:
        """A user failed for the first time."""
        v2 = cohort is Backend.V2
        self.failed[not v2] += 1
        self.bet.add(int(v2), int(not v2))

    def attempt(self, cohort: Backend, *, failed: bool) -> None:
        """A user's first try."""
        side = cohort is not Backend.V2
        self.tried[side] += 1
        self.tried_failed[side] += failed

    def goodness(self, margin: float, negligible: float) -> float:
        """ln e against "v2 fails `margin` times as often, and more often than `negligible`"."""
        here = self.q * margin / (self.q * margin + 1.0 - self.q)
        relative = log_e_below(self.failed[0], sum(self.failed), here)
        return log_mean([relative, log_e_below(self.tried_failed[0], self.tried[0], negligible)])

    def risk_interval(self, doubt: float) -> tuple[float, float]:
        """Confidence sequence for v2's failures as a multiple of the control's."""
        odds = self.q / (1.0 - self.q)
        low, high = confidence_interval(self.failed[0], sum(self.failed), doubt)
        return low / (1.0 - low) / odds, high / (1.0 - high) / odds if high < 1.0 else float("inf")

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "bet": self.bet.dump(),
            "failed": list(self.failed),
            "tried": list(self.tried),
            "tried_failed": list(self.tried_failed),
        }

    def load(self, state: Mapping[str, object]) -> None:
        """Take up what `dump` gave."""
        self.bet.load(section(state, "bet"))
        for name in ("failed", "tried", "tried_failed"):
            pair = state[name]
            if not isinstance(pair, list) or len(pair) != 2:
                raise ValueError(f"{name} is not a pair")
            setattr(self, name, [int(one) for one in pair])

    def figures(self, doubt: float) -> dict[str, float]:
        """For a report."""
        low, high = self.risk_interval(doubt)
        return {
            "v2_failed": self.failed[0],
            "legacy_failed": self.failed[1],
            "v2_users": self.tried[0],
            "legacy_users": self.tried[1],
            "times_as_often_low": low,
            "times_as_often_high": high,
            "e": exp(min(self.bet.log_capital, 230.0)),
        }

    def sentence(self, what: str, doubt: float) -> str:
        """For a person."""
        low, high = self.risk_interval(doubt)
        upper = f"{high:.2g}" if high < MANY else "any number of"
        return (
            f"{what}: {self.failed[0]} users on v2 ({self.tried[0]} seen), {self.failed[1]} on legacy "
            f"({self.tried[1]} seen); v2 fails between {low:.2g} and {upper} times as often"
        )


class CeilingCount(FailureCount):
    """At 100 % there is no control left: users who failed against a fixed ceiling, each a toss of at most that chance.

    Nothing was randomised here, so it rests on the ceiling being right and on users failing one by one.
    """

    def __init__(self, ceiling: float) -> None:
        self.q = ceiling
        self.bet = Bet(risk_alternatives(ceiling))
        self.failed, self.tried, self.tried_failed = [0, 0], [0, 0], [0, 0]

    def fail(self, cohort: Backend) -> None:
        """Failures count as tries here."""
        return

    def attempt(self, cohort: Backend, *, failed: bool) -> None:
        if cohort is Backend.V2:
            self.tried[0] += 1
            self.failed[0] += failed
            self.bet.add(int(failed), int(not failed))

    def goodness(self, margin: float, negligible: float) -> float:
        """ln e against "v2 fails more often than the ceiling"; the margins are for comparisons."""
        return log_e_below(self.failed[0], self.tried[0], self.q)

    def figures(self, doubt: float) -> dict[str, float]:
        low, high = confidence_interval(self.failed[0], self.tried[0], doubt)
        return {
            "v2_failed": self.failed[0],
            "v2_users": self.tried[0],
            "share_low": low,
            "share_high": high,
            "ceiling": self.q,
            "e": exp(min(self.bet.log_capital, 230.0)),
        }

    def sentence(self, what: str, doubt: float) -> str:
        low, high = confidence_interval(self.failed[0], self.tried[0], doubt)
        return (
            f"{what}: {self.failed[0]} of {self.tried[0]} users on v2; a share of {low:.1%} to {high:.1%}, "
            f"where {self.q:.1%} is the ceiling"
        )


def new_count(setting: Setting, ceiling: float) -> FailureCount:
    """Against the control, or, without one, against the ceiling."""
    return FailureCount(setting.cohorts) if setting.cohorts.control else CeilingCount(ceiling)
