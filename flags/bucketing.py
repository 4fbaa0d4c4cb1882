"""Unleash's hash: which of 100 buckets, and which variant, a value falls into. Counterpart: any Unleash SDK.

MurmurHash3 x86 32-bit, unsigned, over the UTF-8 bytes of `group:value`. Strategies use seed 0 and 100 buckets, so a
higher percentage only ever adds people. Variants use another seed, so that a variant does not follow the rollout.
"""

from mmh3 import mmh3_32_uintdigest as murmur3

VARIANT_SEED = 86_028_157
"""Seed of variant picks in every Unleash SDK (the five-millionth prime)."""


def rollout_hash(group_id: str, value: str) -> int:
    """The raw 32-bit hash behind `bucket`.

    Raises UnicodeEncodeError for a value with a lone surrogate: it has no UTF-8 form, so nothing to hash.
    """
    return murmur3(f"{group_id}:{value}".encode())


def bucket(group_id: str, value: str) -> int:
    """The bucket of a value: 1 to 100. A rollout of `p` per cent is on for buckets 1 to `p`."""
    return murmur3(f"{group_id}:{value}".encode()) % 100 + 1


def variant_target(group_id: str, value: str, total_weight: int = 1000) -> int:
    """The target of a variant pick: 1 to `total_weight`. The first variant whose running weight reaches it wins."""
    return murmur3(f"{group_id}:{value}".encode(), VARIANT_SEED) % total_weight + 1
