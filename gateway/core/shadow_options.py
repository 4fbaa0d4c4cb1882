"""The `shadow` of a row of the route table, read and checked; core.shadowing says what it means."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.core.differences import check_ignored
from gateway.core.shadowing import DEFAULT_REPEAT, Shadowing

MAX_IGNORED: Final = 50


def read_shadowing(value: object) -> Shadowing:
    """The value of a route's `shadow`. Raises ValueError with what it must be."""
    if not isinstance(value, Mapping):
        raise ValueError("a table like { percent = 5 }")
    wrong = [f"'{name}' is unknown" for name in value if name not in _MEANINGS]
    wrong += [
        f"'{name}' must be {meaning}" for name, (meaning, right) in _MEANINGS.items() if not right(value.get(name))
    ]
    if "percent" not in value:
        wrong.append("'percent' is needed")
    if wrong:
        raise ValueError(f"a table like {{ percent = 5 }}: {'; '.join(wrong)}")
    known = dict(value)
    if "ignore" in known:
        known["ignore"] = tuple(known["ignore"])
    return Shadowing(**known)


def shadowing_problems(shadow: Shadowing, flag: str | None, methods: object) -> list[str]:
    """What does not fit the route: its `flag` (None without one) and its `methods`."""
    if flag is not None:
        odd = shadow.flag is not None or shadow.safe or shadow.ignore or shadow.repeat != DEFAULT_REPEAT
        problems = ["'flag', 'safe', 'repeat' and 'ignore' are for routes without a flag"] if odd else []
        return [*problems, *(["'percent' must be whole, since it counts buckets"] if shadow.percent % 1 else [])]
    problems = []
    if not shadow.safe or methods != ["GET"]:
        problems.append("only a route whose one method is GET, and that is declared safe = true, can be asked twice")
    if shadow.flag is None:
        problems.append("'flag' is needed: its stage says when copies are sent")
    return problems


def _is_percent(value: object) -> bool:
    return value is None or (not isinstance(value, bool) and isinstance(value, int | float) and 0 < value <= 100)


def _is_share(value: object) -> bool:
    return value == 0 or _is_percent(value)


def _is_count(value: object) -> bool:
    return value is None or (not isinstance(value, bool) and isinstance(value, int) and value > 0)


def _are_paths(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, list) or len(value) > MAX_IGNORED or not all(isinstance(one, str) for one in value):
        return False
    try:
        for one in value:
            check_ignored(one)
    except ValueError:
        return False
    return True


_MEANINGS: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "percent": ("more than 0, and at most 100", _is_percent),
    "flag": ("a flag's name", lambda value: value is None or (isinstance(value, str) and value != "")),
    "safe": ("true or false", lambda value: value is None or isinstance(value, bool)),
    "repeat": ("from 0 to 100", _is_share),
    "ignore": ("a list of at most 50 paths like '/items/*/created_at'", _are_paths),
    "per_day": ("a whole number, 1 or more", _is_count),
}
