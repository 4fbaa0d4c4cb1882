"""Adapters over the sandbox: a taken run of a new user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import sandbox_settings
from v2_service.adapters.arrivals import Arrivals
from v2_service.adapters.runs import Lease, Request
from v2_service.jobs.services import Services, open_services


@dataclass(frozen=True, slots=True)
class Taken:
    """Services, and the lease of one running run."""

    services: Services
    lease: Lease

    @property
    def arrivals(self) -> Arrivals:
        """Where an answer is until the database has it."""
        return self.services.arrivals(self.lease.run_id, "answers")


@pytest.fixture
async def services(sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[Services]:
    """The real adapters over the sandbox."""
    async with open_services(sandbox_settings(sandbox, tmp_path)) as opened:
        yield opened


@pytest.fixture
async def taken(services: Services, user: str) -> Taken:
    """A run that was claimed and taken."""
    claim = await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))
    lease = await services.runs.take(claim.run_id)
    assert lease is not None
    return Taken(services, lease)
