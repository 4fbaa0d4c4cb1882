"""How the evidence of each rule grew during a step: points for a plot, bounded. Counterparts: `guard`, `plots`."""

from collections.abc import Mapping, Sequence

from gateway.rollout.verdict import Finding

MAX_POINTS = 400
FIRST_INTERVAL = 5.0


class History:
    """Evidence by rule over time. When it is full every other point goes, and points come half as often."""

    def __init__(self) -> None:
        self.points: list[tuple[float, dict[str, float]]] = []
        self._interval = FIRST_INTERVAL

    def due(self, now: float) -> bool:
        """Whether it is time for another point."""
        return not self.points or now - self.points[-1][0] >= self._interval

    def add(self, now: float, findings: Sequence[Finding]) -> None:
        """Add a point, if there is something to add."""
        if not findings:
            return
        self.points.append((round(now, 1), {one.rule: round(one.evidence, 4) for one in findings}))
        if len(self.points) > MAX_POINTS:
            self.points = self.points[::2]
            self._interval *= 2

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {"interval": self._interval, "points": [list(point) for point in self.points]}

    @classmethod
    def load(cls, state: Mapping[str, object]) -> "History":
        """Take up what `dump` gave; a plot is not worth an error, so anything else is an empty history."""
        history, points = cls(), state.get("points")
        if isinstance(points, list):
            history.points = [(float(at), dict(values)) for at, values in points]
            history._interval = float(str(state.get("interval", FIRST_INTERVAL)))
        return history
