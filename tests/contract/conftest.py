"""The targets of the contract suite: the house, or one base URL given with `--base-url`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.running import RunningSandbox
from tests.contract.cases import CASES, UNKNOWN_USER, Case, Serves
from tests.fakes.house import House, running_house

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
TARGETS = ("legacy", "v2", "gateway-0", "gateway-50", "gateway-100")


@dataclass(frozen=True, slots=True)
class Target:
    """Something that speaks the contract, and a user with an uploaded export to ask it about."""

    name: str
    client: httpx.Client
    user: str
    storage_path: str


def serves(target_name: str, case: Case) -> bool:
    """Whether a case is for this target: v2 alone answers the import, all others are, or front, the monolith."""
    return (Serves.V2 if target_name == "v2" else Serves.MONOLITH) in case.serves


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test against all targets, or against the given URL alone; a case only where somebody serves it."""
    if "target_name" not in metafunc.fixturenames:
        return
    targets = ("given",) if metafunc.config.getoption("--base-url") else TARGETS
    if "case" in metafunc.fixturenames:
        pairs = [(name, case) for name in targets for case in CASES if serves(name, case)]
        if "given" in targets and not metafunc.config.getoption("--user-id"):
            # An accepted import changes somebody's data: at a deployment only for a user named by whoever asks.
            pairs = [(name, case) for name, case in pairs if case.schema != "process_full"]
        ids = [f"{name}-{case.name}" for name, case in pairs]
        metafunc.parametrize(("target_name", "case"), pairs, ids=ids, scope="module")
    else:
        metafunc.parametrize("target_name", targets, scope="module")


@pytest.fixture(scope="session")
def house(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Legacy, v2 and three gateways over the session's sandbox."""
    port = httpx.URL(sandbox.url).port
    assert port is not None
    with running_house(port, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def user(sandbox: RunningSandbox) -> str:
    """A new account."""
    return sandbox.create_user()


def upload(sandbox: RunningSandbox, user: str, export: str) -> str:
    """Upload one of the real exports as the web app does; returns its storage path."""
    content = json.loads((EXPORTS / export).read_bytes())
    path = f"user-imports/{user}/raw-{uuid.uuid4().int % 10**13}.json"
    sandbox.upload(path, json.dumps(content if isinstance(content, list) else [content]).encode())
    return path


@pytest.fixture(scope="module")
def target(target_name: str, request: pytest.FixtureRequest) -> Iterator[Target]:
    """The target under test with a user of its own."""
    if target_name == "given":
        with httpx.Client(base_url=request.config.getoption("--base-url"), timeout=60, trust_env=False) as client:
            user = request.config.getoption("--user-id") or UNKNOWN_USER
            yield Target(target_name, client, user, f"user-imports/{user}/none.json")
        return
    sandbox: RunningSandbox = request.getfixturevalue("sandbox")
    house: House = request.getfixturevalue("house")
    user = sandbox.create_user()
    path = upload(sandbox, user, "disconnected_nodes.json")
    with httpx.Client(base_url=house.urls[target_name], timeout=60, trust_env=False) as client:
        yield Target(target_name, client, user, path)
