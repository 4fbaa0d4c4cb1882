"""Real tokens, signed in the test as an identity provider signs them, and the key sets that go with them."""

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.api_jws import PyJWS

ISSUER, AUDIENCE = "https://project.example/auth/v1", "authenticated"
SECRET = "a shared secret of more than 64 bytes: as long as HS512 would want it"
USER, OTHER = "6c1f0b7e-52a8-4f0e-9b8e-0f6f4f5b3a11", "f0a9d1c2-7b1e-4f55-8f43-9d6d0a3c2b22"
NOW = 1_800_000_000.0


@cache
def ec_key(name: str = "one") -> ec.EllipticCurvePrivateKey:
    """A P-256 key; another for each name."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(65537, bits)


def claims(**changed: Any) -> dict[str, Any]:
    """What a token of USER says for the hour after NOW; None leaves a claim out."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": int(NOW), "exp": int(NOW) + 3600} | changed
    return {name: value for name, value in usual.items() if value is not None}


def token(
    key: Any = SECRET, algorithm: str = "HS256", *, header: dict[str, Any] | None = None, **changed: Any
) -> bytes:
    """A signed token; `changed` are its claims, `header` what else its header says."""
    payload = json.dumps(claims(**changed)).encode()
    return PyJWS().encode(payload, key, algorithm=algorithm, headers=header).encode()


def forged(header: dict[str, Any], signature: bytes = b"", **changed: Any) -> bytes:
    """A token put together by hand, for headers that no library would sign."""
    parts = [json.dumps(header).encode(), json.dumps(claims(**changed)).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | members
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | members


def key_set(*keys: dict[str, Any]) -> str:
    """A JSON Web Key Set."""
    return json.dumps({"keys": keys})
