"""The force header: one user's request goes to a named backend, signed and for a limited time. Pure.

    X-Gateway-Force: v2.1767225600.9f86d081...     backend . expiry (Unix time) . HMAC-SHA256

The user's id is part of what is signed and not of the header: a header that leaks forces nobody else. Counterparts:
`rollout force-header`, which makes one, and the proxy, which reads it and never passes it on.
"""

import hmac
import re
from enum import StrEnum

from gateway.core.decide import Backend

HEADER = "X-Gateway-Force"
MIN_KEY_BYTES = 16
MAX_SECONDS = 24 * 60 * 60
"""Longest validity: a header with a later expiry is refused, however well it is signed."""

_FORM = re.compile(rb"(legacy|v2)\.([0-9]{1,12})\.([0-9a-f]{64})")


class ForceProblem(StrEnum):
    """Why a force header has no effect. The request is then decided as if it had none."""

    NOT_ALLOWED = "force-not-allowed"
    MALFORMED = "force-malformed"
    EXPIRED = "force-expired"
    TOO_LONG = "force-too-long"
    FORGED = "force-forged"


def force_value(key: bytes, user_id: str, backend: Backend, expires: int) -> str:
    """The header's value. `expires` is Unix time in seconds; raises UnicodeEncodeError for half a surrogate pair."""
    return f"{backend}.{expires}.{_signature(key, user_id, backend, expires)}"


def read_force(value: bytes, key: bytes, user_id: str | None, now: float) -> Backend | ForceProblem:
    """The backend that a header asks for, or why it asks in vain. `key` is b"" where forcing is not set up.

    Never raises. The signature is compared in constant time, and first: who cannot sign learns nothing else.
    """
    if not key or user_id is None:
        return ForceProblem.NOT_ALLOWED
    match = _FORM.fullmatch(value)
    if match is None:
        return ForceProblem.MALFORMED
    backend, expires = Backend(match[1].decode("ascii")), int(match[2])
    try:
        expected = _signature(key, user_id, backend, expires)
    except UnicodeEncodeError:
        return ForceProblem.FORGED
    if not hmac.compare_digest(expected.encode("ascii"), match[3]):
        return ForceProblem.FORGED
    if expires <= now:
        return ForceProblem.EXPIRED
    return backend if expires - now <= MAX_SECONDS else ForceProblem.TOO_LONG


def _signature(key: bytes, user_id: str, backend: Backend, expires: int) -> str:
    # The id comes last and the parts before it hold no line feed, so no two requests sign the same text.
    text = f"banyan-force-1\n{backend}\n{expires}\n{user_id}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()
