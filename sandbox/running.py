"""A sandbox as a child process, for tests and for the stack: start it, fill it, look into it, stop it."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from sandbox.environment import variables
from sandbox.errors import NotReadyError
from sandbox.faults import Faults
from sandbox.keys import Keys
from sandbox.settings import URI_FILE, SandboxSettings

READY = "sandbox ready at "
START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 20.0
REQUEST_TIMEOUT_SECONDS = 60.0


class RunningSandbox:
    """`with RunningSandbox() as sandbox:` starts one on a free port; without `data` it forgets everything at the end.

    `settings` are SANDBOX_* variables without the prefix, such as {"max_rows": "0"}.
    """

    def __init__(self, data: Path | None = None, settings: Mapping[str, str] | None = None, port: int = 0) -> None:
        self._given_data = data
        self._settings = {f"SANDBOX_{name.upper()}": value for name, value in (settings or {}).items()}
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.data = data or Path()

    def __enter__(self) -> Self:
        if self._given_data is None:
            self.data = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self.data.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "sandbox", "serve", "--port", str(self._port), "--data", str(self.data)]
        self._log = (self.data / "sandbox.log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603 -- our own module, no shell
            command,
            env={**os.environ, **self._settings, "SANDBOX_STOP_WITH_STDIN": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        try:
            self.url = self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        self.keys = Keys.of(self._secret())
        self.http = httpx.Client(
            base_url=self.url,
            headers={"apikey": self.keys.service, "authorization": f"Bearer {self.keys.service}"},
            timeout=REQUEST_TIMEOUT_SECONDS,
            trust_env=False,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.stop()

    @property
    def env(self) -> dict[str, str]:
        """The variables that point a service at this sandbox."""
        return variables(self.url, self.keys)

    @property
    def sql_uri(self) -> str:
        """The database, as its superuser."""
        return (self.data / URI_FILE).read_text()

    def create_user(self, user_id: str | None = None, email: str | None = None) -> str:
        """A new account (its profile row comes with it); gives back its id."""
        wanted = {"id": user_id or str(uuid.uuid4()), "email": email}
        answer = self._sent("POST", "/auth/v1/admin/users", json=wanted)
        created: str = answer.json()["id"]
        return created

    def upload(self, path: str, content: bytes, content_type: str = "application/json") -> None:
        """Store an object at `bucket/name`, over an old one."""
        headers = {"content-type": content_type, "x-upsert": "true"}
        self._sent("POST", f"/storage/v1/object/{path}", content=content, headers=headers)

    # Rows have the columns' types, which only the caller knows.
    def rows(self, table: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Rows by a PostgREST query such as {"user_id": "eq.…", "order": "created_at"}."""
        found: list[dict[str, Any]] = self._sent("GET", f"/rest/v1/{table}", params=dict(params or {})).json()
        return found

    def callbacks(self) -> list[dict[str, Any]]:
        """What the web app was told, oldest first: objects with body, status, has_bearer, has_api_key, content_type."""
        told: list[dict[str, Any]] = self._sent("GET", "/_sandbox/callbacks").json()
        return told

    def calls(self) -> dict[str, Any]:
        """Per area: requests, by_status, latest."""
        counted: dict[str, Any] = self._sent("GET", "/_sandbox/calls").json()
        return counted

    def model_use(self) -> dict[str, dict[str, int]]:
        """Per model name: requests, input_tokens, output_tokens."""
        used: dict[str, dict[str, int]] = self._sent("GET", "/_sandbox/models").json()["models"]
        return used

    def set_faults(self, faults: Faults | None = None, **areas: Mapping[str, object]) -> None:
        """Replace all faults: `set_faults(rest={"error_rate": 1})`; without arguments everything is healthy again."""
        wanted = faults.model_dump() if faults is not None else areas
        self._sent("PUT", "/_sandbox/faults", json=wanted)

    def reset(self) -> None:
        """Forget all users, rows, objects, callbacks, calls and faults."""
        self._sent("POST", "/_sandbox/reset")

    def stop(self) -> None:
        """Stop the process and its database; remove what was only temporary."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._log.close()
        if self._given_data is None:
            shutil.rmtree(self.data, ignore_errors=True)

    # httpx's own keyword arguments, passed on.
    def _sent(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self.http.request(method, path, **arguments)
        if answer.is_error:
            raise httpx.HTTPStatusError(f"{method} {path}: {answer.text}", request=answer.request, response=answer)
        return answer

    def _secret(self) -> str:
        environment = {**os.environ, **self._settings}
        default: str = SandboxSettings.model_fields["jwt_secret"].default
        return environment.get("SANDBOX_JWT_SECRET", default)

    def _wait_ready(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=START_TIMEOUT_SECONDS)
        except queue.Empty:
            line = ""
        if not line.startswith(READY):
            told = (self.data / "sandbox.log").read_text(errors="replace")[-2000:]
            raise NotReadyError(f"the sandbox did not start: {line}{told}")
        return line.removeprefix(READY).strip()


def _forward(lines: Any, to: queue.Queue[str]) -> None:  # a text stream; its type has no public name
    to.put(lines.readline())
