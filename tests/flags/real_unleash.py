"""A real `unleash-server` on a real PostgreSQL, fetched once by npm into the checkout's build folder."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import pytest

from flags.unleash_source import UnleashOptions
from flags.unleash_store import UnleashAdmin, UnleashStore
from sandbox.cluster import running_cluster

VERSION = "8.2.0"
CACHE = Path(__file__).parents[2] / "build" / "unleash"
SERVER = CACHE / "node_modules" / "unleash-server" / "dist" / "server.js"
FETCHED = CACHE / f"fetched-{VERSION}"
INSTALL_TIMEOUT_SECONDS = 300
START_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.1

FLAG = "process-full-v2"
CLIENT_TOKEN = "default:development.banyan-client"
ADMIN_TOKEN = "*:*.banyan-admin"
FEATURES = "/api/admin/projects/default/features"
ENVIRONMENT = f"{FEATURES}/{FLAG}/environments/development"


class RealUnleash:
    """One server on one port; it can be stopped, killed and started again on the same data."""

    def __init__(self, database: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = UnleashOptions(self.url, CLIENT_TOKEN)
        self._database = database
        self._log = folder / "unleash.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [str(shutil.which("node")), str(SERVER)]
        environment = {**os.environ, **_environment(self._database, self.port)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=CACHE)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                urllib.request.urlopen(f"{self.url}/health", timeout=1).close()
                return
            time.sleep(POLL_SECONDS)
        raise RuntimeError(f"unleash-server did not start: {self._log.read_text()[-2000:]}")

    def signal(self, number: signal.Signals) -> None:
        """Send the server a signal; after SIGKILL it is gone when this returns."""
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        """End it, paused or not."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def create_flag(self) -> None:
        """The flag at 0 %, switched on."""
        parameters = {"rollout": "0", "stickiness": "userId", "groupId": FLAG}
        strategy = {"name": "flexibleRollout", "parameters": parameters, "constraints": []}
        self.admin("POST", FEATURES, {"name": FLAG, "type": "release"})
        self.admin("POST", f"{ENVIRONMENT}/strategies", strategy)
        self.admin("POST", f"{ENVIRONMENT}/on")

    def set_percentage(self, percentage: int) -> None:
        """What `rollout set` does."""
        UnleashStore(self.options, UnleashAdmin(ADMIN_TOKEN)).set_percentage(FLAG, percentage)

    def admin(self, method: str, path: str, body: object = None) -> object:
        """One call of the Admin API; its JSON, None if it has none."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"authorization": ADMIN_TOKEN, "content-type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error
        return json.loads(content) if content else None


@contextmanager
def real_unleash(folder: Path) -> Iterator[RealUnleash]:
    """A running server with the flag at 0 %. Skips, or fails on a build server, when there is none to be had."""
    _install()
    with running_cluster(folder) as database:
        server = RealUnleash(database, folder)
        try:
            server.start()
            server.create_flag()
            yield server
        finally:
            server.stop()


def _environment(database: str, port: int) -> dict[str, str]:
    parts = urlsplit(database)
    return {
        "DATABASE_HOST": parse_qs(parts.query)["host"][0],
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": parts.path.strip("/"),
        "DATABASE_USERNAME": parts.username or "postgres",
        "DATABASE_PASSWORD": "unused",
        "DATABASE_SSL": "false",
        "INIT_ADMIN_API_TOKENS": ADMIN_TOKEN,
        "INIT_BACKEND_API_TOKENS": CLIENT_TOKEN,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "LOG_LEVEL": "warn",
        "NODE_ENV": "production",
    }


def _install() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        _unavailable("node and npm are not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in other processes want it too
        if not FETCHED.exists():  # the server's file is there long before npm is done
            _fetch()


def _fetch() -> None:
    options = ("--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
    command = ["npm", "install", "--prefix", str(CACHE), *options, f"unleash-server@{VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _unavailable("npm did not finish in time")
    if not SERVER.exists() or done.returncode:
        _unavailable(f"npm could not install unleash-server: {done.stderr[-500:]}")
    FETCHED.touch()


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; on a build server the real Unleash must be tested")
    pytest.skip(f"NOT TESTED WITH A REAL UNLEASH SERVER: {reason}")
