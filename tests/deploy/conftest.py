"""One machine for all tests here: starting it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.running import RunningSandbox
from tests.deploy.machine import STARTED, Machine


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Iterator[Machine]:
    """Legacy, v2 and the gateway, started by the commands of docker-compose.yml."""
    here = Machine(tmp_path_factory.mktemp("compose"), sandbox)
    try:
        for together in STARTED:
            for name in together:
                here.start(name)
            for name in together:
                here.wait_healthy(name)
        yield here
    finally:
        here.stop()
