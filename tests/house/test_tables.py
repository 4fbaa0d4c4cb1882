"""The tables of lessons and requirements: every id once, and whatever they name as proof is there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.house.sources import REPOSITORY

LESSONS = REPOSITORY / "docs" / "lessons.md"
REQUIREMENTS = REPOSITORY / "docs" / "requirements.md"
TABLES = {LESSONS: ("L", 73, {"tested", "ruled out", "open"}), REQUIREMENTS: ("S", 134, {"met", "decided", "open"})}
ROW = re.compile(r"^\| ([LS]-\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
# A path inside the repository, with a test's name behind it or not.
NAMED = re.compile(r"`([\w./-]+\.(?:py|md|sql|toml|lock|yaml|json)|(?:[\w-]+/)+)(?:::(\w+))?`")
TABLE_IDS = [page.name for page in TABLES]


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(text: str) -> list[str]:
    """Files and tests that a text names and the repository lacks."""
    lost = []
    for name, test in NAMED.findall(text):
        path = REPOSITORY / name
        if not path.exists():
            lost.append(name)
        elif test and test not in functions(path):
            lost.append(f"{name}::{test}")
    return lost


@pytest.mark.parametrize("page", TABLES, ids=TABLE_IDS)
def test_every_id_has_exactly_one_row(page: Path) -> None:
    letter, last, _ = TABLES[page]
    wanted = Counter(
        {f"{letter}-{number:02d}" if number < 100 else f"{letter}-{number}": 1 for number in range(1, last + 1)}
    )
    assert Counter(row[0] for row in ROW.findall(page.read_text())) == wanted


@pytest.mark.parametrize("page", TABLES, ids=TABLE_IDS)
def test_every_row_has_a_state_that_the_page_explains(page: Path) -> None:
    _, _, states = TABLES[page]
    text = page.read_text()
    assert {row[2] for row in ROW.findall(text)} <= states
    assert [state for state in states if f"- **{state}**" not in text] == []


@pytest.mark.parametrize("page", TABLES, ids=TABLE_IDS)
def test_every_file_and_test_that_is_named_exists(page: Path) -> None:
    assert missing(page.read_text()) == []


def test_a_tested_lesson_names_a_test_and_an_open_row_says_what_is_missing() -> None:
    untested = [row[0] for row in ROW.findall(LESSONS.read_text()) if row[2] == "tested" and "::test_" not in row[3]]
    silent = [row[0] for row in ROW.findall(LESSONS.read_text()) if row[2] == "open" and "Missing: " not in row[3]]
    assert (untested, silent) == ([], [])


def test_a_requirement_that_is_met_names_where() -> None:
    rows = ROW.findall(REQUIREMENTS.read_text())
    assert [row[0] for row in rows if row[2] == "met" and not NAMED.search(row[3])] == []


def test_the_check_sees_what_is_not_there() -> None:
    """Guards the tests above: a pattern that matches nothing would pass them all."""
    here = "tests/house/test_tables.py"
    assert missing(f"`{here}::test_the_check_sees_what_is_not_there` `{here}` `tests/house/`") == []
    assert missing(f"`{here}::test_that_nobody_wrote` `no/such.py` `no/such/`") == [
        f"{here}::test_that_nobody_wrote",
        "no/such.py",
        "no/such/",
    ]
