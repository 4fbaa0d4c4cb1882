"""The referee's own hash and its own reading of ids, against values that others have published."""

import pytest

from bench.fuzz.deciding import PREFIX, Rule, backend_of, murmur3
from bench.fuzz.referee import Request


def request(body: bytes, target: bytes = b"/process-full", method: bytes = b"POST") -> Request:
    return Request(method, target, 1, (), body, False)


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("", 0x00000000),
        ("test", 0xBA6BD213),
        ("Hello, world!", 0xC0363E43),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
        ("process-full-v2:user-1", 0xE1D7449E),
        ("process-full-v2:ユーザー", 0xACE08E78),
    ],
)
def test_the_hash_is_the_published_one(text: str, hashed: int) -> None:
    assert murmur3(text.encode()) == hashed


def test_user_1_is_in_bucket_7_and_user_42_in_bucket_83() -> None:
    assert backend_of(request(b'{"user_id": "user-1"}'), Rule(percentage=7)) == "v2"
    assert backend_of(request(b'{"user_id": "user-1"}'), Rule(percentage=6)) == "legacy"
    assert backend_of(request(b'{"user_id": "user-42"}'), Rule(percentage=82)) == "legacy"


ALL = Rule(percentage=100)
LONG = b'"long": "' + b"x" * PREFIX + b'"'


@pytest.mark.parametrize(
    ("body", "backend"),
    [
        (b'{"user_id": "a", "user_id": 1}', "legacy"),
        (b'{"user_id": 1, "user_id": "a"}', "v2"),
        (b'{"other": {"user_id": "a"}}', "legacy"),
        (b'{"user_id": "\\ud83d"}', "legacy"),
        (b"\xef\xbb\xbf" + b'{"user_id": "a"}', "v2"),
        ('{"user_id": "a"}'.encode("utf-16"), "v2"),
        (b'{"user_id": "a"} x', "legacy"),
        (b'{"user_id": "' + b"x" * 257 + b'"}', "legacy"),
        (b'{"user_id": "a", ' + LONG + b"}", "v2"),
        (b"{" + LONG + b', "user_id": "a"}', "legacy"),
    ],
)
def test_ids_are_read_as_the_backends_read_them(body: bytes, backend: str) -> None:
    assert backend_of(request(body), ALL) == backend


def test_only_a_post_to_the_very_path_is_flagged() -> None:
    body = b'{"user_id": "a"}'
    assert backend_of(request(body, b"/%70rocess-full?x"), ALL) == "v2"
    assert backend_of(request(body, b"/process-full/"), ALL) == "legacy"
    assert backend_of(request(body, method=b"PUT"), ALL) == "legacy"


def test_an_id_that_the_prefix_may_cut_is_left_open() -> None:
    body = b'{"a": 1, "user_id": "' + b"x" * PREFIX + b'"}'
    assert backend_of(request(body), ALL) is None
