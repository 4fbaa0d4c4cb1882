"""The commands, variables and health checks of docker-compose.yml, run as plain processes on this machine.

What a container engine would add is replaced here and nowhere else: service names become loopback ports, the files that
an image holds under /opt/banyan come from the repository, PostgreSQL is the sandbox's, and the monolith waits less.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from sandbox.running import RunningSandbox
from tests.deploy.compose import example, filled, image_of
from tests.house.sources import REPOSITORY

SECRETS = {"GATEWAY_OPS_TOKEN": "o" * 32, "GATEWAY_V2_KEY": "k" * 32, "POSTGRES_PASSWORD": "p" * 32}
STARTED = ("legacy", "v2", "gateway")  # in the order of depends_on
SECONDS_TO_START = 60


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: opened.getsockname()[1] for name, opened in sockets.items()}
    for opened in sockets.values():
        opened.close()
    return ports


def new_database(sandbox: RunningSandbox) -> str:
    """A database of its own for v2's checkpoints. Returns its URI."""
    name = f"v2_jobs_{os.getpid()}"
    with psycopg.connect(sandbox.sql_uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = urlsplit(sandbox.sql_uri)
    return urlunsplit(parts._replace(path=f"/{name}"))


class Machine:
    """The services of the compose file as processes."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.ports = free_ports((*STARTED, "ops"))
        self.sandbox = sandbox
        image_files = folder / "opt"
        image_files.mkdir()
        for source in ("deploy/images/health.py", "flags/features.json"):
            shutil.copy(REPOSITORY / source, image_files)
        self.database = new_database(sandbox)
        self.services = filled(example() | SECRETS)["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: str, name: str) -> str:
        """A value of the compose file or of an image, with what differs on this machine replaced."""
        for old, new in {
            "http://sandbox:54321": self.sandbox.url,
            f"postgresql://banyan:{SECRETS['POSTGRES_PASSWORD']}@postgres:5432/v2_jobs": self.database,
            "http://legacy:10000": f"http://127.0.0.1:{self.ports['legacy']}",
            "http://v2:8002": f"http://127.0.0.1:{self.ports['v2']}",
            "/opt/banyan": str(self.folder / "opt"),
            "/var/lib/banyan": str(self.folder / name),
            "0.0.0.0:9090": f"127.0.0.1:{self.ports['ops']}",
            "0.0.0.0": "127.0.0.1",
        }.items():
            text = text.replace(old, new)
        return text

    def environment(self, name: str) -> dict[str, str]:
        service = self.services[name]
        given: Mapping[str, str] = {**image_of(service).environment, **service["environment"]}
        values = {key: self.here(str(value), name) for key, value in given.items() if key not in {"PATH", "PYTHONPATH"}}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ours = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "PORT": str(self.ports[name]), "LEGACY_TIME_SCALE": "0.02"}
        return values | ours

    def start(self, name: str) -> None:
        state = self.folder / name
        state.mkdir()
        command = self.services[name].get("command") or list(image_of(self.services[name]).command)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [self.here(word, name) for word in command],
                env=self.environment(name),
                cwd=state,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait_healthy(name)

    def wait_healthy(self, name: str) -> None:
        check = [self.here(word, name) for word in image_of(self.services[name]).health]
        end = time.monotonic() + SECONDS_TO_START
        while subprocess.run(check, env=self.environment(name), capture_output=True, check=False).returncode != 0:
            ended = self.running[name].poll()
            if ended is not None or time.monotonic() > end:
                pytest.fail(f"{name} is not healthy (ended: {ended})\n{(self.folder / f'{name}.log').read_text()}")

    def stop(self) -> dict[str, int]:
        for process in self.running.values():
            process.terminate()
        return {name: process.wait(40) for name, process in self.running.items()}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Iterator[Machine]:
    here = Machine(tmp_path_factory.mktemp("compose"), sandbox)
    try:
        for name in STARTED:
            here.start(name)
        yield here
    finally:
        here.stop()


def test_each_service_becomes_healthy_by_its_own_check(machine: Machine) -> None:
    assert all(process.poll() is None for process in machine.running.values())


def test_the_public_port_answers_with_the_monoliths_bytes(machine: Machine) -> None:
    direct = httpx.get(f"http://127.0.0.1:{machine.ports['legacy']}/health", trust_env=False)
    through = httpx.get(f"http://127.0.0.1:{machine.ports['gateway']}/health", trust_env=False)

    assert (through.status_code, through.headers["x-gateway-backend"]) == (200, "legacy")
    assert through.json().keys() == direct.json().keys()


def test_the_ops_port_wants_the_token(machine: Machine) -> None:
    url = f"http://127.0.0.1:{machine.ports['ops']}/metrics"

    assert httpx.get(url, trust_env=False).status_code == 401
    token = {"authorization": f"Bearer {SECRETS['GATEWAY_OPS_TOKEN']}"}
    assert httpx.get(url, headers=token, trust_env=False).status_code == 200


def test_v2_wants_the_gateways_key_and_takes_it(machine: Machine) -> None:
    url = f"http://127.0.0.1:{machine.ports['v2']}/jobs/00000000-0000-4000-8000-000000000000"

    assert httpx.get(url, trust_env=False).status_code == 401
    key = {"authorization": f"Bearer {SECRETS['GATEWAY_V2_KEY']}"}
    assert httpx.get(url, headers=key, trust_env=False).status_code == 404


def test_one_changed_flag_sends_users_to_v2_and_v2_lets_the_gateway_in(machine: Machine) -> None:
    environment = machine.environment("gateway")
    flags = ["rollout", "--flags", environment["GATEWAY_FLAGS"], "set", "process-full-v2", "100"]
    subprocess.run(flags, env=environment, check=True, capture_output=True)
    url = f"http://127.0.0.1:{machine.ports['gateway']}/process-full"
    # No storage_path and no conversations: there is nothing to import, and nothing begins.
    body = {"user_id": machine.sandbox.create_user(), "conversations": []}
    legacys = httpx.post(f"http://127.0.0.1:{machine.ports['legacy']}/process-full", json=body, trust_env=False)

    end = time.monotonic() + 10
    answer = httpx.post(url, json=body, trust_env=False)
    while answer.headers["x-gateway-backend"] != "v2" and time.monotonic() < end:
        answer = httpx.post(url, json=body, trust_env=False)

    assert (answer.headers["x-gateway-backend"], answer.status_code) == ("v2", legacys.status_code)
