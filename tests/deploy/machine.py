"""The compose file's services as processes: the commands, variables and health checks of docker-compose.yml.

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
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from sandbox.running import RunningSandbox
from tests.deploy.compose import example, filled, image_of
from tests.house.sources import REPOSITORY

SECRETS = {"GATEWAY_OPS_TOKEN": "o" * 32, "GATEWAY_V2_KEY": "k" * 32, "POSTGRES_PASSWORD": "p" * 32}
FORCE_KEY = "f" * 32
STARTED = (("legacy", "v2"), ("gateway",))  # in the order of depends_on
SECONDS_TO_START = 60


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: opened.getsockname()[1] for name, opened in sockets.items()}
    for opened in sockets.values():
        opened.close()
    return ports


def new_database(sandbox: RunningSandbox) -> str:
    """A database of its own for v2's checkpoints. Returns its URI."""
    name = f"v2_jobs_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(sandbox.sql_uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = urlsplit(sandbox.sql_uri)
    return urlunsplit(parts._replace(path=f"/{name}"))


class Machine:
    """The services of the compose file as processes; `more` are further variables of the gateway."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, more: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.ports = free_ports((*(name for together in STARTED for name in together), "ops"))
        self.sandbox = sandbox
        image_files = folder / "opt"
        image_files.mkdir()
        for source in ("deploy/images/health.py", "flags/features.json"):
            shutil.copy(REPOSITORY / source, image_files)
        self.database = new_database(sandbox)
        self.services = filled(example() | SECRETS | {"GATEWAY_FORCE_KEY": FORCE_KEY})["services"]
        self.more = dict(more or {})
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
        return values | ours | (self.more if name == "gateway" else {})

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

    def wait_healthy(self, name: str) -> None:
        check = [self.here(word, name) for word in image_of(self.services[name]).health]
        end = time.monotonic() + SECONDS_TO_START
        while subprocess.run(check, env=self.environment(name), capture_output=True, check=False).returncode != 0:
            time.sleep(0.2)  # as a container engine waits between two checks
            ended = self.running[name].poll()
            if ended is not None or time.monotonic() > end:
                pytest.fail(f"{name} is not healthy (ended: {ended})\n{(self.folder / f'{name}.log').read_text()}")

    def rollout(self, *arguments: str) -> str:
        """Run one `rollout` verb as in the gateway's container. Returns what it printed."""
        command = ["rollout", *arguments]
        ran = subprocess.run(
            command, env=self.environment("gateway"), cwd=self.folder, check=True, capture_output=True, text=True
        )
        return ran.stdout

    def url(self, name: str) -> str:
        """Base URL of a service, or of the gateway's port "ops"."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def stop(self) -> dict[str, int]:
        for process in self.running.values():
            process.terminate()
        return {name: process.wait(40) for name, process in self.running.items()}
