"""Holds compiled flags against Unleash's own engine on a sample of ids. Counterparts: `flags.evaluate`, `flags.engine`.

What decides in production is the compiled form; this says that it still means what Unleash means.
"""

from collections.abc import Iterable, Sequence

from flags.compile import Engine
from flags.evaluate import evaluate
from flags.model import CompiledFeature, Snapshot, Strategy

SAMPLE = (*(f"user-{number}" for number in range(1, 181)), "é", "ユーザー", "🚀", "None", "12.0", " user-1", "A:b")
"""Made-up ids that reach most buckets, and some that clients are known to read differently."""

MAX_LISTED = 50
MAX_DIFFERENCES = 20


def cross_check(snapshot: Snapshot, engine: Engine, ids: Sequence[str] = SAMPLE) -> tuple[int, list[str]]:
    """Ask both about each compiled feature and each id, and about ids on the feature's own lists.

    Returns how many answers were compared, and the first differences as sentences. About 50 µs an answer.
    """
    compared = 0
    differences: list[str] = []
    for feature in snapshot.features.values():
        if feature.uncompiled:
            continue  # the engine's answer is the answer
        for user_id in (*ids, *_listed(feature)):
            mine, theirs = evaluate(feature, user_id).enabled, engine.is_enabled(feature.name, user_id)
            compared += 1
            if mine is not theirs and len(differences) < MAX_DIFFERENCES:
                differences.append(f"{feature.name}: {user_id!r} is {_word(mine)} here and {_word(theirs)} there")
    return compared, differences


def _listed(feature: CompiledFeature) -> Iterable[str]:
    return (user_id for strategy in feature.strategies for user_id in _some(strategy))


def _some(strategy: Strategy) -> list[str]:
    return sorted(strategy.users | strategy.never | (strategy.only or frozenset()))[:MAX_LISTED]


def _word(enabled: bool) -> str:
    return "on" if enabled else "off"
