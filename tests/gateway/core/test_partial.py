"""Heads that come in pieces: found and refused at the right byte, at a cost that grows with their length alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import MalformedRequest
from gateway.core.partial import PartialHead, behind_empty_lines

HEAD = b"GET /a HTTP/1.1\r\nHost: a\r\nX: \ty\r\n\r\n"


def feed(pieces: list[bytes]) -> bytes | None:
    head = PartialHead(pieces[0])
    head.check_request(pieces[0])
    for piece in pieces[1:]:
        whole = head.add(piece)
        if whole is not None:
            return whole
        head.check_request(piece)
    return None


@given(st.lists(st.integers(1, len(HEAD) - 1), unique=True, min_size=1))
def test_however_it_is_cut_it_is_found_whole(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(HEAD)]
    assert feed([HEAD[a:b] for a, b in itertools.pairwise(edges)]) == HEAD


@pytest.mark.parametrize("rest", [b"", HEAD, b"\r", b"\rG", b"\n", b"\n\r\n"])
def test_empty_lines_before_a_head_are_skipped_and_nothing_else_is(rest: bytes) -> None:
    assert behind_empty_lines(rest) == rest
    assert behind_empty_lines(b"\r\n" * 100_000 + rest) == rest


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\nHost", b"GET / HTTP/1.1\r\nHost: a\rX", b"GET / HTTP/1.1\r\nA: \x00", b"\x16\x03\x01", b"G(T"],
)
def test_what_cannot_become_a_head_is_refused_however_it_is_cut(head: bytes) -> None:
    for cut in range(1, len(head)):
        with pytest.raises(MalformedRequest):
            feed([head[:cut], head[cut:]])
    with pytest.raises(MalformedRequest):
        feed([head[at : at + 1] for at in range(len(head))])


def test_a_first_line_is_too_long_as_soon_as_it_is() -> None:
    head = PartialHead(b"GET /" + b"a" * 95)
    assert not head.first_line_longer_than(100)
    head.add(b"a")
    assert head.first_line_longer_than(100)
    short = PartialHead(b"GET / HTTP/1.1\r\n" + b"a" * 200)
    assert not short.first_line_longer_than(100)


def test_empty_lines_that_are_still_coming_are_no_bad_beginning_and_a_bare_cr_is() -> None:
    assert feed([b"\r", b"\n"]) == b"\r\n"
    assert feed([b"\r", b"\n\r", b"\nGET"]) == b"\r\n\r\nGET"
    assert feed([b"\r\n\r"]) is None
    for cut in ([b"\r", b"G"], [b"\rG"], [b"\r\n\r", b"G"], [b"\r\n", b"\r", b"\r"]):
        with pytest.raises(MalformedRequest):
            feed(cut)
