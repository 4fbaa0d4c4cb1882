"""One running bet against "v2 does no harm", in constant memory. Pure; counterpart: `rules`, which feeds it.

Theory. Each event carries a label (it fell on v2, or on the control) and perhaps a category (how slow). Users are put
into cohorts by a hash, so without harm every event is v2's with chance q, whatever came before. For an alternative k
the chance in category c would be p[k][c]; multiplying p/q (v2) or (1-p)/(1-q) (control) gives a capital whose
expectation never grows without harm. The mean of such capitals is one too, and so is a mean over the times at which
they begin: v2 may break in the 20th hour, and a capital that has been losing for 19 hours would notice too late. So
only a part starts at once, and after each block a fixed share of the rest is put in, which is a geometric prior on the
moment of change. By Ville's inequality the total ever reaches 1/alpha with a chance of at most alpha.

Sources: Shafer 2021, "Testing by betting"; Shin, Ramdas, Rinaldo 2022, "E-detectors".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from statistics import NormalDist

START = 0.7
"""Capital in play from the first event: waiting for a late change costs the early one ln(1/0.7) = 0.36."""

BLOCKS = 48
"""The mean moment of change, in blocks; a block is the step's planned time divided by this."""

HIGHEST = 1e100
"""Far beyond any 1/alpha; capital is kept below it so that products stay finite."""

RISKS = ((1.5, 0.20), (2.0, 0.25), (3.0, 0.20), (6.0, 0.20), (15.0, 0.10), (60.0, 0.05))
"""Relative risks that are bet on, with their shares of the capital. Below 1.23 or so nobody wins: see `margin`."""

SHIFTS = ((0.4, 0.25), (0.8, 0.30), (1.4, 0.30), (2.4, 0.15))
"""Slowdowns that are bet on, in standard deviations of the durations' normal scores, with their shares."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One kind of harm: its share of the capital, and per category the factor for an event of v2 and of the control."""

    prior: float
    v2: tuple[float, ...]
    control: tuple[float, ...]


def risk_alternatives(q: float, risks: Sequence[tuple[float, float]] = RISKS) -> tuple[Alternative, ...]:
    """Alternatives for plain events: v2's odds are `risk` times what they should be. One category."""
    return tuple(_alternative(prior, [risk], q) for risk, prior in risks)


def shift_alternatives(
    q: float, quantiles: Sequence[float], shifts: Sequence[tuple[float, float]] = SHIFTS
) -> tuple[Alternative, ...]:
    """Alternatives for durations in categories between the control's `quantiles` (ascending, inside 0 and 1).

    Category 0 is below the first quantile. v2's normal scores are moved by `shift`; a negative one is "faster".
    The choice of alternatives only affects how soon harm is seen, never how often it is seen wrongly.
    """
    normal = NormalDist()
    edges = [normal.inv_cdf(quantile) for quantile in quantiles]
    plain = _between([0.0, *quantiles, 1.0])
    found = []
    for shift, prior in shifts:
        moved = _between([0.0, *(normal.cdf(edge - shift) for edge in edges), 1.0])
        found.append(_alternative(prior, [there / here for there, here in zip(moved, plain, strict=True)], q))
    return tuple(found)


def _between(levels: Sequence[float]) -> list[float]:
    return [high - low for low, high in pairwise(levels)]


def _alternative(prior: float, ratios: Sequence[float], q: float) -> Alternative:
    shares = [q * ratio / (q * ratio + 1.0 - q) for ratio in ratios]
    return Alternative(prior, tuple(p / q for p in shares), tuple((1.0 - p) / (1.0 - q) for p in shares))


class Bet:
    """The capital of one bet; it starts at 1, and `peak` is the most it has ever been. Events come in any batches.

    capital: what the bet has become, an e-process.  reserve: the part that is not in play yet.
    """

    __slots__ = ("_alternatives", "_factors", "_parts", "_share", "capital", "peak", "reserve")

    def __init__(self, alternatives: Sequence[Alternative], *, start: float = START, blocks: int = BLOCKS) -> None:
        self._alternatives = tuple(alternatives)
        categories = range(len(self._alternatives[0].v2))
        self._factors = [[(one.v2[c], one.control[c]) for one in self._alternatives] for c in categories]
        self._parts = [start * one.prior for one in self._alternatives]
        self._share = 1.0 / blocks
        self.reserve = 1.0 - start
        self.capital = self.peak = 1.0

    def add(self, v2: int, control: int, category: int = 0) -> None:
        """Count events of one category."""
        factors = self._factors[category]
        self._parts = [part * a**v2 * b**control for part, (a, b) in zip(self._parts, factors, strict=True)]
        self._total()

    def next_block(self) -> None:
        """A block ended: put the next part of the reserve in."""
        more = self.reserve * self._share
        self.reserve -= more
        self._parts = [part + more * one.prior for part, one in zip(self._parts, self._alternatives, strict=True)]

    def _total(self) -> None:
        self.capital = self.reserve + sum(self._parts)
        if self.capital > HIGHEST:
            self._parts = [min(part, HIGHEST / len(self._parts)) for part in self._parts]
            self.capital = HIGHEST
        self.peak = max(self.peak, self.capital)

    @property
    def log_capital(self) -> float:
        """Its natural logarithm."""
        return log(self.capital) if self.capital > 0.0 else float("-inf")

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {"parts": list(self._parts), "reserve": self.reserve, "peak": self.peak}

    def load(self, state: Mapping[str, object]) -> None:
        """Take up what `dump` gave. Raises KeyError, TypeError or ValueError for anything else."""
        parts = state["parts"]
        if not isinstance(parts, list) or len(parts) != len(self._alternatives):
            raise ValueError("the bet was dumped with other alternatives")
        self._parts = [float(part) for part in parts]
        self.reserve, self.peak = float(str(state["reserve"])), float(str(state["peak"]))
        self.capital = self.reserve + sum(self._parts)
