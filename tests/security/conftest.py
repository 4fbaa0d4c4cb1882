"""The services of the compose file, with every check of the route table switched on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.deploy.machine import STARTED, Machine
from tests.house.sources import REPOSITORY
from tests.security.token_attacks import KEY_SET, OWN, VARIABLES

API_KEY = "a" * 32
CHECKS = {
    "process-full": 'guards = ["storage-path-of-user"]',
    "generate-soulprint": "api_key = true",
    "status": "rate_limit = 3",
    "analyze": OWN,
    "embedding-status": OWN,
    "test-embed": "closed = true",
    "test-patch": "closed = true",
}


def checked_routes() -> str:
    """The shipped route table with CHECKS in their rows."""
    table = (REPOSITORY / "gateway" / "routes.toml").read_text()
    for name, option in CHECKS.items():
        row = f'name = "{name}"\n'
        assert table.count(row) == 1
        table = table.replace(row, f"{row}{option}\n")
    return table


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Iterator[Machine]:
    """Legacy, v2 and a gateway of one worker, whose request limits are exact."""
    folder: Path = tmp_path_factory.mktemp("security")
    routes = folder / "routes.toml"
    routes.write_text(checked_routes())
    keys = folder / "jwks.json"
    keys.write_text(KEY_SET)
    more = {"GATEWAY_ROUTES": str(routes), "GATEWAY_API_KEY": API_KEY, "GATEWAY_WORKERS": "1"}
    more |= VARIABLES | {"GATEWAY_JWT_JWKS": str(keys)}
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
