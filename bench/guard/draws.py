"""Fast random counts from the standard library: one table per distribution, one uniform number per draw."""

from bisect import bisect_right
from collections.abc import Callable
from math import comb, exp, factorial
from random import Random

TAIL = 1e-13
"""Probability left out at the far end of a table."""

Draw = Callable[[], int]


def binomial(rng: Random, n: int, p: float) -> Draw:
    """Draws of Binomial(n, p); n up to some thousand."""
    mass = [comb(n, k) * p**k * (1.0 - p) ** (n - k) for k in range(n + 1)]
    return _table(rng, mass)


def poisson(rng: Random, mean: float) -> Draw:
    """Draws of Poisson(mean); a mean up to some ten."""
    mass = [exp(-mean) * mean**k / factorial(k) for k in range(int(mean * 5 + 40))]
    return _table(rng, mass)


def _table(rng: Random, mass: list[float]) -> Draw:
    levels, total = [], 0.0
    for one in mass:
        total += one
        levels.append(total)
        if total > 1.0 - TAIL:
            break
    uniform = rng.random
    return lambda: bisect_right(levels, uniform())
