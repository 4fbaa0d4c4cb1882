"""One HTTP exchange with an Unleash server, within a deadline and a size. The counterpart is `unleash-server`'s API.

The standard library's client on purpose: each proxy worker holds one, and a full HTTP library would cost it 9 MB.
"""

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flags.document import MAX_DOCUMENT_BYTES
from flags.errors import SourceUnavailableError

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `etag` is None if there was none."""

    status: int
    body: bytes
    etag: str | None


class UnleashWire:
    """One server. Keeps its connection between exchanges; not safe to use from two threads at once."""

    def __init__(self, url: str, headers: Mapping[str, str], *, deadline: float) -> None:
        """`url` is the server's base, with or without `/api`; `deadline` is seconds for one whole exchange.

        Raises ValueError for a URL that is not http or https.
        """
        parts = urlsplit(url.rstrip("/").removesuffix("/api"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url!r}")
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = dict(headers)
        self._deadline = deadline
        self._connection: http.client.HTTPConnection | None = None

    def exchange(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request (`path` begins with `/api`), JSON in the body. Raises SourceUnavailableError."""
        content = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if content is not None:
            sent["content-type"] = "application/json"
        fresh = self._connection is None
        try:
            return self._try(method, path, content, sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            # A kept connection may have been closed meanwhile; reading again is harmless, changing is not.
            if fresh or method != "GET":
                raise SourceUnavailableError(f"Unleash hung up: {error or type(error).__name__}") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise SourceUnavailableError(f"Unleash cannot be reached: {_reason(error)}") from error
        try:
            return self._try(method, path, content, sent)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise SourceUnavailableError(f"Unleash cannot be reached: {_reason(error)}") from error

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        until = time.monotonic() + self._deadline
        connection = self._connection or self._open()
        self._connection = connection
        connection.request(method, self._base + path, content, dict(headers))
        response = connection.getresponse()
        data = bytearray()
        while chunk := response.read1(CHUNK):
            data += chunk
            if len(data) > MAX_DOCUMENT_BYTES:
                raise http.client.HTTPException(f"more than {MAX_DOCUMENT_BYTES} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"no whole answer within {self._deadline:g} s")
        # Reading piece by piece does not tell the library that the end was reached; without this it cannot send again.
        response.close()
        return Answer(response.status, bytes(data), response.headers.get("etag"))

    def _open(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._deadline)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._deadline, context=self._tls)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
