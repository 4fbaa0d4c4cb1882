"""A loopback HTTP server that records every request in order and answers as told. Counterpart: any HTTP client."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came in. `target` is the request line's; `path` and `query` are split, the query decoded."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # Any: whatever JSON the client sent; the test that reads it knows
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back: bytes as they are, None as an empty body, anything else as JSON."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Recorder:
    """The server; `with Recorder(answer) as recorder:` runs it on a free port of 127.0.0.1, in threads of its own."""

    def __init__(self, answer: Callable[[Recorded], Answer]) -> None:
        self._answer = answer
        self._seen: list[Recorded] = []
        self._arrival = threading.Condition()
        self._stopped = False
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # one write per answer

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                recorder._reply(self, Recorded(self.command, self.path, parts.path, query, headers, body))

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = handle_any  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Nothing on the terminal: the record is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def _reply(self, handler: BaseHTTPRequestHandler, request: Recorded) -> None:
        if self._stopped:
            handler.close_connection = True  # a connection kept alive from before falls silent too
            return
        with self._arrival:  # one at a time: the record and the state behind the answers stay in the same order
            self._seen.append(request)
            answer = self._answer(request)
            self._arrival.notify_all()
        payload = answer.encoded()
        handler.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[Recorded]:
        """A copy of what has come in so far, in order."""
        with self._arrival:
            return list(self._seen)

    def wait_for(self, wanted: Callable[[Recorded], bool]) -> Recorded:
        """The first request that fits, as soon as it is there. Raises TimeoutError after 30 s."""

        def found() -> Recorded | None:
            return next((request for request in self._seen if wanted(request)), None)

        with self._arrival:
            request = self._arrival.wait_for(found, WAIT_SECONDS)
        if request is None:
            raise TimeoutError("the awaited request never came")
        return request

    def begin(self, answer: Callable[[Recorded], Answer]) -> None:
        """Forget what came in, and answer by another rule from now on: one server for many tests."""
        with self._arrival:
            self._seen.clear()
            self._answer = answer

    def stop(self) -> None:
        """Close the port: from now on nobody answers. Does nothing the second time."""
        if not self._stopped:
            self._stopped = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
