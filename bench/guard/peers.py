"""The rules of other systems in a few lines each, on the same minutes: v2's and the control's requests and errors.

They are restated from their documentation and source with common settings, not run; each may be asked once a minute.
"""

from collections import deque
from math import sqrt
from statistics import NormalDist


class Flagger:
    """A failed check is a minute with fewer than 99 % successes on v2; the fifth in all rolls back.

    Failed checks are not forgotten while an analysis runs (`pkg/canary/status.go`).
    """

    name = "Flagger: under 99 % in 5 minutes"

    def __init__(self, minimum: float = 0.99, threshold: int = 5) -> None:
        self._minimum, self._left = minimum, threshold

    def minute(self, v2: int, v2_errors: int, control: int, control_errors: int) -> bool:
        """Whether it rolls back after this minute."""
        self._left -= v2_errors > v2 * (1.0 - self._minimum)
        return self._left <= 0


class Argo:
    """Success from 99 %, failure under 95 %, inconclusive between; the fourth of either kind ends the analysis.

    Four failures roll back; four inconclusive minutes pause the rollout until somebody comes.
    """

    name = "Argo: failure and inconclusive limits of 3"

    def __init__(self, limit: int = 3) -> None:
        self._failed = self._inconclusive = 0
        self._limit = limit

    def minute(self, v2: int, v2_errors: int, control: int, control_errors: int) -> bool:
        """Whether it rolls back or pauses after this minute."""
        share = v2_errors / v2
        self._failed += share > 0.05
        self._inconclusive += 0.01 < share <= 0.05
        return self._failed > self._limit or self._inconclusive > self._limit


class Kayenta:
    """Mann-Whitney on the error shares of the last 60 minutes, both sides, at 98 %, looked at each 30 minutes."""

    name = "Kayenta: Mann-Whitney, hourly data, each 30 min"

    def __init__(self, window: int = 60, interval: int = 30, confidence: float = 0.98) -> None:
        self._v2: deque[float] = deque(maxlen=window)
        self._control: deque[float] = deque(maxlen=window)
        self._interval, self._minutes = interval, 0
        self._critical = NormalDist().inv_cdf(1.0 - (1.0 - confidence) / 2)

    def minute(self, v2: int, v2_errors: int, control: int, control_errors: int) -> bool:
        """Whether it fails the canary after this minute."""
        self._v2.append(v2_errors / v2)
        self._control.append(control_errors / control)
        self._minutes += 1
        full = len(self._v2) == self._v2.maxlen
        return full and self._minutes % self._interval == 0 and self._z() > self._critical

    def _z(self) -> float:
        values = sorted([(value, 1) for value in self._v2] + [(value, 0) for value in self._control])
        rank_sum, ties, index = 0.0, 0.0, 0
        while index < len(values):
            end = index
            while end < len(values) and values[end][0] == values[index][0]:
                end += 1
            rank_sum += (index + end + 1) / 2 * sum(mark for _, mark in values[index:end])
            ties += (end - index) ** 3 - (end - index)
            index = end
        n, m = len(self._v2), len(self._control)
        u = rank_sum - n * (n + 1) / 2
        variance = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
        return (u - n * m / 2 - 0.5) / sqrt(variance) if variance > 0 else 0.0


class ZTest:
    """Two shares since the beginning, pooled, one-sided at 5 %, each minute as if it were the only look."""

    name = "z-test at each look"

    def __init__(self, alpha: float = 0.05) -> None:
        self._counts = [0, 0, 0, 0]
        self._critical = NormalDist().inv_cdf(1.0 - alpha)

    def minute(self, v2: int, v2_errors: int, control: int, control_errors: int) -> bool:
        """Whether it rolls back after this minute."""
        counts = self._counts
        counts[0] += v2
        counts[1] += v2_errors
        counts[2] += control
        counts[3] += control_errors
        errors, everybody = counts[1] + counts[3], counts[0] + counts[2]
        if counts[1] < 5 or counts[3] < 5:  # below that the normal approximation is not used
            return False
        share = errors / everybody
        spread = sqrt(share * (1.0 - share) * (1.0 / counts[0] + 1.0 / counts[2]))
        return counts[1] / counts[0] - counts[3] / counts[2] > self._critical * spread


PEERS = (Flagger, Argo, Kayenta, ZTest)
