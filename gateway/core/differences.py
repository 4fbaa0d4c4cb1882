"""What differs between two JSON values: where, and of what kind, never what the values are. Pure.

The candidate is measured against the control, which is right by definition. The counterpart is core.noise, which tells
the differences that matter from those that the control shows against itself.

Paths are JSON Pointers (RFC 6901), "/" for the whole value. They are shown to people and counted, so they are folded:
`*` stands for every index of a list and for keys that look like data: ids, addresses, the keys of large maps.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

MAX_DEPTH: Final = 32
"""What lies deeper is compared as a whole."""
MAX_DIFFERENCES: Final = 100
MAX_KEYS: Final = 64
"""An object with more members than this is a map, and its keys are data."""
ROOT: Final = "/"
_PLAIN_KEY = re.compile(r"(?!(?:.*[0-9]){4})[A-Za-z_$@][A-Za-z0-9_$-]{0,39}\Z")
_IGNORED = re.compile(r"/|(?:/[^/]{1,100}){1,32}")


class Kind(StrEnum):
    """How two values differ."""

    MISSING = "missing"  # the candidate lacks a member
    EXTRA = "extra"  # the candidate has one more
    TYPE = "type"  # of JSON's six
    VALUE = "value"
    ORDER = "order"  # a list of the same elements
    LENGTH = "length"  # a list of more or fewer, whose elements are not compared then


class Difference(NamedTuple):
    """One place where the two differ."""

    path: str
    kind: Kind


def differences(control: object, candidate: object, ignored: Collection[str] = ()) -> list[Difference]:
    """Where `candidate` differs from `control`, both as json.loads reads them; each path and kind once.

    `ignored` are paths as `check_ignored` allows them. At most MAX_DIFFERENCES, in the order of the control. Never
    raises for values that json.loads gave.
    """
    walk = _Walk(_pattern(tuple(ignored)))
    return list(islice(dict.fromkeys(walk.compare(control, candidate, "", "", 0)), MAX_DIFFERENCES))


def check_ignored(path: str) -> None:
    """An ignored path begins with "/", names keys and indices as they are, or any by `*`, and covers what lies below.

    `~1` and `~0` stand for "/" and "~" in a key (RFC 6901 section 3). Raises ValueError with what it must be.
    """
    if not _IGNORED.fullmatch(path):
        raise ValueError("a path like '/items/*/created_at'")


@lru_cache(maxsize=64)
def _pattern(ignored: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches the exact, unfolded paths that are ignored; None if none is. Raises ValueError."""
    for path in ignored:
        check_ignored(path)
    if ROOT in ignored:
        return re.compile("")
    segments = ([("[^/]*" if part == "*" else re.escape(part)) for part in path.split("/")] for path in ignored)
    return re.compile("|".join("/".join(parts) for parts in segments)) if ignored else None


class _Walk:
    """One comparison. Both paths are carried along: the exact one is what is ignored, the folded one is reported."""

    __slots__ = ("_ignored",)

    def __init__(self, ignored: re.Pattern[str] | None) -> None:
        self._ignored = ignored

    def compare(self, control: object, candidate: object, exact: str, folded: str, depth: int) -> Iterator[Difference]:
        if self._ignores(exact):
            return
        kind = _type(control)
        if kind != _type(candidate):
            yield Difference(folded or ROOT, Kind.TYPE)
        elif depth >= MAX_DEPTH or kind not in ("object", "array"):
            if not _same(control, candidate):
                yield Difference(folded or ROOT, Kind.VALUE)
        elif isinstance(control, dict) and isinstance(candidate, dict):
            yield from self._members(control, candidate, exact, folded, depth)
        elif isinstance(control, list) and isinstance(candidate, list):
            yield from self._elements(control, candidate, exact, folded, depth)

    def _ignores(self, exact: str) -> bool:
        return self._ignored is not None and self._ignored.fullmatch(exact) is not None

    def _members(
        self, control: dict[str, object], candidate: dict[str, object], exact: str, folded: str, depth: int
    ) -> Iterator[Difference]:
        is_map = max(len(control), len(candidate)) > MAX_KEYS
        for key in (*control, *(key for key in candidate if key not in control)):
            both = key in control and key in candidate
            if both and _plainly_same(control[key], candidate[key]):
                continue
            below = f"{exact}/{_escaped(key)}"
            shown = f"{folded}/{'*' if is_map or not _PLAIN_KEY.match(key) else key}"
            if both:
                yield from self.compare(control[key], candidate[key], below, shown, depth + 1)
            elif not self._ignores(below):
                yield Difference(shown, Kind.MISSING if key in control else Kind.EXTRA)

    def _elements(
        self, control: list[object], candidate: list[object], exact: str, folded: str, depth: int
    ) -> Iterator[Difference]:
        if len(control) != len(candidate):
            yield Difference(folded or ROOT, Kind.LENGTH)
            return
        found: dict[Difference, None] = {}
        for index, (one, other) in enumerate(zip(control, candidate, strict=True)):
            if not _plainly_same(one, other):
                found.update(dict.fromkeys(self.compare(one, other, f"{exact}/{index}", f"{folded}/*", depth + 1)))
        if found and self._reordered(control, candidate, exact):
            yield Difference(folded or ROOT, Kind.ORDER)
        else:
            yield from found

    def _reordered(self, control: list[object], candidate: list[object], exact: str) -> bool:
        """Whether both hold the same elements, apart from what is ignored in them."""
        try:
            return self._counted(control, exact) == self._counted(candidate, exact)
        except RecursionError:
            return False

    def _counted(self, elements: list[object], exact: str) -> Counter[str]:
        kept = elements if self._ignored is None else self._kept(elements, exact)
        return Counter(json.dumps(element, sort_keys=True) for element in kept)

    def _kept(self, elements: list[object], exact: str) -> list[object]:
        """The elements without what is ignored."""
        below = ((element, f"{exact}/{index}") for index, element in enumerate(elements))
        return [None if self._ignores(path) else self._less(element, path) for element, path in below]

    def _less(self, value: object, exact: str) -> object:
        if isinstance(value, list):
            return self._kept(value, exact)
        if isinstance(value, dict):
            below = ((key, f"{exact}/{_escaped(key)}") for key in value)
            return {key: self._less(value[key], path) for key, path in below if not self._ignores(path)}
        return value


def _type(value: object) -> str:
    """JSON's name of it: True is no 1 there, and 1.0 is."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "null"


def _plainly_same(one: object, other: object) -> bool:
    """Whether these are equal scalars of one type, as most are: told without a path."""
    kind = type(one)
    return kind is type(other) and kind is not dict and kind is not list and one == other


def _same(control: object, candidate: object) -> bool:
    try:
        # NaN, which json.loads lets pass, is no number's equal.
        return control == candidate or (control != control and candidate != candidate)
    except RecursionError:
        return False


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
