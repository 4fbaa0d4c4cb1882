"""Who is compared with whom at one percentage. Pure; the counterpart is the flag's hash, which did the sorting.

v2's users are buckets 1 to p. The control is an interval of legacy's buckets just above. Both hold users of the same
flag, time and routes, sorted by nothing but a hash; so a user of either cohort is v2's with chance q = v2's buckets /
all buckets of both, whoever they are, however often they come and however unlucky they are. That q is known, not
measured, which is what makes the tests exact. See docs/decisions/0014.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.decide import Backend
from gateway.rollout.evidence import Decided


class Control(StrEnum):
    """How many of legacy's buckets are the control: as many as v2's, or all the rest, which sees harm twice as soon."""

    EQUAL = "equal"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The buckets of v2, 1 to `v2`, and of the control, the `control` buckets above v2's percentage."""

    percentage: int
    v2: int
    control: int

    @classmethod
    def at(cls, percentage: int, control: Control = Control.REST) -> "Cohorts":
        """The cohorts of a percentage from 1 to 100. Beyond 50 an equal control leaves out v2's higher buckets."""
        rest = 100 - percentage
        if control is Control.EQUAL:
            return cls(percentage, min(percentage, rest) or percentage, min(percentage, rest))
        return cls(percentage, percentage, rest)

    @property
    def q(self) -> float:
        """The chance that a user of the two cohorts is v2's; 1 if there is no control."""
        return self.v2 / (self.v2 + self.control)

    def of(self, decided: Decided) -> Backend | None:
        """The cohort of a decision, by its bucket; None outside both, or if it fell at another percentage."""
        if decided.percentage != self.percentage:
            return None
        if decided.bucket <= self.v2:
            return Backend.V2
        if self.percentage < decided.bucket <= self.percentage + self.control:
            return Backend.LEGACY
        return None
