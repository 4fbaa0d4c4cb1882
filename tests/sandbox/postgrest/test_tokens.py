"""Keys and tokens: made the same every time, believed only when signed and not expired."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from sandbox.postgrest.errors import RestError
from sandbox.postgrest.tokens import make_key, read_claims

SECRET = "s" * 40


def token(claims: object, header: object = None, secret: str = SECRET) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    head = {"alg": "HS256"} if header is None else header
    signed = f"{part(json.dumps(head).encode())}.{part(json.dumps(claims).encode())}"
    return f"Bearer {signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def test_a_key_is_the_same_every_time_and_says_its_role() -> None:
    key = make_key(SECRET, "service_role")
    assert key == make_key(SECRET, "service_role")
    assert read_claims(SECRET, f"Bearer {key}")["role"] == "service_role"


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Bearer "])
def test_no_bearer_token_is_the_anonymous_role(header: str | None) -> None:
    assert read_claims(SECRET, header) == {"role": "anon"}


def test_a_token_without_role_is_the_anonymous_role() -> None:
    assert read_claims(SECRET, token({"sub": "x"})) == {"role": "anon", "sub": "x"}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer a.b",
        "Bearer a.b.c",
        "Bearer é.é.é",
        token({"role": "service_role"}, secret="t" * 40),
        token({"role": "service_role"}, header={"alg": "none"}),
        token({"role": "service_role"}, header=[]),
        token([]),
    ],
)
def test_a_token_that_does_not_hold_is_refused(header: str) -> None:
    with pytest.raises(RestError) as refused:
        read_claims(SECRET, header)
    assert (refused.value.status, refused.value.code) == (401, "PGRST301")


def test_an_expired_token_is_refused() -> None:
    header = token({"role": "anon", "exp": 1000})
    assert read_claims(SECRET, header, now=999)["role"] == "anon"
    with pytest.raises(RestError, match="JWT expired"):
        read_claims(SECRET, header, now=1001)
