"""The supervisor's end of the workers' access logs: whole lines, copied to where the log goes.

Workers could write there themselves, from a thread each. But the kernel serves a process of one thread faster, for it
need not guard its open files against the other: 3 % of what a small request costs. And lines of two workers could mix.
The counterpart is gateway.observe.access_log.
"""

import fcntl
import os
import threading
from contextlib import suppress

PIPE_BYTES = 1_048_576
"""What a worker may write while nobody reads. An unprivileged process may ask for so much (pipe(7))."""
READ_BYTES = 65_536
"""Many times the longest line, and little enough for the processor's cache."""
CLOSE_SECONDS = 2.0


class LogRelay:
    """A pipe and a thread for each worker. A thread ends when its worker has, and the lines are copied."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

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

    def close(self) -> None:
        """Wait until all is copied, at most CLOSE_SECONDS for each; to be called when the workers have ended."""
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def _copy(self, reading: int) -> None:
        buffer, held = bytearray(READ_BYTES), 0  # one for all: new ones of this size are new pages each time
        view = memoryview(buffer)
        with open(reading, "rb", buffering=0) as pipe:
            while count := pipe.readinto(view[held:]):
                end = held + count
                whole = buffer.rfind(b"\n", 0, end) + 1
                with self._lock:
                    self._write(view[:whole])
                buffer[: end - whole] = buffer[whole:end]
                held = end - whole
        # A line that a killed worker did not finish is left out: it would be no JSON.

    def _write(self, lines: memoryview) -> None:
        # Nobody can be told that the log's reader is gone except by the log.
        with suppress(OSError):
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]
