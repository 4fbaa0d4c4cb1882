"""A force header works for one user, one backend and a limited time, and for nobody without the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.decide import Backend
from gateway.core.force import MAX_SECONDS, ForceProblem, force_value, read_force

KEY = b"0123456789abcdef"
NOW = 1_767_225_600


def header(user: str = "user-1", backend: Backend = Backend.V2, expires: int = NOW + 60, key: bytes = KEY) -> bytes:
    return force_value(key, user, backend, expires).encode()


@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize("user", ["user-1", "é 🚀", "a\nb", ""])
def test_what_was_signed_is_read(user: str, backend: Backend) -> None:
    assert read_force(header(user, backend), KEY, user, NOW) is backend


def test_the_form_is_fixed() -> None:
    """Other programs make these headers too: HMAC-SHA256 of `banyan-force-1`, backend, expiry, id, a line each."""
    expected = "v2.1767225660.4ebffdb6c4769b775a790234f945c080101b94ca6f7b7f089f1d0005462a3545"
    assert force_value(KEY, "user-1", Backend.V2, NOW + 60) == expected


@pytest.mark.parametrize(
    ("value", "key", "user", "problem"),
    [
        (header(), KEY, "user-2", ForceProblem.FORGED),
        (header(key=b"another key, as long"), KEY, "user-1", ForceProblem.FORGED),
        (header().replace(b"v2", b"legacy"), KEY, "user-1", ForceProblem.FORGED),
        (header().replace(b".17", b".18"), KEY, "user-1", ForceProblem.FORGED),
        (header(), KEY, "\ud800", ForceProblem.FORGED),
        (header(expires=NOW), KEY, "user-1", ForceProblem.EXPIRED),
        (header(expires=NOW + MAX_SECONDS + 1), KEY, "user-1", ForceProblem.TOO_LONG),
        (header(), b"", "user-1", ForceProblem.NOT_ALLOWED),
        (header(), KEY, None, ForceProblem.NOT_ALLOWED),
        (header() + b"0", KEY, "user-1", ForceProblem.MALFORMED),
        (header().upper(), KEY, "user-1", ForceProblem.MALFORMED),
        (b"v2", KEY, "user-1", ForceProblem.MALFORMED),
        (b"", KEY, "user-1", ForceProblem.MALFORMED),
    ],
)
def test_everything_else_is_refused_for_a_reason(
    value: bytes, key: bytes, user: str | None, problem: ForceProblem
) -> None:
    assert read_force(value, key, user, NOW) is problem


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_at_all_force_anything(value: bytes, user: str) -> None:
    assert isinstance(read_force(value, KEY, user, NOW), ForceProblem)
