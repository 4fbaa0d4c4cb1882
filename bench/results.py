"""Samples of one run and what may be said about them: medians, and ratios between figures of the same round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """What was measured: on which peer, in which scenario, which number."""

    peer: str
    scenario: str
    metric: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one peer in one round. `figures` maps a metric to its value."""

    round: int
    scenario: str
    peer: str
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failure:
    """A measurement that gave no figures, and why."""

    round: int
    scenario: str
    peer: str
    reason: str


@dataclass(slots=True)
class Results:
    """All that one run found. Ratios are taken within a round first, so that a busy neighbour harms both sides."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def values(self, figure: Figure) -> dict[int, float]:
        """The figure by round."""
        return {
            sample.round: sample.figures[figure.metric]
            for sample in self.samples
            if sample.peer == figure.peer and sample.scenario == figure.scenario and figure.metric in sample.figures
        }

    def median(self, figure: Figure) -> float | None:
        """The median over the rounds; None if it was never measured."""
        values = self.values(figure)
        return median(values.values()) if values else None

    def ratio(self, figure: Figure, against: Figure) -> float | None:
        """Median of `figure / against` over the rounds that have both; None if there is no such round."""
        return self._paired(figure, against, lambda one, other: one / other if other else None)

    def difference(self, figure: Figure, against: Figure) -> float | None:
        """Median of `figure - against` over the rounds that have both; None if there is no such round."""
        return self._paired(figure, against, lambda one, other: one - other)

    def _paired(self, figure: Figure, against: Figure, join: Callable[[float, float], float | None]) -> float | None:
        ours, theirs = self.values(figure), self.values(against)
        joined = [join(ours[number], theirs[number]) for number in sorted(ours.keys() & theirs.keys())]
        known = [value for value in joined if value is not None]
        return median(known) if known else None

    def replaced_by(self, newer: Results) -> Results:
        """These results, but with `newer`'s for every scenario and peer that it has."""
        fresh = {(one.scenario, one.peer) for one in newer.samples}
        fresh |= {(one.scenario, one.peer) for one in newer.failures}
        return Results(
            [one for one in self.samples if (one.scenario, one.peer) not in fresh] + newer.samples,
            [one for one in self.failures if (one.scenario, one.peer) not in fresh] + newer.failures,
        )

    def rounds(self) -> int:
        """How many rounds have at least one sample."""
        return len({sample.round for sample in self.samples})

    def to_json(self) -> dict[str, list[dict[str, object]]]:
        """Everything as plain data, for `from_json`."""
        return {"samples": [asdict(one) for one in self.samples], "failures": [asdict(one) for one in self.failures]}

    @classmethod
    def from_json(cls, document: dict[str, list[dict[str, object]]]) -> Results:
        """The counterpart of `to_json`. Raises KeyError, TypeError, ValueError on anything else."""
        return cls(
            [
                Sample(int(str(one["round"])), str(one["scenario"]), str(one["peer"]), _numbers(one["figures"]))
                for one in document["samples"]
            ],
            [
                Failure(int(str(one["round"])), str(one["scenario"]), str(one["peer"]), str(one["reason"]))
                for one in document["failures"]
            ],
        )


def _numbers(figures: object) -> dict[str, float]:
    if not isinstance(figures, dict):
        raise TypeError("figures must be an object")
    return {str(name): float(value) for name, value in figures.items()}


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed (nearest rank). Raises ValueError without values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[min(len(ordered), int(rank)) - 1]
