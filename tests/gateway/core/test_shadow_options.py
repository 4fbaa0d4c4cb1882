"""The `shadow` of a route: every problem at once, and nothing twice that is not declared safe."""

import pytest

from gateway.core.routes import Route, RouteTableError, parse_routes
from gateway.core.shadowing import Shadowing

FLAGGED = '[[route]]\nname = "a"\nmethods = ["POST"]\npath = "/a"\nflag = "f"\nshadow = '
SAFE = '[[route]]\nname = "a"\nmethods = ["GET"]\npath = "/a"\nshadow = '


def route(text: str) -> Route:
    return parse_routes(text).routes[0]


def problems(text: str) -> str:
    with pytest.raises(RouteTableError) as caught:
        parse_routes(text)
    return "\n".join(caught.value.problems)


def test_a_flagged_route_needs_a_share_of_users() -> None:
    assert route(FLAGGED + "{ percent = 5 }").shadow == Shadowing(5)
    assert route(FLAGGED + "{ percent = 5.0, per_day = 20 }").shadow == Shadowing(5, per_day=20)


def test_a_safe_route_needs_a_flag_for_its_stage() -> None:
    wanted = Shadowing(0.5, "f", True, 20, ("/at", "/items/*/id"), 50_000)
    options = 'percent = 0.5, flag = "f", safe = true, repeat = 20, ignore = ["/at", "/items/*/id"], per_day = 50_000'
    assert route(SAFE + f"{{ {options} }}").shadow == wanted


def test_without_it_nothing_is_shadowed() -> None:
    assert route('[[route]]\nname = "a"\npath = "/a"\n').shadow is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("5", ["'shadow' must be a table like { percent = 5 }"]),
        ("{}", ["'percent' is needed"]),
        (
            '{ percent = 0, per_day = 1.5, safe = 1, repeat = -1, ignore = ["x"], flag = "", odd = 1 }',
            [
                "'percent' must be more than 0, and at most 100",
                "'per_day' must be a whole number",
                "'safe' must be true or false",
                "'repeat' must be from 0 to 100",
                "'ignore' must be a list of at most 50 paths",
                "'flag' must be a flag's name",
                "'odd' is unknown",
            ],
        ),
        ("{ percent = true }", ["'percent' must be more than 0"]),
        ("{ percent = 101 }", ["'percent' must be more than 0"]),
        ("{ percent = 1, per_day = 0 }", ["'per_day' must be a whole number, 1 or more"]),
    ],
)
def test_all_problems_are_told_at_once(text: str, parts: list[str]) -> None:
    found = problems(FLAGGED + text)
    assert [part for part in parts if part not in found] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FLAGGED + "{ percent = 2.5 }", "'percent' must be whole"),
        (FLAGGED + '{ percent = 2, flag = "g" }', "are for routes without a flag"),
        (FLAGGED + "{ percent = 2, safe = true }", "are for routes without a flag"),
        (FLAGGED + '{ percent = 2, ignore = ["/a"] }', "are for routes without a flag"),
        (SAFE + '{ percent = 2, flag = "f" }', "declared safe"),
        (SAFE + "{ percent = 2, safe = true }", "'flag' is needed"),
        (SAFE.replace("GET", "POST") + '{ percent = 2, flag = "f", safe = true }', "whose one method is GET"),
        (SAFE.replace('methods = ["GET"]\n', "") + '{ percent = 2, flag = "f", safe = true }', "whose one method"),
        ("[defaults]\nshadow = { percent = 5 }\n", "defaults: 'shadow' belongs to a route"),
    ],
)
def test_a_shadow_must_fit_its_route(text: str, problem: str) -> None:
    assert problem in problems(text)
