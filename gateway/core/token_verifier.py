"""Whose token is this? Signature by PyJWT, everything around it by rules of our own (RFC 7519, RFC 8725).

Pure: the time is passed in. What is refused is an InvalidToken, whose sentence tells the caller why. Brings the
cryptography library, so workers load it only if a route asks for tokens.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from math import isfinite
from typing import Final, NamedTuple

from jwt import PyJWTError
from jwt.api_jws import PyJWS

from gateway.core.errors import InvalidToken, TokenKeysMissing, Where
from gateway.core.token_keys import TokenKey
from gateway.core.token_rules import TokenRules

MAX_VERIFIED: Final = 4096
"""Tokens whose signature need not be checked again; the oldest makes room."""
MAX_SUBJECT: Final = 256
_TYPES: Final = frozenset(("jwt", "at+jwt", "application/jwt", "application/at+jwt"))
_STRICT: Final = PyJWS(options={"enforce_minimum_key_length": True})


class Verified(NamedTuple):
    """What is kept of a token whose signature is right; times are Unix seconds."""

    subject: str
    not_before: float
    expires: float


class TokenVerifier:
    """Checks tokens by one set of keys and rules; new keys take a new verifier, which remembers nothing of the old."""

    __slots__ = ("_keys", "_rules", "_verified")

    def __init__(self, rules: TokenRules, keys: tuple[TokenKey, ...]) -> None:
        self._rules = rules
        self._keys = [key for key in keys if key.algorithm in rules.algorithms]
        self._verified: dict[bytes, Verified] = {}

    def subject(self, token: bytes, now: float) -> str:
        """The `sub` of a token that is valid at `now`. Raises InvalidToken; TokenKeysMissing while there is no key."""
        if not self._keys:
            raise TokenKeysMissing("The keys that check tokens are not known yet.", Where.ROUTE)
        digest = sha256(token).digest()
        found = self._verified.get(digest)
        if found is None:
            found = self._verified[digest] = _claims(self._signed(token), self._rules)
            if len(self._verified) > MAX_VERIFIED:
                del self._verified[next(iter(self._verified))]
        if now >= found.expires + self._rules.leeway:
            del self._verified[digest]
            raise _refusal("The token has expired.")
        if now < found.not_before - self._rules.leeway:
            raise _refusal("The token is not valid yet.")
        return found.subject

    def _signed(self, token: bytes) -> bytes:
        """The payload, if one of our keys has signed it."""
        for key in self._fitting(_header(token)):
            try:
                payload: bytes = _STRICT.decode_complete(token, key.key, [key.algorithm])["payload"]
            except (PyJWTError, ValueError, TypeError):
                continue
            return payload
        raise _refusal("The token is not signed by a key that is accepted here.")

    def _fitting(self, header: dict[str, object]) -> Iterator[TokenKey]:
        """The token chooses among keys by their names, never what is done with them."""
        algorithm, kid = header.get("alg"), header.get("kid")
        return (key for key in self._keys if key.algorithm == algorithm and key.kid in (None, kid))


def _header(token: bytes) -> dict[str, object]:
    try:
        header: dict[str, object] = _STRICT.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError):
        raise _refusal("The token is malformed.") from None
    if "crit" in header or "b64" in header:
        raise _refusal("The token asks for an extension that is not understood here.")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _refusal("The token is of another type.")
    return header


def _claims(payload: bytes, rules: TokenRules) -> Verified:
    """What a rightly signed token says, if it says all that it must."""
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise _refusal("The token holds no claims.")
    if claims.get("iss") != rules.issuer:
        raise _refusal("The token is of another issuer.")
    audience = claims.get("aud")
    if rules.audience not in (audience if isinstance(audience, list) else [audience]):
        raise _refusal("The token is for another audience.")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise _refusal("The token names no subject.")
    expires, not_before = _moment(claims, "exp"), _moment(claims, "nbf", 0.0)
    if expires is None or not_before is None:
        raise _refusal("The token does not say how long it is valid.")
    return Verified(subject, not_before, expires)


def _moment(claims: dict[str, object], name: str, missing: float | None = None) -> float | None:
    """A NumericDate (RFC 7519 section 2)."""
    value = claims.get(name, missing)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 1e12 and isfinite(value) else None


def _refusal(detail: str) -> InvalidToken:
    return InvalidToken(detail, Where.ROUTE)
