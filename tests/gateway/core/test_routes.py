"""The route table: every problem at once, the first matching row wins, the shipped one is right."""

from importlib.resources import files

import pytest

from gateway.core.decide import Backend
from gateway.core.routes import Handling, RouteTableError, parse_routes

BROKEN = """
unknown = 1
[defaults]
idle = 0
[[route]]
name = "Bad Name"
path = "no-slash"
[[route]]
name = "a"
path = "/a"
flag = "f"
backend = "v2"
timeout = 3
[[route]]
name = "b"
path = "/x{y}"
methods = ["post"]
guards = ["nonsense"]
[[route]]
name = "c"
path = "/c"
[[route]]
name = "c"
path = "/c"
max_body = -1
[[route]]
name = "d"
path = "/_gateway/health"
guards = ["storage-path-of-user"]
[[route]]
name = "e"
path = "/c"
backend = "v3"
[[route]]
name = "f"
path = "/f"
flag = "f"
id_policy = "guess"
rate_limit = 1.5
sunset = "Sat, 31 Dec 2027 23:59:59 GMT"
successor = "over there"
[[route]]
name = "g"
path = "/g"
id_policy = "refuse"
deprecated = 2027-06-01T00:00:00Z
sunset = 2027-05-31T23:59:59Z
"""


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(RouteTableError) as caught:
        parse_routes(BROKEN)
    text = "\n".join(caught.value.problems)
    for part in (
        "unknown table 'unknown'",
        "defaults: 'idle' must be more than 0",
        "'name' must be lower-case",
        "'path' must begin with '/'",
        "'flag' and 'backend' exclude each other",
        "unknown option 'timeout'",
        "must be a whole segment",
        "'methods' must be a list of upper-case",
        "'guards' must be a list from",
        "'max_body' must be a whole number",
        "is the gateway's own",
        "'id_policy' needs a 'flag'",
        "'id_policy' must be one of legacy, refuse",
        "'rate_limit' must be a whole number",
        "'sunset' must be a date like",
        "'successor' must be a URL",
        "route 'g': 'sunset' must not be earlier than 'deprecated'",
        "'backend' must be one of legacy, v2",
    ):
        assert part in text


def test_two_rows_for_one_method_and_path_are_refused() -> None:
    rows = (
        '[[route]]\nname = "a"\npath = "/x"\nmethods = ["GET"]\n[[route]]\nname = "b"\npath = "/x"\nmethods = ["GET"]\n'
    )
    with pytest.raises(RouteTableError, match="GET /x belongs to 'a'"):
        parse_routes(rows)


def test_what_is_not_toml_is_said_to_be_so() -> None:
    with pytest.raises(RouteTableError, match="not TOML"):
        parse_routes("[[route]")


def test_the_shipped_table_knows_every_route_of_the_monolith() -> None:
    table = parse_routes(files("gateway").joinpath("routes.toml").read_text())
    for method, path, name in (
        (b"POST", b"/process-full", "process-full"),
        (b"GET", b"/health", "health"),
        (b"GET", b"/embedding-status/u-1", "embedding-status"),
        (b"POST", b"/complete-embeddings/u-1", "complete-embeddings"),
        (b"GET", b"/generate-soulprint/u-1", "generate-soulprint"),
        (b"POST", b"/query", "query"),
        (b"GET", b"/process-full", "unmatched"),
        (b"OPTIONS", b"/process-full", "unmatched"),
        (b"POST", b"/process-full/", "unmatched"),
        (b"POST", b"/embed-chunks", "embed-chunks"),
        (b"GET", b"/embedding-status/", "unmatched"),
        (b"GET", b"/embedding-status/a/b", "unmatched"),
    ):
        assert table.match(method, path).name == name
    flagged = [route.name for route in table.routes if route.flag]
    assert flagged == ["process-full"]
    assert all(route.backend is Backend.LEGACY for route in (*table.routes, table.unmatched))
    assert table.match(b"POST", b"/create-soulprint").first_byte >= 90
    assert table.match(b"POST", b"/query").first_byte >= 60


@pytest.mark.parametrize("table", ["[defaults]\n", '[[route]]\nname = "a"\npath = "/a"\n'])
def test_a_token_can_be_held_against_the_user_only_where_there_is_one(table: str) -> None:
    with pytest.raises(RouteTableError, match="'jwt_user' needs 'jwt = true'"):
        parse_routes(f"{table}jwt_user = true\n")
    assert parse_routes(f"{table}jwt = true\njwt_user = true\n")


def test_a_star_matches_all_that_begins_so() -> None:
    table = parse_routes('[[route]]\nname = "files"\npath = "/files/*"\n')
    assert table.match(b"GET", b"/files/a/b").name == "files"
    assert table.match(b"GET", b"/files").name == "unmatched"


def test_defaults_hold_for_rows_and_for_what_is_not_listed() -> None:
    table = parse_routes(
        '[defaults]\nidle = 5\n[[route]]\nname = "a"\npath = "/a"\n[[route]]\nname = "b"\npath = "/b"\nidle = 7\n'
    )
    assert (table.match(b"GET", b"/a").idle, table.match(b"GET", b"/b").idle, table.unmatched.idle) == (5, 7, 5)


