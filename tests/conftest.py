"""Fixtures that every room's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.running import RunningSandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the whole session. Users are cheap: make your own instead of resetting everybody's."""
    with RunningSandbox() as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--base-url` points the contract suite at any deployment instead of the targets started here."""
    parser.addoption("--base-url", default="", help="run tests/contract against this URL")
    parser.addoption("--user-id", default="", help="with --base-url: a user of that deployment to import for")
