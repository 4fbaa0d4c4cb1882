"""JSON Web Tokens with HS256 (RFC 7515, RFC 7519): the keys of the sandbox, and what a Bearer token says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from sandbox.postgrest.errors import RestError, bad_token

PARTS = 3
HEADER = b'{"alg":"HS256","typ":"JWT"}'
ANONYMOUS_ROLE = "anon"
# Signing is not dated, so that the same secret always makes the same key.
ISSUED_AT = 1_700_000_000
EXPIRES_AT = 4_000_000_000


def make_key(secret: str, role: str) -> str:
    """The API key of a role: a token that hosted projects call the legacy JWT key."""
    claims = {"iss": "sandbox", "role": role, "iat": ISSUED_AT, "exp": EXPIRES_AT}
    signed = f"{_encode(HEADER)}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_encode(_signature(secret, signed))}"


def read_claims(secret: str, authorization: str | None, now: float | None = None) -> Mapping[str, object]:
    """The claims of `Authorization: Bearer …`; without one (or with another scheme) those of the anonymous role.

    Raises RestError 401 PGRST301 for a token that is malformed, forged or expired.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return {"role": ANONYMOUS_ROLE}
    parts = token.strip().split(".")
    if len(parts) != PARTS:
        raise bad_token(
            f"JWSError (CompactDecodeError Invalid number of parts: Expected {PARTS} parts; got {len(parts)})"
        )
    header, payload, signature = (_decode(part) for part in parts)
    if _object(header).get("alg") != "HS256":
        raise bad_token("JWSError JWSNoValidSignatures")
    if not hmac.compare_digest(_signature(secret, ".".join(parts[:2])), signature):
        raise bad_token("JWSError JWSInvalidSignature")
    claims = _object(payload)
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < (time.time() if now is None else now):
        raise _expired()
    return {"role": ANONYMOUS_ROLE, **claims}


def _expired() -> RestError:
    return bad_token("JWT expired")


def _signature(secret: str, signed: str) -> bytes:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise bad_token('JWSError (JSONDecodeError "Not valid base64url")') from None


def _object(raw: bytes) -> dict[str, object]:
    try:
        read = json.loads(raw)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise bad_token('JWSError (JSONDecodeError "JWSHeader: not an object")')
    return read
