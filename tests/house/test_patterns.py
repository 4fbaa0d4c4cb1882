"""Patterns mean the same to every Python that this runs on.

CPython before 3.11.5 (Debian 12 has 3.11.2) matches possessive quantifiers and atomic groups wrongly (gh-101955).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined] # the only way to see what a pattern is made of
from typing import Any  # parsed patterns

import pytest

from tests.house.sources import ROOMS, Module, modules

WRONG = {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"}


def patterns(module: Module) -> Iterator[str | bytes]:
    """What a file gives to functions of `re` as the pattern, where it is written out there."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(pattern := node.args[0].value, str | bytes)
        ):
            yield pattern


def parts(parsed: Any) -> set[str]:
    """The names of all that a parsed pattern is made of."""
    if isinstance(parsed, parser.SubPattern | tuple | list):
        return {name for part in parsed for name in parts(part)}
    return {str(parsed)}


def test_no_pattern_has_what_older_interpreters_match_wrongly() -> None:
    written = [(module.path, pattern) for module in modules(*ROOMS, "bench") for pattern in patterns(module)]
    assert len(written) > 50
    assert [(path, pattern) for path, pattern in written if WRONG & parts(parser.parse(pattern))] == []


@pytest.mark.parametrize("pattern", ["a++", "(?:a|b)*+", "x(?>a+)y", rb"(?:[^\"]++)?"])
def test_such_patterns_are_seen(pattern: str | bytes) -> None:
    assert WRONG & parts(parser.parse(pattern))
