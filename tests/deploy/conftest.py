"""One machine for all tests here: starting it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.deploy.machine import STARTED, Machine
from tests.gateway.tokens import ec_key, key_set, public
from tests.house.sources import REPOSITORY


def shadowed(folder: Path) -> Path:
    """The shipped route table, with copies of what is asked of one small route."""
    shipped = (REPOSITORY / "gateway/routes.toml").read_text()
    shadow = 'shadow = { percent = 100, flag = "process-full-v2", safe = true, repeat = 50 }'
    table = folder / "routes.toml"
    table.write_text(shipped.replace('path = "/status"\n', f'path = "/status"\n{shadow}\n'))
    return table


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Iterator[Machine]:
    """Legacy, v2 and the gateway, started by the commands of docker-compose.yml."""
    folder = tmp_path_factory.mktemp("compose")
    keys = folder / "jwks.json"
    keys.write_text(key_set(public(ec_key())))
    more = {"GATEWAY_ROUTES": str(shadowed(folder)), "GATEWAY_JWT_JWKS": str(keys)}
    here = Machine(folder, sandbox, more)
    try:
        for together in STARTED:
            for name in together:
                here.start(name)
            for name in together:
                here.wait_healthy(name)
        yield here
    finally:
        here.stop()
