"""Reads conditions: `column=operator.value` and trees of and/or. Counterpart: `sqlgen`, which writes them as SQL."""

from __future__ import annotations

import re

from sandbox.postgrest.errors import ParseError
from sandbox.postgrest.model import Condition, Field, Filter, Group, Logic
from sandbox.postgrest.scanner import FIELD_EXPECTED, NAME, Scanner

COMPARISONS = ("eq", "neq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch", "isdistinct")
QUANTIFIED = frozenset({"eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"})
CONTAINMENTS = ("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
TEXT_SEARCHES = ("fts", "plfts", "phfts", "wfts")
# Longest first, so that `gte` is not read as `gt`.
OPERATOR = re.compile(
    "|".join(sorted({*COMPARISONS, *CONTAINMENTS, *TEXT_SEARCHES, "in", "is"}, key=len, reverse=True))
)
IS_VALUES = re.compile("null|true|false|unknown", re.IGNORECASE)
LOGIC_KEYS: dict[str, tuple[Logic, bool]] = {
    "and": ("and", False),
    "or": ("or", False),
    "not.and": ("and", True),
    "not.or": ("or", True),
}
ONLY_OPERATOR_EXPECTED = "operator (eq, gt, ...)"
OPERATOR_EXPECTED = f'"not" or {ONLY_OPERATOR_EXPECTED}'
MEMBER_EXPECTED = f"{FIELD_EXPECTED}, negation operator (not) or logic operator (and, or)"
# Deeper trees than this are refused, so that a request cannot exhaust the interpreter's stack.
MAX_LOGIC_DEPTH = 50


def read_filter(key: str, value: str) -> Filter:
    """`key=operator.value`."""
    # What follows the field in the key is passed over, as PostgREST does.
    field = Scanner("tree path", key).field()
    return _operation(Scanner("filter", value), field, nested=False)


def read_logic(key: str, value: str) -> Group:
    """`and=(…)`, `or=(…)` and their negations."""
    logic, negated = LOGIC_KEYS[key]
    if not value.startswith("("):
        # PostgREST reads key and value as one text, and so finds a column that nobody meant.
        return Group("and", (_member(Scanner("logic tree", key + value), depth=1),))
    return Group(logic, _members(Scanner("logic tree", value, before=len(key)), depth=1), negated)


def has_operator(value: str) -> bool:
    """Whether a value reads as `operator.value`, and so is a condition and not a plain argument."""
    try:
        _operation(Scanner("filter", value), Field("any"), nested=False)
    except ParseError:
        return False
    return True


def _operation(scanner: Scanner, field: Field, *, nested: bool) -> Filter:
    negated = scanner.take("not")
    if negated and not scanner.take("."):
        raise scanner.fail("delimiter (.)")
    operator = scanner.match(OPERATOR)
    if operator is None:
        raise scanner.fail(ONLY_OPERATOR_EXPECTED if negated else OPERATOR_EXPECTED, first="" if negated else "not")
    quantifier = language = None
    if operator in QUANTIFIED:
        quantifier = next((word for word in ("any", "all") if scanner.take(f"({word})")), None)
    elif operator in TEXT_SEARCHES and scanner.take("("):
        language = scanner.match(NAME)
        scanner.need(")")
    if not scanner.take("."):
        raise scanner.fail(ONLY_OPERATOR_EXPECTED)
    value, values = _value(scanner, operator, nested=nested, braces=quantifier is not None)
    return Filter(field, operator, value, values, negated, quantifier, language)


def _value(scanner: Scanner, operator: str, *, nested: bool, braces: bool) -> tuple[str, tuple[str, ...]]:
    if operator == "in":
        return "", _list(scanner)
    if operator == "is":
        start = scanner.at
        word = (scanner.match(IS_VALUES) or "").lower()
        if not word:
            scanner.at = start
            raise scanner.fail("null or trilean value (unknown, true, false)")
        return word, ()
    if not nested:
        return scanner.rest(), ()
    if braces or (scanner.text.startswith("{", scanner.at) and "}" in scanner.text[scanner.at :]):
        end = scanner.text.find("}", scanner.at)
        if end >= 0:
            array, scanner.at = scanner.text[scanner.at : end + 1], end + 1
            return array, ()
    return scanner.item(), ()


def _list(scanner: Scanner) -> tuple[str, ...]:
    scanner.need("(")
    values = [scanner.item()]
    while scanner.take(","):
        values.append(scanner.item())
    if not scanner.take(")"):
        raise scanner.fail('"," or ")"')
    return () if values == [""] else tuple(values)


def _members(scanner: Scanner, depth: int) -> tuple[Condition, ...]:
    if depth > MAX_LOGIC_DEPTH:
        raise scanner.fail(f"at most {MAX_LOGIC_DEPTH} levels")
    scanner.need("(")
    members = [_member(scanner, depth)]
    while scanner.take(","):
        members.append(_member(scanner, depth))
    if not scanner.take(")"):
        raise scanner.fail('"," or ")"')
    return tuple(members)


def _member(scanner: Scanner, depth: int) -> Condition:
    for key, (logic, negated) in LOGIC_KEYS.items():
        if scanner.text.startswith(f"{key}(", scanner.at):
            scanner.need(key)
            return Group(logic, _members(scanner, depth + 1), negated)
    if scanner.text.startswith(")", scanner.at):
        raise scanner.fail(MEMBER_EXPECTED)
    field = scanner.field()
    scanner.need(".")
    return _operation(scanner, field, nested=True)
