"""What a token must say to be accepted; without the libraries that check it, so that settings may read this cheaply."""

from dataclasses import dataclass
from typing import Final

SECRET_ALGORITHM: Final = "HS256"  # noqa: S105 -- a name
KEY_ALGORITHMS: Final = ("ES256", "RS256")
ALGORITHMS: Final = (SECRET_ALGORITHM, *KEY_ALGORITHMS)
MIN_SECRET_BYTES: Final = 32
"""RFC 7518 section 3.2: a shared secret is no shorter than the hash."""
MAX_SECRETS: Final = 4
"""The new one and the old one, and some room: a wrong token is tried with each."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """`issuer` and `audience` must stand in the token; `leeway` is how many seconds clocks may differ by."""

    issuer: str
    audience: str
    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    leeway: float = 5.0


def words(text: str) -> list[str]:
    """The parts of a setting that is a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
