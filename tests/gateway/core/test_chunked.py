"""The chunked decoder: any cut of a valid body gives the same pieces; nothing invalid is ever completed."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chunked import ChunkedDecoder, encode_chunk, encode_last_chunk


def decode(pieces: list[bytes]) -> tuple[bytes, ChunkedDecoder]:
    decoder = ChunkedDecoder()
    return b"".join(part for piece in pieces for part in decoder.feed(piece)), decoder


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.binary(max_size=20), st.data())
def test_what_is_encoded_is_decoded_however_it_is_cut(parts: list[bytes], behind: bytes, data: st.DataObject) -> None:
    wire = b"".join(map(encode_chunk, parts)) + encode_last_chunk([(b"X-A", b"1")])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    edges = [0, *cuts, len(wire)]
    pieces = [wire[a:b] for a, b in itertools.pairwise(edges)]
    pieces[-1] += behind
    body, decoder = decode(pieces)
    assert (body, decoder.done, decoder.trailers, decoder.rest) == (b"".join(parts), True, [(b"X-A", b"1")], behind)


@given(st.binary(max_size=100))
def test_garbage_is_refused_or_waited_for_but_never_passed_beyond_its_size(garbage: bytes) -> None:
    decoder = ChunkedDecoder()
    try:
        pieces = decoder.feed(garbage)
    except ValueError:
        return
    assert sum(map(len, pieces)) <= len(garbage)


@pytest.mark.parametrize("wire", [b"\n", b"g\r\n", b"5\n", b"5\r\nhelloX", b"0\r\nX\r\n\r\n", b"1;\x00\r\n", b"-1\r\n"])
def test_a_broken_body_is_refused_at_once(wire: bytes) -> None:
    with pytest.raises(ValueError, match=r"chunk|trailer|header|Invalid|token"):
        ChunkedDecoder().feed(wire)


def test_an_endless_size_line_is_not_collected() -> None:
    decoder = ChunkedDecoder()
    with pytest.raises(ValueError, match="bad chunk-size"):
        for _ in range(10_000):
            decoder.feed(b"0")


def test_trailers_that_must_not_travel_are_left_out() -> None:
    _, decoder = decode([b"0\r\nSet-Cookie: a\r\nX-Gateway-Backend: v2\r\nX-Ok: 1\r\n\r\n"])
    assert decoder.trailers == [(b"X-Ok", b"1")]