def test_dates_are_written_as_http_or_toml_writes_them() -> None:
    row = '[[route]]\nname = "a"\npath = "/a"\n'
    for text in ('"Fri, 31 Dec 2027 23:59:59 GMT"', "2027-12-31T23:59:59Z", "2028-01-01T00:59:59+01:00"):
        (route,) = parse_routes(f"{row}sunset = {text}\n").routes
        assert route.notices == ((b"sunset", b"Sunset: Fri, 31 Dec 2027 23:59:59 GMT\r\n"),)
    for text in ('"Sat, 31 Dec 2027 23:59:59 GMT"', '"tomorrow"', "2027-12-31T23:59:59", "2027-12-31", "true", "1"):
        with pytest.raises(RouteTableError, match="'sunset' must be a date"):
            parse_routes(f"{row}sunset = {text}\n")


def test_a_url_cannot_end_its_field_or_its_brackets() -> None:
    for text in ("/a>; rel=x", "/a b", "/a\\r\\nX: y", "//host\\n", "javascript:x", ""):
        with pytest.raises(RouteTableError, match="'successor' must be a URL"):
            parse_routes(f'[[route]]\nname = "a"\npath = "/a"\nsuccessor = "{text}"\n')


@pytest.mark.parametrize(
    ("options", "handling"),
    [
        ("", Handling.PASS),
        ("rate_limit = 5", Handling.PASS),
        ('key = "user_id"', Handling.PASS),
        ('key = "user_id"\nrate_limit = 5', Handling.PEEK),
        ('key = "id"\nrate_limit = 5', Handling.PASS),
        ('guards = ["storage-path-of-user"]', Handling.PEEK),
        ("jwt = true", Handling.PASS),
        ("jwt = true\njwt_user = true", Handling.PEEK),
        ('jwt = true\njwt_user = true\nkey = "id"', Handling.PASS),
        ('flag = "f"\njwt = true\njwt_user = true', Handling.DECIDE),
        ('flag = "f"', Handling.DECIDE),
        ('flag = "f"\nguards = ["storage-path-of-user"]', Handling.DECIDE),
    ],
)
def test_a_body_is_read_only_where_something_in_it_is_asked_for(options: str, handling: Handling) -> None:
    """A key that stands in the path needs no body."""
    (route,) = parse_routes(f'[[route]]\nname = "a"\npath = "/a/{{id}}"\n{options}\n').routes
    assert route.handling is handling


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        ("", False),
        ("closed = true", True),
        ("api_key = true", True),
        ("jwt = true", True),
        ("rate_limit = 1", True),
        ("closed = false", False),
    ],
)
def test_only_routes_that_ask_for_it_have_their_head_checked(options: str, checks: bool) -> None:
    (route,) = parse_routes(f'[[route]]\nname = "a"\npath = "/a"\n{options}\n').routes
    assert route.checks_head is checks


PROTECTED = """
[[route]]
name = "open"
path = "/open/*"
[[route]]
name = "person"
path = "/own/{user_id}"
methods = ["GET"]
OPTION
"""
SPELLINGS = (b"//own/u", b"/own//u", b"/./own/u", b"/open/../own/u", b"/own/u/", b"/own/%75/", b"/own;a/u")


@pytest.mark.parametrize("option", ["closed = true", "api_key = true", "jwt = true", "rate_limit = 1"])
@pytest.mark.parametrize("path", SPELLINGS)
def test_another_spelling_of_a_protected_path_is_closed(option: str, path: bytes) -> None:
    table = parse_routes(PROTECTED.replace("OPTION", option))
    route = table.match(b"GET", path)
    assert (route.name, route.closed, route.checks_head) == ("person", True, True)
    assert not table.match(b"GET", b"/own/u").closed or option == "closed = true"


@pytest.mark.parametrize("path", SPELLINGS)
def test_without_protected_routes_and_for_other_methods_every_spelling_passes(path: bytes) -> None:
    table, checked = (
        parse_routes(PROTECTED.replace("OPTION", "")),
        parse_routes(PROTECTED.replace("OPTION", "jwt = true")),
    )
    for route in (table.match(b"GET", path), checked.match(b"POST", path)):
        assert route.name in ("open", "unmatched")
        assert not route.closed


@pytest.mark.parametrize("path", [b"/open/a/", b"/open//b", b"/else/./a", b"/own/a/b//", b"/own/", b"*", b"/own/a;b"])
def test_a_path_that_is_no_spelling_of_a_protected_one_passes_as_it_is(path: bytes) -> None:
    route = parse_routes(PROTECTED.replace("OPTION", "jwt = true")).match(b"GET", path)
    assert not route.closed


def test_where_all_is_protected_but_one_route_it_is_no_way_in() -> None:
    table = parse_routes(
        "[defaults]\nclosed = true\n"
        + PROTECTED.replace("OPTION", "").replace('"/open/*"', '"/open/*"\nclosed = false')
    )
    assert not table.match(b"GET", b"/open/x").closed
    assert table.match(b"GET", b"/open/../x").closed
