"""A service for the whole session, and users to import for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.running import RunningService

EXPORTS = Path(__file__).parents[1] / "data" / "exports"


@pytest.fixture(scope="session")
def service(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One running service over the session's sandbox."""
    with RunningService(sandbox, tmp_path_factory.mktemp("v2")) as running:
        yield running


@pytest.fixture
def user(sandbox: RunningSandbox) -> str:
    """A new account."""
    return sandbox.create_user()
