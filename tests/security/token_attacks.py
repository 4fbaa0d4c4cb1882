"""Attempts on the routes that want a token of who is signed in. Words between @ that begin with J are tokens."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.gateway.tokens import AUDIENCE, ISSUER, SECRET, USER, ec_key, forged, key_set, public, token
from tests.security.attacks import OPS_KEY, V2_KEY, Attack, By, Port, get, post, request

KEY_SET = key_set(public(ec_key("served"), kid="served"))
"""What the gateway under attack knows, beside SECRET."""
VARIABLES = {"GATEWAY_JWT_ISSUER": ISSUER, "GATEWAY_JWT_AUDIENCE": AUDIENCE, "GATEWAY_JWT_SECRETS": SECRET}
OWN = "jwt = true\njwt_user = true"


def _public_key_as_secret() -> bytes:
    pem = ec_key("served").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "served"}
    return forged(header, hmac.digest(pem, forged(header, exp=_soon()).removesuffix(b"."), "sha256"), exp=_soon())


def _soon() -> int:
    return int(time.time()) // 1000 * 1000 + 4000


def _unsigned(**header: object) -> bytes:
    return forged({"typ": "JWT", **header}, exp=_soon())


def _another_key(**header: object) -> bytes:
    return token(ec_key("another"), "ES256", header={"kid": "served", **header}, exp=_soon())


TOKENS: dict[str, Callable[[], bytes]] = {
    "JVALID": lambda: token(exp=_soon()),
    "JSERVED": lambda: token(ec_key("served"), "ES256", header={"kid": "served"}, exp=_soon()),
    "JNONE": lambda: _unsigned(alg="none"),
    "JNONECASE": lambda: _unsigned(alg="nOnE"),
    "JNOALG": _unsigned,
    "JCONFUSED": _public_key_as_secret,
    "JZERO": lambda: forged({"alg": "ES256", "kid": "served"}, b"\0" * 64, exp=_soon()),
    "JCUT": lambda: token(exp=_soon()).rpartition(b".")[0] + b".",
    "JALTERED": lambda: token(exp=_soon())[:-8] + b"AAAAAAAA",
    "JSWAPPED": lambda: b".".join(
        [token(exp=_soon()).split(b".")[0], token(sub="admin", exp=_soon()).split(b".")[1], token().split(b".")[2]]
    ),
    "JANOTHERKEY": _another_key,
    "JEMBEDDED": lambda: _another_key(jwk=public(ec_key("another"))),
    "JURL": lambda: _another_key(jku="https://evil.example/jwks.json", x5u="https://evil.example/x.pem"),
    "JKEYPATH": lambda: _another_key(kid="../../../../dev/null"),
    "JKEYSQL": lambda: _another_key(kid="x' UNION SELECT 'secret"),
    "JGUESSED": lambda: token("your-super-secret-jwt-token-with-at-least-32-characters", exp=_soon()),
    "JCRITICAL": lambda: token(header={"crit": ["b64"], "b64": True}, exp=_soon()),
    "JOLD": lambda: token(exp=1_700_000_000),
    "JENDLESS": lambda: token(exp=None),
    "JTEXTEXP": lambda: token(exp="4000000000"),
    "JFUTURE": lambda: token(nbf=_soon(), exp=_soon() + 600),
    "JISSUER": lambda: token(iss="https://evil.example", exp=_soon()),
    "JAUDIENCE": lambda: token(aud="another-app", exp=_soon()),
    "JANON": lambda: token(iss="supabase", aud=None, sub=None, role="anon", exp=_soon()),
    "JSERVICE": lambda: token(iss="supabase", aud=None, sub=None, role="service_role", exp=_soon()),
    "JNOSUB": lambda: token(sub=None, exp=_soon()),
    "JPROOF": lambda: token(header={"typ": "dpop+jwt"}, exp=_soon()),
    "JLIST": lambda: token(sub=[USER], exp=_soon()),
}


def words() -> dict[str, str]:
    """The tokens, made now."""
    return {name: make().decode() for name, make in TOKENS.items()}


def _token(what: str, *fields: str, status: int = 401, target: str = "/embedding-status/@USER@") -> Attack:
    return Attack("routes that want a token", what, Port.PUBLIC, get(target, *fields), (status,), By.GATEWAY)


def _bearer(what: str, word: str) -> Attack:
    return _token(what, f"Authorization: Bearer @{word}@")


VALID = "Authorization: Bearer @JVALID@"
TOKEN_ATTACKS: tuple[Attack, ...] = (
    _token("no token"),
    _token("the token in the query", target="/embedding-status/@USER@?access_token=@JVALID@"),
    _token("the token in a cookie", "Cookie: sb-access-token=@JVALID@"),
    _token("the token as Basic", "Authorization: Basic @JVALID@"),
    _token("two tokens", "Authorization: Bearer @JOLD@", VALID),
    _token("the ops token", OPS_KEY),
    _token("v2's key", V2_KEY),
    _token("the API key", "Authorization: Bearer @API@"),
    _bearer("alg none", "JNONE"),
    _bearer("alg none in odd case", "JNONECASE"),
    _bearer("no alg", "JNOALG"),
    _bearer("the public key as a shared secret", "JCONFUSED"),
    _bearer("a signature of zeros", "JZERO"),
    _bearer("no signature", "JCUT"),
    _bearer("an altered signature", "JALTERED"),
    _bearer("the claims of one token, the signature of another", "JSWAPPED"),
    _bearer("signed by a key of one's own", "JANOTHERKEY"),
    _bearer("bringing one's own key along", "JEMBEDDED"),
    _bearer("naming a URL of one's own keys", "JURL"),
    _bearer("a key name that is a path", "JKEYPATH"),
    _bearer("a key name that is SQL", "JKEYSQL"),
    _bearer("signed by a secret from a manual", "JGUESSED"),
    _bearer("a critical extension", "JCRITICAL"),
    _bearer("expired", "JOLD"),
    _bearer("without an end", "JENDLESS"),
    _bearer("an end that is text", "JTEXTEXP"),
    _bearer("not valid yet", "JFUTURE"),
    _bearer("another issuer's", "JISSUER"),
    _bearer("for another application", "JAUDIENCE"),
    _bearer("the key that is in every browser", "JANON"),
    _bearer("the service key of the database", "JSERVICE"),
    _bearer("nobody's", "JNOSUB"),
    _bearer("a list as subject", "JLIST"),
    _bearer("a token of another kind", "JPROOF"),
    _token("20 KB of token", f"Authorization: Bearer {'x.' * 10_000}"),
    _token("10,000 dots", f"Authorization: Bearer {'.' * 8000}"),
    _token("another's path", VALID, status=403, target="/embedding-status/@OTHER@"),
    _token(
        "another's path, signed by key",
        "Authorization: Bearer @JSERVED@",
        status=403,
        target="/embedding-status/@OTHER@",
    ),
    _token("another's path in an odd spelling", VALID, status=403, target="/embedding%2dstatus/@OTHER@"),
    _token(
        "oneself in the query, another in the path",
        VALID,
        status=403,
        target="/embedding-status/@OTHER@?user_id=@USER@",
    ),
    *[
        Attack("routes that want a token", what, Port.PUBLIC, sent, (status,), By.GATEWAY)
        for what, sent, status in (
            ("another's body", post("/analyze", '{"user_id":"@OTHER@"}', VALID), 403),
            ("two users in one body", post("/analyze", '{"user_id":"@USER@","user_id":"@OTHER@"}', VALID), 403),
            ("a body without a user", post("/analyze", "{}", VALID), 403),
            ("a user inside another value", post("/analyze", '{"x":{"user_id":"@USER@"}}', VALID), 403),
            (
                "another user behind 64 KiB",
                post("/analyze", '{"user_id":"@USER@","x":"' + "x" * 70_000 + '","user_id":"@OTHER@"}', VALID),
                403,
            ),
            ("the right user in the query", post("/analyze?user_id=@USER@", '{"user_id":"@OTHER@"}', VALID), 403),
            (
                "a preflight that is none",
                request("POST", "/analyze", "Origin: https://evil.example", "Access-Control-Request-Method: POST"),
                401,
            ),
            ("another method by header", post("/analyze", "{}", "X-HTTP-Method-Override: OPTIONS"), 401),
        )
    ],
)
