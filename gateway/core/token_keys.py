"""The keys that check tokens: shared secrets, and the public keys of a JSON Web Key Set (RFC 7517).

A key belongs to one algorithm for good, whatever a token says of itself: a public key is never a secret (RFC 8725
section 3.1). Brings the cryptography library; the counterpart is token_verifier.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jwt import PyJWK, PyJWTError

from gateway.core.token_rules import SECRET_ALGORITHM

MAX_KEYS: Final = 16
MIN_RSA_BITS: Final = 2048
"""RFC 7518 section 3.3."""
_FORM_OF: Final[Mapping[str, tuple[object, object]]] = {"ES256": ("EC", "P-256"), "RS256": ("RSA", None)}


class TokenKeysError(ValueError):
    """A key set that cannot be used, in one sentence."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key. `kid` is its name; None fits tokens of any name, as a shared secret does."""

    algorithm: str
    kid: str | None
    key: PyJWK | bytes


def secret_keys(secrets: Iterable[str]) -> tuple[TokenKey, ...]:
    """Shared secrets as keys."""
    return tuple(TokenKey(SECRET_ALGORITHM, None, secret.encode()) for secret in secrets)


def parse_jwks(text: str) -> tuple[TokenKey, ...]:
    """The public signature keys of the set in `text`, without those for other purposes. Raises TokenKeysError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise TokenKeysError("the key set is not JSON") from None
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TokenKeysError("a key set is an object with a list 'keys' of objects")
    if len(rows) > MAX_KEYS:
        raise TokenKeysError(f"the key set has more than {MAX_KEYS} keys")
    return tuple(key for key in map(_read, rows) if key is not None)


def _read(row: dict[str, object]) -> TokenKey | None:
    if "d" in row or "k" in row:
        raise TokenKeysError("the key set holds a private key or a secret, which must not be here")
    kind = row.get("kty")
    form = kind, row.get("crv") if kind == "EC" else None
    algorithm = next((name for name, known in _FORM_OF.items() if known == form), None)
    uses = row.get("key_ops", ["verify"])
    fits = row.get("alg", algorithm) == algorithm and row.get("use", "sig") == "sig"
    if algorithm is None or not fits or not isinstance(uses, list) or "verify" not in uses:
        return None
    kid = row.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenKeysError("a 'kid' of the key set is no text")
    try:
        key = PyJWK(row, algorithm)
    except (PyJWTError, ValueError, TypeError):
        raise TokenKeysError(f"a key of the key set cannot be read ({algorithm})") from None
    if kind == "RSA" and key.key.key_size < MIN_RSA_BITS:
        raise TokenKeysError(f"an RSA key of the key set has less than {MIN_RSA_BITS} bits")
    return TokenKey(algorithm, kid, key)
