"""Two answers side by side: status first, then the kind of content, then JSON by value and the rest by its bytes."""

import pytest

from gateway.core.comparison import MEDIA_TYPE, STATUS, Seen, compare, seen
from gateway.core.differences import Difference, Kind


def json_answer(body: bytes, status: int = 200) -> Seen:
    return Seen(status, b"application/json", body)


@pytest.mark.parametrize(
    ("control", "candidate", "wanted"),
    [
        (json_answer(b'{"a":1,"b":2}'), json_answer(b'{ "b": 2, "a": 1 }'), []),
        (json_answer(b'{"a":1}'), json_answer(b'{"a":2}'), [Difference("/a", Kind.VALUE)]),
        (json_answer(b'{"a":1}'), json_answer(b'{"a":1}', 404), [Difference(STATUS, Kind.VALUE)]),
        (json_answer(b"{}"), Seen(200, b"text/html", b"{}"), [Difference(MEDIA_TYPE, Kind.VALUE)]),
        (json_answer(b"{}"), json_answer(b"{"), [Difference("/", Kind.VALUE)]),
        (json_answer(b"null"), json_answer(b"{}"), [Difference("/", Kind.TYPE)]),
        (json_answer(b"{"), json_answer(b"{"), []),
        (Seen(200, b"text/plain", b"a"), Seen(200, b"text/plain", b"a"), []),
        (Seen(200, b"text/plain", b"a"), Seen(200, b"text/plain", b"b"), [Difference("/", Kind.VALUE)]),
        (Seen(200, b"application/problem+json", b"[1]"), Seen(200, b"application/problem+json", b"[ 1]"), []),
    ],
)
def test_what_differs_is_named(control: Seen, candidate: Seen, wanted: list[Difference]) -> None:
    assert compare(control, candidate) == wanted


def test_what_is_ignored_is_not() -> None:
    assert compare(json_answer(b'{"at":1}'), json_answer(b'{"at":2}'), ["/at"]) == []


def test_parameters_and_case_of_a_media_type_say_nothing() -> None:
    assert seen(200, b"Application/JSON; charset=utf-8", b"", b"{}") == json_answer(b"{}")


def test_a_compressed_answer_cannot_be_compared() -> None:
    assert seen(200, b"application/json", b"gzip", b"\x1f") is None
    assert seen(200, b"application/json", b"identity", b"{}") is not None
