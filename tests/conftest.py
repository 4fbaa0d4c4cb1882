"""Fixtures that every room's tests may ask for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.running import RunningSandbox
from tests.sharing import Sharing, processes, rank


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the whole session. Users are cheap: make your own instead of resetting everybody's."""
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox for one file, whose tests set faults for everybody or look at everybody's rows (2 s)."""
    with RunningSandbox() as running:
        yield running


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:  # Any: xdist's own kind of log
    """Share the tests out as `tests.sharing` says."""
    return Sharing(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means; a variable of xdist's, PYTEST_XDIST_AUTO_NUM_WORKERS, overrules it."""
    given = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(given) if given else processes(allowed)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where they are shared out the dear ones come first; alone they run in the order of their names."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start: who is started in a shell's background ignores it, and so do its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--base-url` points the contract suite at any deployment instead of the targets started here."""
    parser.addoption("--base-url", default="", help="run tests/contract against this URL")
    parser.addoption("--user-id", default="", help="with --base-url: a user of that deployment to import for")
