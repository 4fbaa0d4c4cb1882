"""Embeddings in the manner of Titan Text Embeddings v2: deterministic, normalised, near for texts that share words.

Features are hashed with a sign into as many numbers as are asked for (feature hashing, Weinberger et al. 2009).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

from sandbox.models.features import STOP_WORDS, concept, stem, words

Dimensions = Literal[256, 512, 1024]
DIMENSIONS: tuple[int, ...] = get_args(Dimensions)

STOP_WORD_WEIGHT = 0.06
NUMBER_WEIGHT = 0.25
CONCEPT_WEIGHT = 0.6
NGRAM_WEIGHT = 0.22
PAIR_WEIGHT = 0.35

_Feature = tuple[int, float]


def embed(text: str, dimensions: int = 1024, *, normalize: bool = True) -> list[float]:
    """`dimensions` numbers; of length 1 unless `normalize` is False. A text without words has one fixed vector."""
    vector = [0.0] * dimensions
    spoken = words(text)
    for word, times in Counter(spoken).items():
        weight = 1.0 + math.log(times)
        for place, value in _features(word):
            vector[place % dimensions] += weight * value
    content = [word for word in spoken if word not in STOP_WORDS]
    for pair in set(pairwise(content)):
        place, sign = _hashed("~".join(map(stem, pair)))
        vector[place % dimensions] += sign * PAIR_WEIGHT
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        vector[0] = length = 1.0
    return [round(value / length, 8) for value in vector] if normalize else vector


@lru_cache(maxsize=100_000)
def _features(word: str) -> tuple[_Feature, ...]:
    """A word's own feature, its concept and its character trigrams, weighted and signed."""
    if word in STOP_WORDS:
        place, sign = _hashed(word)
        return ((place, sign * STOP_WORD_WEIGHT),)
    base = NUMBER_WEIGHT if word.isdigit() else min(1.4, 0.6 + 0.1 * len(word))
    root = stem(word)
    place, sign = _hashed(root)
    found: list[_Feature] = [(place, sign * base)]
    shared = concept(root)
    if shared:
        place, sign = _hashed(shared)
        found.append((place, sign * CONCEPT_WEIGHT))
    if not word.isdigit() and len(root) > 3:
        padded = f"<{root}>"
        grams = {padded[i : i + 3] for i in range(len(padded) - 2)}
        weight = NGRAM_WEIGHT * base / math.sqrt(len(grams)) * 2
        for gram in sorted(grams):
            place, sign = _hashed(f"#{gram}")
            found.append((place, sign * weight))
    return tuple(found)


@lru_cache(maxsize=200_000)
def _hashed(feature: str) -> tuple[int, float]:
    digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    return number >> 1, 1.0 if number & 1 else -1.0
