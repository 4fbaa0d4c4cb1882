"""Key sets: which keys are taken, which are passed over, and which must not be there."""

import json

import pytest
from jwt.algorithms import ECAlgorithm

from gateway.core.token_keys import MAX_KEYS, TokenKeysError, parse_jwks, secret_keys
from tests.gateway.tokens import ec_key, key_set, public, rsa_key


def test_each_key_has_one_algorithm_by_its_kind() -> None:
    found = parse_jwks(key_set(public(ec_key(), kid="e", alg="ES256", use="sig"), public(rsa_key(), kid="r")))
    assert [(key.algorithm, key.kid) for key in found] == [("ES256", "e"), ("RS256", "r")]
    assert [(key.algorithm, key.kid, key.key) for key in secret_keys(["s"])] == [("HS256", None, b"s")]


@pytest.mark.parametrize(
    "other",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"kty": "OKP"},
        {"kty": ["EC"]},
        {"kty": None},
    ],
)
def test_keys_for_other_purposes_are_passed_over(other: dict[str, object]) -> None:
    assert parse_jwks(key_set(public(ec_key()) | other)) == ()


def test_a_set_may_be_empty() -> None:
    """So it is at an issuer that signs by a shared secret alone."""
    assert parse_jwks('{"keys": []}') == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "list 'keys'"),
        ("{}", "list 'keys'"),
        ('{"keys": {}}', "list 'keys'"),
        ('{"keys": [7]}', "list 'keys'"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "a private key or a secret"),
        (json.dumps({"keys": [ECAlgorithm.to_jwk(ec_key(), as_dict=True)]}), "a private key or a secret"),
        (key_set(public(ec_key(), x="!")), "cannot be read"),
        (key_set(public(ec_key(), x="AAAA")), "cannot be read"),
        (key_set(public(rsa_key(1024))), "2048 bits"),
        (key_set(public(ec_key(), kid=7)), "no text"),
        (key_set(*[public(ec_key())] * (MAX_KEYS + 1)), "more than 16"),
    ],
)
def test_a_set_that_is_wrong_is_refused_as_a_whole(text: str, complaint: str) -> None:
    with pytest.raises(TokenKeysError, match=complaint):
        parse_jwks(text)
