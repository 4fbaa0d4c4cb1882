"""Fast random counts from the standard library: one table per distribution, one uniform number per draw."""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from math import comb, exp, factorial
from random import Random

TAIL = 1e-13
"""Probability left out at the far end of a table."""

Draw = Callable[[], int]


def binomial(rng: Random, n: int, p: float) -> Draw:
    """Draws of Binomial(n, p); n up to some thousand."""
    return _draws(rng, _binomial_levels(n, p))


def poisson(rng: Random, mean: float) -> Draw:
    """Draws of Poisson(mean); a mean up to some fifty."""
    return _draws(rng, _poisson_levels(mean))


@lru_cache
def _binomial_levels(n: int, p: float) -> list[float]:
    return _levels([comb(n, k) * p**k * (1.0 - p) ** (n - k) for k in range(n + 1)])


@lru_cache
def _poisson_levels(mean: float) -> list[float]:
    return _levels([exp(-mean) * mean**k / factorial(k) for k in range(int(mean + 12 * mean**0.5 + 20))])


def _levels(mass: list[float]) -> list[float]:
    levels, total = [], 0.0
    for one in mass:
        total += one
        levels.append(total)
        if total > 1.0 - TAIL:
            break
    return levels


def _draws(rng: Random, levels: list[float]) -> Draw:
    uniform = rng.random
    return lambda: bisect_right(levels, uniform())
