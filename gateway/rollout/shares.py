"""Tests of a share that stay valid however often they are looked at: mixtures of likelihood ratios. Pure.

n events fell into two places, s of them into the first. If each falls there with probability q given all before it,
every function here is the logarithm of an e-process: the chance that it ever reaches ln(1/alpha) is at most alpha
(Ville's inequality). Mixtures over Beta(1/2, 1/2): Robbins 1970; Howard et al. 2021, "Time-uniform confidence
sequences". Counterpart: `rules`.
"""

from collections.abc import Callable, Sequence
from math import exp, lgamma, log, log1p

from gateway.rollout.beta import log_beta, log_incomplete_beta

PRIOR = 0.5


def log_e_above(s: int, n: int, q: float) -> float:
    """Evidence that the share is above q: the mixture is truncated to p > q."""
    return log_e_below(n - s, n, 1.0 - q)


def log_e_below(s: int, n: int, q: float) -> float:
    """Evidence that the share is below q. With q at a margin it is evidence of not being worse than the margin."""
    a, b = PRIOR + s, PRIOR + n - s
    mixture = log_beta(a, b) + log_incomplete_beta(a, b, q)
    prior = log_beta(PRIOR, PRIOR) + log_incomplete_beta(PRIOR, PRIOR, q)
    return mixture - prior - s * log(q) - (n - s) * log1p(-q)


def log_e_mix(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Evidence that events do not fall into places as `expected` (positive, summing to 1): sample-ratio mismatch.

    The mixture is Dirichlet(1/2, ...); source: Lindon & Malek 2022, "Anytime-valid inference for multinomial counts".
    """
    total, places = sum(counts), len(counts)
    mixture = sum(lgamma(PRIOR + count) for count in counts) - lgamma(PRIOR * places + total)
    prior = places * lgamma(PRIOR) - lgamma(PRIOR * places)
    return mixture - prior - sum(count * log(share) for count, share in zip(counts, expected, strict=True))


def confidence_interval(s: int, n: int, alpha: float) -> tuple[float, float]:
    """A confidence sequence for the share: it covers the true one at all times together, but for a chance of alpha."""
    if n == 0:
        return 0.0, 1.0
    level = log(1.0 / alpha)
    mixture = log_beta(PRIOR + s, PRIOR + n - s) - log_beta(PRIOR, PRIOR)

    def outside(p: float) -> bool:
        likelihood = (s * log(p) if s else 0.0) + ((n - s) * log1p(-p) if n > s else 0.0)
        return mixture - likelihood >= level

    centre = min(max(s / n, 1e-12), 1.0 - 1e-12)
    lower = 0.0 if s == 0 else _bisect(outside, centre, 0.0)
    upper = 1.0 if s == n else _bisect(outside, centre, 1.0)
    return lower, upper


def _bisect(outside: Callable[[float], bool], inner: float, outer: float) -> float:
    for _ in range(60):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if outside(middle) else (middle, outer)
    return outer


def log_mean(values: Sequence[float]) -> float:
    """The logarithm of the mean of e-processes given by their logarithms; it is one again, dependent or not."""
    top = max(values)
    return top if top == float("-inf") else top + log(sum(exp(value - top) for value in values) / len(values))
