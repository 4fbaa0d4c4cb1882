"""One JSON line per exchange, formatted by hand and written by a thread, so that a slow disk or pipe delays nobody.

Lines hold the route's name, never the path, the query, a header or an id of a user: those may be secret.
"""

import os
import threading
from collections import deque
from contextlib import suppress

MAX_BATCHES = 16
MAX_PENDING = 20_000
"""Lines that may wait for the writer; beyond that they are dropped and counted."""


class AccessLog:
    """Collects lines; `flush` hands them to the writer thread. `descriptor` None switches it off."""

    def __init__(self, descriptor: int | None, *, enabled: bool = True) -> None:
        self.enabled = enabled and descriptor is not None
        self.dropped = 0
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._batches: deque[bytes] = deque()
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the writer; without it `flush` writes by itself."""
        if self.enabled:
            self._thread = threading.Thread(target=self._write_for_ever, name="access-log", daemon=True)
            self._thread.start()

    def switch(self, *, on: bool) -> None:
        """Begin or stop to write lines; what was collected is still written."""
        self._hand_over()
        self.enabled = on and self._descriptor is not None
        if self._thread is None:
            self.start()

    def add(self, line: bytes) -> None:
        """Take one complete line (with its line feed)."""
        if len(self._lines) < MAX_PENDING:
            self._lines.append(line)
        else:
            self.dropped += 1

    def flush(self) -> None:
        """Hand over what was collected. Called by the worker's sweeper, a few times a second."""
        if self._lines and len(self._batches) < MAX_BATCHES:
            self._hand_over()

    def _hand_over(self) -> None:
        self._batches.append(b"".join(self._lines))
        self._lines.clear()
        self._wake.set()

    def close(self) -> None:
        """Write what is left, waiting at most two seconds for the reader of the log."""
        self._hand_over()
        self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _write_for_ever(self) -> None:
        while not (self._ended and not self._batches):
            self._wake.wait()
            self._wake.clear()
            while self._batches:
                self._write(self._batches.popleft())

    def _write(self, data: bytes) -> None:
        # Nobody can be told that the log's reader is gone except by the log.
        with suppress(OSError):
            while data and self._descriptor is not None:
                data = data[os.write(self._descriptor, data) :]


def line_format(method: bytes, route: str, backend: str, reason: str, status: int) -> bytes:
    """The lines of exchanges that ended alike, less what each has of its own: Unix time and id, both bytes,
    microseconds, and the body's bytes received and sent, all numbers.

    Every value is a number, a checked token or one of our own words, so nothing needs escaping but the format's sign.
    """
    alike = (
        f'"method":"{method.decode()}","route":"{route}","backend":"{backend}","reason":"{reason}","status":{status}'
    )
    return b'{"time":%%b,"id":"%%b",%b,"us":%%d,"in":%%d,"out":%%d}\n' % alike.replace("%", "%%").encode()
