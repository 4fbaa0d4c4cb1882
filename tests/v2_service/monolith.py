"""A stand-in for the monolith's import: what it writes and answers, and how such an answer gets lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self  # bodies are JSON

from sandbox.running import RunningSandbox

PATIENCE = 30.0


class Monolith:
    """`with Monolith(sandbox) as monolith:` listens on loopback; `mood` says what becomes of the next requests.

    take        writes the job's row and answers
    untracked   answers, but its row was refused
    lose        writes the row and closes the connection
    drop        closes the connection: nothing has begun
    hang        writes the row and answers when `release` is set
    refuse      422
    busy        503: nothing has begun
    """

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.mood = "take"
        self.asked: list[dict[str, Any]] = []
        self.began: list[str] = []
        self.release = threading.Event()
        self._arrival = threading.Condition()
        monolith = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                monolith._asked({**body, "path": self.path, "authorization": self.headers.get("authorization")})
                status, answer = monolith._carried_out(body)
                if status:
                    payload = json.dumps(answer).encode()
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """The record is the log."""

        self._handler = Handler
        self.port = 0

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until a request has made the condition true."""
        with self._arrival:
            assert self._arrival.wait_for(condition, PATIENCE)

    def _asked(self, request: dict[str, Any]) -> None:
        with self._arrival:
            self.asked.append(request)
            self._arrival.notify_all()

    def _carried_out(self, body: dict[str, Any]) -> tuple[int, object]:
        """Status and body of the answer; status 0 is none."""
        mood = self.mood
        if mood in ("refuse", "busy", "drop"):
            return {"refuse": 422, "busy": 503, "drop": 0}[mood], {"detail": mood}
        job = None
        if mood != "untracked":
            row = {"user_id": body["user_id"], "status": "pending", "storage_path": body["storage_path"], "attempts": 1}
            made = self.sandbox.http.post(
                "/rest/v1/processing_jobs", json=row, headers={"prefer": "return=representation"}
            )
            job = made.json()[0]["id"]
        with self._arrival:
            self.began.append(body["user_id"])
            self._arrival.notify_all()
        if mood == "hang":
            self.release.wait(PATIENCE)
        answer = {"status": "processing", "user_id": body["user_id"], "conversation_count": None, "job_id": job}
        return (0 if mood == "lose" else 200), answer

    def come(self) -> None:
        """Listen, on the port it had before if it was there before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.come()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self.leave()
