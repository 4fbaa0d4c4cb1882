"""The token comes in one Authorization field; a browser's preflight has none."""

import pytest

from gateway.core.bearer import MAX_TOKEN_BYTES, bearer_token, is_preflight
from gateway.core.errors import InvalidToken, TokenMissing


@pytest.mark.parametrize("name", [b"Authorization", b"authorization", b"AUTHORIZATION"])
@pytest.mark.parametrize("value", [b"Bearer t", b"bearer  t", b"BEARER t "])
def test_the_token_follows_the_scheme_in_whatever_case(name: bytes, value: bytes) -> None:
    assert bearer_token([(b"Accept", b"*/*"), (name, value)]) == b"t"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"Authorization", b"Basic dDp0")],
        [(b"Authorization", b"Bearert")],
        [(b"Authorization", b"t")],
        [(b"X-Api-Key", b"t")],
        [(b"Cookie", b"sb-access-token=t")],
        [(b"Proxy-Authorization", b"Bearer t")],
    ],
)
def test_everything_else_is_no_token(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(TokenMissing):
        bearer_token(fields)


def test_two_fields_could_be_read_in_two_ways() -> None:
    with pytest.raises(InvalidToken, match="more than one"):
        bearer_token([(b"Authorization", b"Bearer a"), (b"authorization", b"Bearer b")])


def test_a_token_is_bounded() -> None:
    assert len(bearer_token([(b"Authorization", b"Bearer " + b"x" * MAX_TOKEN_BYTES)])) == MAX_TOKEN_BYTES
    with pytest.raises(InvalidToken, match="8192"):
        bearer_token([(b"Authorization", b"Bearer " + b"x" * (MAX_TOKEN_BYTES + 1))])


def test_a_preflight_is_options_with_both_fields() -> None:
    asking = [(b"origin", b"https://app.example"), (b"Access-Control-Request-Method", b"POST")]
    assert is_preflight(b"OPTIONS", asking)
    assert not is_preflight(b"POST", asking)
    assert not is_preflight(b"OPTIONS", asking[:1])
    assert not is_preflight(b"OPTIONS", asking[1:])
