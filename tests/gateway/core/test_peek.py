"""`user_id` out of a body's first bytes, as the backends would read it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.decide import Identity, IdProblem
from gateway.core.peek import peek

USER = "2b1c5a52-5f05-4d57-9a0e-1f5dbbd2b5b1"


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id":"u"}',
        b' \t\r\n{ "user_id" \n:\t"u" }',
        b'{"a":[1,{"user_id":"x"}],"user_id":"u"}',
        b'{"\\u0075ser_id":"\\u0075"}',
        b'{"user_id":"x","user_id":"u"}',
        b'\xef\xbb\xbf{"user_id":"u"}',
        '{"user_id":"u"}'.encode("utf-16"),
        '{"user_id":"u"}'.encode("utf-16-le"),
        '{"user_id":"u"}'.encode("utf-32"),
        b'{"n":NaN,"user_id":"u"}',
    ],
)
def test_an_id_is_found_wherever_the_backends_find_it(body: bytes) -> None:
    assert peek(body, complete=True).identity.value == "u"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", IdProblem.UNREADABLE),
        (b"{}", IdProblem.MISSING),
        (b'{"user_id":""}', IdProblem.EMPTY),
        (b'{"user_id":1}', IdProblem.NOT_A_STRING),
        (b'{"user_id":null}', IdProblem.NOT_A_STRING),
        (b'{"user_id":["u"]}', IdProblem.NOT_A_STRING),
        (b'{"a":{"user_id":"u"}}', IdProblem.MISSING),
        (b'["user_id","u"]', IdProblem.UNREADABLE),
        (b'"user_id"', IdProblem.UNREADABLE),
        (b'{"user_id":"u"', IdProblem.UNREADABLE),
        (b"\x1f\x8b\x08\x00", IdProblem.UNREADABLE),
        (b"\xff\xfe\xfd", IdProblem.UNREADABLE),
        (b'{"user_id":"\\ud800"}', IdProblem.UNREADABLE),
        (b'{"user_id":"%b"}' % (b"x" * 257), IdProblem.TOO_LONG),
        (b"[" * 100_000, IdProblem.UNREADABLE),
    ],
)
def test_what_is_wrong_with_an_id_is_named(body: bytes, problem: IdProblem) -> None:
    assert peek(body, complete=True).identity.problem is problem


def test_an_id_before_a_cut_is_found_and_one_behind_it_is_not() -> None:
    long = b'"' + b"x" * 1000
    assert peek(b'{"user_id":"u","conversations":' + long, complete=False).identity.value == "u"
    assert peek(b'{"conversations":' + long, complete=False).identity.problem is IdProblem.BEYOND_PREFIX
    assert peek(b'{"user_id":"u', complete=False).identity.problem is IdProblem.BEYOND_PREFIX


def test_a_cut_inside_a_character_spoils_nothing() -> None:
    body = '{"user_id":"ü","text":"ä'.encode()
    assert peek(body[:-1], complete=False).identity.value == "ü"


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\x80"])
def test_bytes_that_are_no_text_do_not_make_one_id_of_another(bad: bytes) -> None:
    body = b'{"user_id":"u%b","text":"' % bad + b"x" * 1000
    assert peek(body, complete=False).identity.value is None
    assert peek(body + b'"}', complete=True).identity.value is None


@given(
    st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists)),
    st.integers(0, 400),
)
def test_a_cut_body_never_gives_another_id_than_the_whole(rest: dict[str, object], cut: int) -> None:
    rest.pop("user_id", None)
    body = json.dumps({"user_id": USER} | rest).encode()
    found = peek(body[:cut], complete=False).identity
    assert found.value in (USER, None)
    assert peek(body, complete=True).identity.value == USER


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_at_all_make_it_fail(body: bytes, complete: bool) -> None:
    found = peek(body, complete=complete).identity
    assert (found.value is None) is (found.problem is not None)


@given(
    st.recursive(st.none() | st.text(max_size=4) | st.floats(), lambda inner: st.lists(inner, max_size=3)),
    st.binary(max_size=3),
)
def test_the_quick_way_reads_what_the_backends_reader_reads(value: object, behind: bytes) -> None:
    body = json.dumps({"user_id": value}, ensure_ascii=False).encode("utf-8", "surrogatepass") + behind
    try:
        expected = json.loads(body)["user_id"]
    except ValueError:
        assert peek(body, complete=True).identity.problem is IdProblem.UNREADABLE
    else:
        assert peek(body, complete=True).identity == Identity.of(expected)
