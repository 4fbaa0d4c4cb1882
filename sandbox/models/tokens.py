"""Token arithmetic of the stand-ins: four UTF-8 bytes are one token, so that counting and cutting agree exactly."""

from __future__ import annotations

BYTES_PER_TOKEN = 4


def count(text: str) -> int:
    """Tokens of `text`; at least 1 for any text that is not empty."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def cut(text: str, tokens: int) -> str:
    """The longest beginning of `text` that counts at most `tokens`; never half a character."""
    return text.encode()[: tokens * BYTES_PER_TOKEN].decode(errors="ignore")


def scrub(text: str) -> str:
    """`text` without lone surrogates, which JSON can carry and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
