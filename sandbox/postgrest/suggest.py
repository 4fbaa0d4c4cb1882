"""The nearest of some names, as PostgREST's hints propose it: shared triples find candidates, edits rank them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

MIN_SCORE = 0.33
GRAM_SIZES = (3, 2)
MAX_RANKED = 50
# Longer texts are not compared: edit distance costs the product of the lengths.
MAX_LENGTH = 200
FOREIGN = re.compile(r"[^\w, ]+")


def nearest(wanted: str, names: Iterable[str]) -> str | None:
    """The most similar name, or None when none is similar enough."""
    text = _normal(wanted)
    known = {_normal(name): name for name in names}
    for size in GRAM_SIZES:
        grams = _grams(text, size)
        alike = ((_cosine(grams, _grams(name, size)), name) for name in known)
        candidates = sorted((pair for pair in alike if pair[0] > 0), key=lambda pair: -pair[0])[:MAX_RANKED]
        ranked = sorted(((_closeness(text, name), name) for _, name in candidates), key=lambda pair: -pair[0])
        if ranked and ranked[0][0] >= MIN_SCORE:
            return known[ranked[0][1]]
    return None


def _normal(text: str) -> str:
    return text[:MAX_LENGTH].lower()


def _grams(text: str, size: int) -> Counter[str]:
    padded = f"-{FOREIGN.sub('', text)}-"
    padded = padded.ljust(size, "-")
    return Counter(padded[place : place + size] for place in range(len(padded) - size + 1))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(count * other[gram] for gram, count in one.items())
    return shared / (_length(one) * _length(other)) if shared else 0.0


def _length(grams: Counter[str]) -> float:
    return math.sqrt(sum(count * count for count in grams.values()))


def _closeness(one: str, other: str) -> float:
    longest = max(len(one), len(other))
    return 1 - _edits(one, other) / longest if longest else 0.0


def _edits(one: str, other: str) -> int:
    """Levenshtein distance, one row at a time."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row]
        for column, against in enumerate(other, start=1):
            current.append(min(before[column] + 1, current[-1] + 1, before[column - 1] + (letter != against)))
        before = current
    return before[-1]
