"""What the route table can put in front of the monolith."""

import pytest

from gateway.core.errors import Refused, TooManyRequests, Unauthorized
from gateway.core.guards import MAX_KEYS, MAX_TOLD, Asked, Guards, RateLimiter, check_api_key, check_storage_path
from gateway.core.peek import peek
from gateway.core.routes import parse_routes


def check(path: str, user: str = "u1") -> None:
    body = f'{{"user_id":"{user}","storage_path":"{path}"}}'.encode()
    check_storage_path(peek(body, complete=True))


def test_the_users_own_folder_is_fine() -> None:
    check("user-imports/u1/raw-1.json")
    check("user-imports/u1/a/b.json")
    check_storage_path(peek(b'{"user_id":"u1","conversations":[]}', complete=True))


@pytest.mark.parametrize(
    "path",
    [
        "user-imports/u2/raw.json", "user-imports/u1", "u1/raw.json", "/user-imports/u1/x", "user-imports//u1/x",
        "user-imports/u1/../u2/x", "user-imports/u1/./x", "user-imports/../u1/x", "user-imports/u1/%2e%2e/u2/x",
        "user-imports/u1/%252e%252e/u2/x", "user-imports/u1/..%2fu2/x", "user-imports/U1/x", "user-imports/u1/", "",
        "user-imports/u1/a\\\\b", "user-imports/u1/%00",
    ],
)  # fmt: skip
def test_everything_else_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        check(path)


def test_a_body_that_is_not_read_to_its_end_is_refused() -> None:
    with pytest.raises(Refused, match="too long"):
        check_storage_path(peek(b'{"user_id":"u1","storage_path":"b/u1/x","conversations":[', complete=False))


def test_the_key_comes_as_bearer_or_as_x_api_key() -> None:
    check_api_key([(b"Authorization", b"Bearer k")], b"k")
    check_api_key([(b"AUTHORIZATION", b"bearer  k")], b"k")
    check_api_key([(b"X-Api-Key", b"k")], b"k")
    for fields in ([], [(b"Authorization", b"Basic k")], [(b"X-Api-Key", b"kk")], [(b"Cookie", b"k")]):
        with pytest.raises(Unauthorized):
            check_api_key(fields, b"k")
    with pytest.raises(Unauthorized):
        check_api_key([(b"X-Api-Key", b"")], b"")


def test_a_limit_lets_a_burst_pass_and_refills() -> None:
    limiter = RateLimiter(6)
    for _ in range(6):
        limiter.check("u", 0.0)
    with pytest.raises(TooManyRequests):
        limiter.check("u", 1.0)
    limiter.check("other", 1.0)
    limiter.check("u", 11.0)
    with pytest.raises(TooManyRequests):
        limiter.check("u", 11.0)


def test_a_limit_remembers_a_bounded_number_of_users() -> None:
    limiter = RateLimiter(1)
    for number in range(MAX_KEYS + 10):
        limiter.check(str(number), 0.0)
    limiter.check("0", 0.0)
    with pytest.raises(TooManyRequests):
        limiter.check(str(MAX_KEYS), 0.0)


def test_what_another_worker_let_pass_counts_here_too() -> None:
    limiter = RateLimiter(6)
    limiter.take("u", 5, 0.0)
    limiter.check("u", 0.0)
    with pytest.raises(TooManyRequests):
        limiter.check("u", 0.0)
    assert limiter.spent == {"u": 1}


def test_a_debt_is_at_most_one_full_bucket() -> None:
    limiter = RateLimiter(6)
    limiter.take("u", 1000, 0.0)
    with pytest.raises(TooManyRequests):
        limiter.check("u", 69.0)
    limiter.check("u", 70.0)


def status(guards: Guards, options: str, body: bytes | None, path: bytes = b"/a/u", address: str = "1.1.1.1") -> int:
    (route,) = parse_routes(f'[[route]]\nname = "a"\npath = "/a/{{id}}"\nrate_limit = 1\n{options}\n').routes
    try:
        owner = guards.check_head(Asked(route, b"GET", path, [], address), 0.0, 0.0)
        if body is not None:
            guards.check_body(route, peek(body, complete=True, key=route.key or ""), address, 0.0, owner)
    except TooManyRequests:
        return 429
    return 200


def test_a_limit_counts_users_where_the_body_or_the_path_names_them() -> None:
    guards = Guards("")
    in_body = 'key = "user_id"'
    assert [status(guards, in_body, b'{"user_id":"u"}') for _ in range(2)] == [200, 429]
    assert status(guards, in_body, b'{"user_id":"v"}') == 200
    guards = Guards("")
    in_path = 'key = "id"'
    assert [status(guards, in_path, None, path) for path in (b"/a/u", b"/a/u", b"/a/v")] == [200, 429, 200]


def test_a_limit_counts_addresses_where_nothing_names_the_user() -> None:
    guards = Guards("")
    assert [status(guards, "", None, address=one) for one in ("1.1.1.1", "1.1.1.1", "2.2.2.2")] == [200, 429, 200]


def test_leaving_the_id_out_is_no_way_around_the_limit() -> None:
    guards = Guards("")
    assert [status(guards, 'key = "user_id"', b"{}") for _ in range(2)] == [200, 429]
    assert status(guards, 'key = "user_id"', b'{"user_id":"1.1.1.1"}') == 200


def test_buckets_outlive_a_reload_that_keeps_their_limit() -> None:
    guards = Guards("")
    assert status(guards, "", None) == 200
    (route,) = parse_routes('[[route]]\nname = "a"\npath = "/a/{id}"\nrate_limit = 1\n').routes
    guards.keep("", None, [route])
    assert status(guards, "", None) == 429
    guards.keep("", None, [])
    assert status(guards, "", None) == 200


def test_workers_tell_what_they_let_pass_once_and_a_bounded_number_at_a_time() -> None:
    one, other = Guards(""), Guards("")
    assert [status(one, "", None, address=address) for address in ("1.1.1.1", "1.1.1.1", "2.2.2.2")] == [200, 429, 200]
    told = one.tell()
    assert told == [("a", 1, "address 1.1.1.1", 1), ("a", 1, "address 2.2.2.2", 1)]
    assert one.tell() == []
    other.hear(told, 0.0)
    assert [status(other, "", None, address=address) for address in ("1.1.1.1", "3.3.3.3")] == [429, 200]
    for number in range(MAX_TOLD):
        status(one, "", None, address=f"many {number}")
    assert (len(one.tell()), len(one.tell())) == (MAX_TOLD, 0)
    for number in range(MAX_TOLD + 1):
        status(one, "", None, address=f"more {number}")
    assert (len(one.tell()), len(one.tell())) == (MAX_TOLD, 1)


@pytest.mark.parametrize(
    "spelling",
    [
        "6C1F0B7E-52A8-4F0E-9B8E-0F6F4F5B3A11",
        "{6c1f0b7e-52a8-4f0e-9b8e-0f6f4f5b3a11}",
        "6c1f0b7e52a84f0e9b8e0f6f4f5b3a11",
    ],
)
def test_another_spelling_of_ones_id_is_no_other_limit(spelling: str) -> None:
    guards = Guards("")
    usual = "6c1f0b7e-52a8-4f0e-9b8e-0f6f4f5b3a11"
    in_body, in_path = 'key = "user_id"', 'key = "id"'
    bodies = [f'{{"user_id":"{user}"}}'.encode() for user in (usual, spelling)]
    assert [status(guards, in_body, body) for body in bodies] == [200, 429]
    guards = Guards("")
    assert [status(guards, in_path, None, f"/a/{user}".encode()) for user in (usual, spelling)] == [200, 429]
