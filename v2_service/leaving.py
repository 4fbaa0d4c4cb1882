"""The end of the process: begun by a signal, seen by everybody, bounded in time. Counterpart: `serve.py` hears it."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from v2_service.observe import say

# What closing takes after the running steps had their time.
GRACE_SECONDS = 5.0


class Leaving:
    """Whether the process is leaving, and how much time the work in it still has."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: float | None = None

    def begin(self) -> None:
        """From a signal handler, or from any thread; the second time changes nothing."""
        if self._began is None:
            self._began = time.monotonic()

    @property
    def begun(self) -> bool:
        return self._began is not None

    def left(self) -> float:
        """Seconds until work is no longer waited for."""
        if self._began is None:
            return self._seconds
        return max(0.0, self._began + self._seconds - time.monotonic())

    def bound(self) -> None:
        """See to it that the process ends, whatever hangs in it: a thread cannot be stopped, a process can.

        Nothing is lost: what a run has made is stored, and the next start resumes it.
        """
        alarm = threading.Timer(self.left() + GRACE_SECONDS, end_now, ["something hangs"])
        alarm.daemon = True
        alarm.start()


def end_now(why: str) -> None:
    """End this process with code 0, without waiting for threads."""
    say("the process ends without waiting any longer", {"why": why}, logging.WARNING)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_without(hanging: float) -> None:
    """End this process if threads still hang after so many seconds; otherwise return."""
    until = time.monotonic() + hanging
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                end_now(f"thread {thread.name}")
