"""One JSON line per exchange, formatted by hand and written into a pipe that never lets its writer wait.

At its other end is gateway.observe.log_relay: a slow disk or terminal delays a thread there, and no request. Lines hold
the route's name, never the path, the query, a header or an id of a user: those may be secret.
"""

import os
import select
import time

AT_ONCE = 250
"""Lines that are written without waiting for the next flush, some 50 KB."""
MAX_PENDING = 20_000
"""Lines that may wait for room in the pipe; beyond that they are dropped and counted."""
LAST_SECONDS = 2.0


class AccessLog:
    """Collects lines; `flush` writes what the pipe takes. `descriptor` does not block; None switches the log off."""

    def __init__(self, descriptor: int | None, *, enabled: bool = True) -> None:
        self.enabled = enabled and descriptor is not None
        self.dropped = 0
        self.now = _now()
        """Unix seconds in digits, as of the last `flush`: the time of lines that are made now."""
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._count = 0  # lines in them
        self._rest = b""  # what of the last write found no room

    def switch(self, *, on: bool) -> None:
        """Begin or stop to take lines; what was collected is still written."""
        self.enabled = on and self._descriptor is not None

    def add(self, lines: bytes, count: int) -> None:
        """Take `count` complete lines, with their line feeds, or none of them if there is no room."""
        if self._count + count > MAX_PENDING:
            self.dropped += count
            return
        self._lines.append(lines)
        self._count += count
        if self._count >= AT_ONCE:
            self._write()

    def flush(self) -> None:
        """Write what was collected. Called by the worker's sweeper, a few times a second."""
        self.now = _now()
        self._write()

    def close(self) -> None:
        """Write what is left, waiting at most LAST_SECONDS for the reader."""
        deadline = time.monotonic() + LAST_SECONDS
        room = select.poll()
        if self._descriptor is not None:
            room.register(self._descriptor, select.POLLOUT)
        self._write()
        while self._rest and (left := deadline - time.monotonic()) > 0:
            room.poll(left * 1000)
            self._write()

    def _write(self) -> None:
        if self._descriptor is None:
            return
        try:
            while self._rest or self._lines:
                if not self._rest:
                    self._rest = b"".join(self._lines)
                    self._lines.clear()
                    self._count = 0
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except BlockingIOError:
            return  # the reader is slow: the next write goes on here
        except OSError:
            self._rest = b""  # nobody can be told that the reader is gone except by the log


def _now() -> bytes:
    return b"%.1f" % time.time()


def line_format(method: bytes, route: str, backend: str, reason: str, status: int) -> bytes:
    """The lines of exchanges that ended alike, less what each has of its own: Unix time and id, both bytes,
    microseconds, and the body's bytes received and sent, all numbers.

    Every value is a number, a checked token or one of our own words, so nothing needs escaping but the format's sign.
    """
    alike = (
        f'"method":"{method.decode()}","route":"{route}","backend":"{backend}","reason":"{reason}","status":{status}'
    )
    return b'{"time":%%b,"id":"%%b",%b,"us":%%d,"in":%%d,"out":%%d}\n' % alike.replace("%", "%%").encode()
