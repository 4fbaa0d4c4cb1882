"""A stand-in for an Unleash server on loopback: the routes, answers and ETags that a client and a store meet.

What it says was read off unleash-server 8.2.0.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

CLIENT_TOKEN = "default:development.client"
ADMIN_TOKEN = "*:*.admin"
FLAG = "process-full-v2"
STRATEGIES = f"/api/admin/projects/default/features/{FLAG}/environments/development/strategies"


class UnleashServer(ThreadingHTTPServer):
    """One flag with its strategies; every change counts the revision up. `trouble` is answered instead, once set."""

    daemon_threads = True

    def __init__(self, percentage: str = "10") -> None:
        self.lock = threading.Lock()
        self.revision = 1
        parameters = {"rollout": percentage, "stickiness": "userId", "groupId": FLAG}
        self.strategies: list[dict[str, object]] = [
            {"id": "s1", "name": "flexibleRollout", "constraints": [], "parameters": parameters, "segments": []}
        ]
        self.trouble: tuple[int, bytes] | None = None
        self.hang = threading.Event()
        self.release = threading.Event()
        self.seen: list[tuple[str, str, str | None, int]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def percentage(self) -> str:
        return cast("dict[str, str]", self.strategies[0]["parameters"])["rollout"]

    def change(self, percentage: str) -> None:
        """What somebody does in Unleash's own page."""
        with self.lock:
            cast("dict[str, str]", self.strategies[0]["parameters"])["rollout"] = percentage
            self.revision += 1

    def document(self) -> bytes:
        """The client-features document."""
        feature = {"name": FLAG, "enabled": True, "type": "release", "strategies": self.strategies, "variants": []}
        meta = {"revisionId": self.revision, "etag": self.etag}
        return json.dumps({"version": 2, "features": [feature], "meta": meta}).encode()

    @property
    def etag(self) -> str:
        return f'"6ef7ec5a:{self.revision}:v1"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UnleashServer

    def do_GET(self) -> None:
        if self.server.hang.is_set():
            self.server.release.wait(30)
        with self.server.lock:
            self._answer_get()

    def _answer_get(self) -> None:
        token = self.headers.get("authorization")
        if self.server.trouble is not None:
            return self._answer(*self.server.trouble)
        if self.path == "/api/client/features":
            if token != CLIENT_TOKEN:
                return self._answer(401, b"{}")
            if self.headers.get("if-none-match") == self.server.etag:
                return self._answer(304, b"")
            return self._answer(200, self.server.document(), self.server.etag)
        if token != ADMIN_TOKEN:
            return self._answer(401, b"{}")
        if self.path == STRATEGIES:
            return self._answer(200, json.dumps(self.server.strategies).encode())
        return self._answer(404, b'{"message": "Could not find feature"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        known = self.path in ("/api/client/register", "/api/client/metrics")
        self._answer(202 if known and self.headers.get("authorization") == CLIENT_TOKEN else 404, b"")

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.trouble is not None:
            return self._answer(*self.server.trouble)
        if self.headers.get("authorization") != ADMIN_TOKEN:
            return self._answer(403, b"{}")
        for strategy in self.server.strategies:
            if self.path == f"{STRATEGIES}/{strategy['id']}":
                with self.server.lock:
                    before = dict(strategy)
                    strategy.update(body)
                    self.server.revision += strategy != before  # what changes nothing is no event
                return self._answer(200, json.dumps(strategy).encode())
        return self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes, etag: str | None = None) -> None:
        self.server.seen.append((self.command, self.path, self.headers.get("if-none-match"), status))
        self.send_response(status)
        if etag:
            self.send_header("etag", etag)
        if status != 304:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked may have lost patience
            self.wfile.write(b"" if status == 304 else body)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextmanager
def unleash_server(percentage: str = "10") -> Iterator[UnleashServer]:
    """A running server."""
    server = UnleashServer(percentage)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
