"""Which tokens are accepted, and whose they are; every other one is refused with the reason."""

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.core.errors import InvalidToken, TokenKeysMissing
from gateway.core.token_keys import parse_jwks, secret_keys
from gateway.core.token_rules import TokenRules
from gateway.core.token_verifier import MAX_SUBJECT, MAX_VERIFIED, TokenVerifier
from tests.gateway.tokens import AUDIENCE, ISSUER, NOW, SECRET, USER, ec_key, forged, key_set, public, rsa_key, token

RULES = TokenRules(ISSUER, AUDIENCE)
KEYS = parse_jwks(key_set(public(ec_key(), kid="e"), public(rsa_key(), kid="r")))


def verifier(rules: TokenRules = RULES) -> TokenVerifier:
    return TokenVerifier(rules, secret_keys([SECRET]) + KEYS)


def refusal(given: bytes, now: float = NOW, rules: TokenRules = RULES) -> str:
    with pytest.raises(InvalidToken) as refused:
        verifier(rules).subject(given, now)
    detail = refused.value.detail
    assert detail.isascii() and '"' not in detail and "\\" not in detail  # it stands in a quoted string
    return detail


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(SECRET, "HS256", None), (ec_key(), "ES256", "e"), (rsa_key(), "RS256", "r")]
)
def test_a_token_that_says_all_it_must_names_its_subject(key: Any, algorithm: str, kid: str | None) -> None:
    given = token(key, algorithm, header={"kid": kid} if kid else None)
    assert verifier().subject(given, NOW) == USER


def test_a_shared_secret_fits_a_token_of_any_key_name() -> None:
    assert verifier().subject(token(header={"kid": "legacy"}), NOW) == USER


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
def test_one_of_several_audiences_is_enough(audience: object) -> None:
    assert verifier().subject(token(aud=audience), NOW) == USER


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_the_usual_types_are_accepted(kind: str | None) -> None:
    assert verifier().subject(token(header={"typ": kind}), NOW) == USER


def hmac_by_public_key() -> bytes:
    """The old trick: the public key, which everybody has, as the secret of HS256."""
    pem = ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "e"}
    return forged(header, hmac.digest(pem, forged(header).removesuffix(b"."), "sha256"))


NOT_OURS = "not signed by a key"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (forged({"alg": "none"}), NOT_OURS),
        (forged({"alg": "None"}), NOT_OURS),
        (forged({}), NOT_OURS),
        (forged({"alg": ["HS256"]}), NOT_OURS),
        (forged({"alg": "HS256"}), NOT_OURS),
        (forged({"alg": "ES256", "kid": "e"}, b"\0" * 64), NOT_OURS),
        (hmac_by_public_key(), NOT_OURS),
        (token(SECRET, "HS512"), NOT_OURS),
        (token("another secret of more than 32 bytes"), NOT_OURS),
        (token(ec_key("other"), "ES256", header={"kid": "e"}), NOT_OURS),
        (token(ec_key(), "ES256", header={"kid": "r"}), NOT_OURS),
        (token(ec_key(), "ES256", header={"kid": "unheard-of"}), NOT_OURS),
        (token(ec_key(), "ES256"), NOT_OURS),
        (token(rsa_key(), "PS256", header={"kid": "r"}), NOT_OURS),
        (token(ec_key("other"), "ES256", header={"jwk": public(ec_key("other"))}), NOT_OURS),
        (token(ec_key("other"), "ES256", header={"kid": "e", "jku": "https://evil.example/jwks"}), NOT_OURS),
        (token()[:-4] + b"AAAA", NOT_OURS),
        (token().replace(b".", b".A", 1), NOT_OURS),
        (token().replace(b".", b".!", 1), "malformed"),
        (forged({"alg": "HS256", "crit": ["exp"], "exp": 1}), "malformed"),
        (forged({"alg": "HS256", "crit": ["b64"], "b64": True}), "extension"),
        (forged({"alg": "HS256", "b64": True}), "extension"),
        (forged({"alg": "HS256", "kid": ["e"]}), "malformed"),
        (token(header={"typ": "dpop+jwt"}), "another type"),
        (token(header={"typ": "secevent+jwt"}), "another type"),
        (token(iss="https://evil.example"), "another issuer"),
        (token(iss=None), "another issuer"),
        (token(iss=[ISSUER]), "another issuer"),
        (token(aud=None), "another audience"),
        (token(aud="anon"), "another audience"),
        (token(aud=[]), "another audience"),
        (token(aud={AUDIENCE: 1}), "another audience"),
        (token(sub=None), "no subject"),
        (token(sub=""), "no subject"),
        (token(sub=7), "no subject"),
        (token(sub="x" * (MAX_SUBJECT + 1)), "no subject"),
        (token(exp=None), "how long"),
        (token(exp="1900000000"), "how long"),
        (token(exp=True), "how long"),
        (token(exp=float("inf")), "how long"),
        (token(exp=float("nan")), "how long"),
        (token(nbf="now"), "how long"),
        (token(exp=NOW - 5), "expired"),
        (token(nbf=NOW + 5.1), "not valid yet"),
        (b"", "malformed"),
        (b"a.b", "malformed"),
        (b"a.b.c", "malformed"),
        (b"a.b.c.d.e", "malformed"),
        (b"\xff.\xff.\xff", "malformed"),
        (b"W1s." * 2000, "malformed"),
    ],
)
def test_every_other_token_is_refused_with_the_reason(given: bytes, reason: str) -> None:
    assert reason in refusal(given)


