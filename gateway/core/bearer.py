"""The bearer token of a request (RFC 6750), taken from its Authorization field and from nowhere else.

A token in the query or in a body ends in logs and histories, so it counts as none. Counterpart: token_verifier.
"""

from typing import Final, Protocol

from gateway.core.errors import InvalidToken, TokenMissing, Where
from gateway.core.heads import Field

MAX_TOKEN_BYTES: Final = 8192
"""A token of a person has about 1 KB; what is larger is not worth the work of its check."""


class Verifier(Protocol):
    """What core.token_verifier does; a name of its own, because that file brings the cryptography library."""

    def subject(self, token: bytes, now: float) -> str:
        """Whose token this is; `now` is Unix seconds. Raises InvalidToken."""
        ...


def bearer_token(fields: list[Field]) -> bytes:
    """The one token. Raises TokenMissing, and InvalidToken where two fields could be read in two ways."""
    given = [value for name, value in fields if name.lower() == b"authorization"]
    if not given or (len(given) == 1 and given[0][:7].lower() != b"bearer "):
        raise TokenMissing("This route needs a token: 'Authorization: Bearer ...'.", Where.ROUTE)
    if len(given) > 1:
        raise InvalidToken("There is more than one Authorization field.", Where.ROUTE)
    token = given[0][7:].strip()
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"The token has more than {MAX_TOKEN_BYTES} bytes.", Where.ROUTE)
    return token


def is_preflight(method: bytes, fields: list[Field]) -> bool:
    """Whether a browser asks if it may ask (Fetch, CORS-preflight request). Such a question never carries a token."""
    if method != b"OPTIONS":
        return False
    names = {name.lower() for name, _ in fields}
    return b"origin" in names and b"access-control-request-method" in names
