"""Documentation is part of the change: settings, words, records and commands are checked against the code."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.settings_reference import DOCUMENT, ROOMS, classes, render, variables
from tests.house.sources import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def test_the_settings_page_is_what_the_classes_say() -> None:
    assert DOCUMENT.read_text() == render(), "run `make settings`"


@pytest.mark.parametrize("room", ROOMS)
def test_every_setting_has_a_description(room: str) -> None:
    bare = [variable for kind in classes(room) for variable, info in variables(kind) if not info.description]
    assert bare == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_decision_records_are_numbered_without_gaps_and_listed() -> None:
    records = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [name for name in records if name not in index] == []


def test_decision_records_have_their_five_parts() -> None:
    parts = ("## Context", "## Decision", "## Consequences", "## Alternatives", "## References")
    for path in (DOCS / "decisions").glob("[0-9]*.md"):
        text = path.read_text()
        assert [part for part in parts if part not in text] == [], path.name


def test_make_targets_named_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named - targets == set()


def test_console_scripts_named_in_the_readme_exist() -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    named = set(re.findall(r"\.venv/bin/([a-z0-9-]+)", (REPOSITORY / "README.md").read_text()))
    assert named - set(scripts) - {"python", "uvicorn"} == set()
    assert set(scripts) == {"gateway", "rollout", "v2", "sandbox", "stack"}


def test_ci_calls_the_check_that_contains_the_tests() -> None:
    assert "make check" in (REPOSITORY / ".ci" / "run").read_text()
    makefile = (REPOSITORY / "Makefile").read_text()
    assert re.search(r"^check:.*\btest\b", makefile, re.MULTILINE)
