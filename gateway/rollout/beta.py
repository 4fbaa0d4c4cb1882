"""The beta function and its incomplete integral, in logarithms, from the standard library. Counterpart: `shares`.

Source: NIST DLMF 8.17.22 (continued fraction), evaluated by the modified method of Lentz.
"""

from math import exp, lgamma, log, log1p

from gateway.rollout.errors import NotConvergedError

MAX_TERMS = 20_000
"""The fraction needs some sqrt(max(a, b)) terms, so this is enough for counts of hundreds of millions."""

_PRECISION = 1e-14
_TINY = 1e-300
_ZERO = float("-inf")


def log_beta(a: float, b: float) -> float:
    """ln B(a, b) for positive a and b."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def log_incomplete_beta(a: float, b: float, x: float) -> float:
    """ln I_x(a, b): the logarithm of the regularised incomplete beta function; -inf at x = 0.

    It is the chance that a Beta(a, b) variable is at most x. Raises NotConvergedError beyond any sensible count.
    """
    if x <= 0.0:
        return _ZERO
    if x >= 1.0:
        return 0.0
    if x <= (a + 1.0) / (a + b + 2.0):
        return _log_lower(a, b, x)
    # Past the mean the fraction converges slowly, and the other tail is the small number that is exact.
    other = exp(_log_lower(b, a, 1.0 - x))
    return log1p(-other) if other < 1.0 else _ZERO


def _log_lower(a: float, b: float, x: float) -> float:
    return a * log(x) + b * log1p(-x) - log(a) - log_beta(a, b) + log(_fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    d = 1.0 / d
    value = d
    for m in range(1, MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            step = c * d
            value *= step
        if abs(step - 1.0) < _PRECISION:
            return value
    raise NotConvergedError(a, b, x)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