def test_supabases_public_keys_are_no_tokens_of_a_person() -> None:
    """`anon` and `service_role` are signed by the same secret, and the first of them is in every browser."""
    for role in ("anon", "service_role"):
        assert refusal(token(iss="supabase", aud=None, sub=None, role=role))


def test_clocks_may_differ_by_the_leeway() -> None:
    given = token(exp=NOW, nbf=NOW)
    assert verifier().subject(given, NOW + 4.9) == USER
    assert verifier().subject(given, NOW - 4.9) == USER
    assert "expired" in refusal(given, NOW + 5)
    assert "not valid yet" in refusal(given, NOW - 5.1)
    assert "expired" in refusal(given, NOW, TokenRules(ISSUER, AUDIENCE, leeway=0))


def test_an_algorithm_that_is_not_wanted_is_not_accepted() -> None:
    only = TokenRules(ISSUER, AUDIENCE, frozenset(["ES256"]))
    assert verifier(only).subject(token(ec_key(), "ES256", header={"kid": "e"}), NOW) == USER
    assert NOT_OURS in refusal(token(), rules=only)
    assert NOT_OURS in refusal(token(rsa_key(), "RS256", header={"kid": "r"}), rules=only)


def test_both_secrets_are_accepted_while_they_are_changed() -> None:
    new = "the next secret, which is long enough"
    both = TokenVerifier(RULES, secret_keys([new, SECRET]))
    assert [both.subject(token(key), NOW) for key in (new, SECRET)] == [USER, USER]
    with pytest.raises(InvalidToken):
        TokenVerifier(RULES, secret_keys([new])).subject(token(), NOW)


def test_without_a_key_nobody_is_told_that_the_token_is_wrong() -> None:
    with pytest.raises(TokenKeysMissing):
        TokenVerifier(RULES, ()).subject(token(), NOW)


def test_a_token_that_is_remembered_still_expires() -> None:
    one = verifier()
    given = token()
    assert [one.subject(given, NOW) for _ in range(2)] == [USER, USER]
    for _ in range(2):
        with pytest.raises(InvalidToken, match="expired"):
            one.subject(given, NOW + 3605)


def test_a_remembered_token_is_not_checked_again_and_an_altered_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    one = verifier()
    given = token()
    checked: list[bytes] = []
    signed = TokenVerifier._signed

    def counted(self: TokenVerifier, token: bytes) -> bytes:
        checked.append(token)
        return signed(self, token)

    monkeypatch.setattr(TokenVerifier, "_signed", counted)
    assert [one.subject(given, NOW) for _ in range(3)] == [USER] * 3
    altered = given[:-1] + (b"A" if given[-1:] != b"A" else b"B")
    with pytest.raises(InvalidToken):
        one.subject(altered, NOW)
    assert checked == [given, altered]


def test_a_bounded_number_of_tokens_is_remembered() -> None:
    one = verifier()
    for number in range(MAX_VERIFIED + 10):
        one.subject(token(sub=str(number)), NOW)
    assert len(one._verified) == MAX_VERIFIED
