"""`user_id` out of a body's first bytes, as the backends would read it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.decide import Identity, IdProblem
from gateway.core.peek import Peeked, peek

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


def as_the_backends_read(body: bytes, key: str = "user_id") -> tuple[object, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    path = found.get("storage_path")
    return Identity.of(found[key]) if key in found else MISSING, path if isinstance(path, str) else None


MISSING = Identity(None, IdProblem.MISSING)
PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"/", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"u", b"0", b"-",
     b"1", b".", b"e5", b"+", b"NaN", b"-Infinity", b"true", b"null", b"\\u00e9", b"\\ud800", b"\\u12", b"\xc3\xa9",
     b'"user_id"', b'"user_id":"v"', b'"storage_path":"p"', b'"\\u0075ser_id":"w"', b'{"user_id":"x"}', b"1" * 400]
)  # fmt: skip


@given(st.lists(PIECES, max_size=5), st.lists(PIECES, max_size=5), st.lists(PIECES, max_size=3))
def test_whatever_becomes_of_a_body_it_is_read_as_the_backends_read_it(
    key: list[bytes], value: list[bytes], behind: list[bytes]
) -> None:
    body = b'{"a":%b,"user_id":"u"%b}%b' % (b"".join(value) or b"1", b"".join(key), b"".join(behind))
    expected = as_the_backends_read(body) or (Identity(None, IdProblem.UNREADABLE), None)
    found = peek(body, complete=True)
    assert (found.identity, found.storage_path) == expected


@pytest.mark.parametrize("depth", [399, 400, 401, 900, 2000, 50_000])
def test_depth_is_too_great_where_the_backends_find_it_so(depth: int) -> None:
    body = b'{"user_id":"u","a":%b%b}' % (b"[" * depth, b"]" * depth)
    expected, found = as_the_backends_read(body), peek(body, complete=True)
    assert (found.identity, found.storage_path) == (expected or (Identity(None, IdProblem.UNREADABLE), None))
    assert peek(body[:-1], complete=True).identity.problem is IdProblem.UNREADABLE


@pytest.mark.parametrize("digits", [100, 4000, 4300, 4301, 10_000])
def test_a_number_is_too_long_where_the_backends_find_it_so(digits: int) -> None:
    body = b'{"user_id":"u","n":%b}' % (b"7" * digits)
    assert (peek(body, complete=True).identity.value is None) is (as_the_backends_read(body) is None)


@pytest.mark.parametrize("key", ["storage_path", 'a"b', "a\\b", "ü", "value", "path"])
def test_any_name_can_be_the_key(key: str) -> None:
    body = json.dumps({key: "u", "other": 1}).encode()
    assert peek(body, complete=True, key=key).identity.value == "u"
    assert peek(b'{"other":1}', complete=True, key=key).identity.problem is IdProblem.MISSING


@pytest.mark.parametrize("size", [100, 4000, 4020, 4050, 4080, 50_000])
def test_a_body_of_any_size_is_read_alike(size: int) -> None:
    start = b'{"user_id":"x","storage_path":"x","text":"'
    body = start + b"x" * (size - len(start)) + b'","user_id":"u","storage_path":"b/u/c"}'
    assert peek(body, complete=True) == Peeked(Identity("u"), "b/u/c", True)
