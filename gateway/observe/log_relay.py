"""All that a gateway writes to standard error: whole lines of the workers' access logs and of the supervisor itself.

Workers could write there themselves, from a thread each. But the kernel serves a process of one thread faster, for it
need not guard its open files against the other: 2 % of what a small request costs. And lines of two workers could mix.
The supervisor must not wait for a reader either: it has workers to replace.

The counterpart is gateway.observe.access_log.
"""

import fcntl
import io
import os
import select
import threading
import time
from contextlib import suppress

PIPE_BYTES = 1_048_576
"""What a worker may write while nobody reads. An unprivileged process may ask for so much (pipe(7))."""
READ_BYTES = 65_536
"""Many times a worker's longest line, and little enough for the processor's cache."""
CLOSE_SECONDS = 2.0


class _Words(io.TextIOBase):
    """A text stream into a pipe. What finds no room is lost, and nobody who writes hears of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        with suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
            self._descriptor = -1  # the number may soon be another file's
        super().close()


class LogRelay:
    """A pipe and a thread for each writer. A thread ends when its writer has, and the lines are copied."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._own: list[_Words] = []

    def open(self) -> int:
        """Begin to copy what comes from a new pipe. Its writing end, which does not block, is the caller's to close."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with suppress(OSError):  # a smaller pipe is enough for most
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._copy, args=(reading,), name="access-log", daemon=True)
        self._threads.append(thread)
        thread.start()
        return writing

    def stream(self) -> io.TextIOBase:
        """A text stream for this process's own words, which never waits. It ends with the relay."""
        words = _Words(self.open())
        self._own.append(words)
        return words

    def close(self) -> None:
        """Wait until all is copied, at most CLOSE_SECONDS in all; to be called when the workers have ended."""
        while self._own:
            self._own.pop().close()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _copy(self, reading: int) -> None:
        buffer, held = bytearray(READ_BYTES), 0  # one for all: new ones of this size are new pages each time
        view = memoryview(buffer)
        with open(reading, "rb", buffering=0) as pipe:
            while count := pipe.readinto(view[held:]):
                end = held + count
                whole = buffer.rfind(b"\n", 0, end) + 1
                if not whole and end == READ_BYTES:
                    whole = end  # a line that is longer than the buffer comes in pieces
                with self._lock:
                    self._write(view[:whole])
                buffer[: end - whole] = buffer[whole:end]
                held = end - whole
        # A line that a killed worker did not finish is left out: it would be no JSON.

    def _write(self, lines: memoryview) -> None:
        try:
            while lines:
                try:
                    lines = lines[os.write(self._descriptor, lines) :]
                except BlockingIOError:  # whoever started us shares standard error, and may have it so
                    room = select.poll()
                    room.register(self._descriptor, select.POLLOUT)
                    room.poll()
        except OSError:
            return  # nobody can be told that the log's reader is gone except by the log
