"""Flags from an Unleash server, asked each second with the ETag; a 304 costs both sides next to nothing.

A thread of its own waits for the network; `poll` only takes what it found, so a proxy worker follows this source
exactly as it follows a file. The counterpart is `GET /api/client/features` of an open-source Unleash server.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from flags import last_good
from flags.compile import EngineFactory, compile_document
from flags.engine import YggdrasilEngine
from flags.errors import InvalidDocumentError, SourceUnavailableError
from flags.model import Snapshot
from flags.source import Clock, FlagSource
from flags.unleash_wire import Answer, UnleashWire

FEATURES_PATH = "/api/client/features"
POLL_INTERVAL = 1.0
"""Seconds between two questions. The server itself looks for changes once a second."""

DEADLINE = 1.5
"""Seconds for one question: a server that accepts and never answers must not hold up a start for longer."""


MAX_UNREAD = 8
"""Answers that may wait for a `poll` before the thread stops asking."""

TOUCH_INTERVAL = 30.0
"""Seconds between two marks on the kept document that it is still what the server says."""


@dataclass(frozen=True, slots=True)
class UnleashOptions:
    """Which server, as whom. `token` is a client (backend) token; it decides project and environment."""

    url: str
    token: str
    app_name: str = "banyan-gateway"
    instance_id: str = "gateway"
    interval: float = POLL_INTERVAL
    deadline: float = DEADLINE

    def headers(self) -> dict[str, str]:
        """What every request says about us."""
        return {
            "authorization": self.token,
            "accept": "application/json",
            "unleash-appname": self.app_name,
            "unleash-instanceid": self.instance_id,
        }


@dataclass(frozen=True, slots=True)
class _News:
    """What one question brought: a document and what it compiled to, or an error, or neither (nothing changed)."""

    data: bytes | None = None
    snapshot: Snapshot | None = None
    error: str | None = None


class UnleashSource(FlagSource):
    """Follows one Unleash server; the last good document is kept at `kept_at` for a restart without the server.

    If the server is away the last good flags stay in force, however old: `age` tells, and the local kill works.
    With `max_age` (seconds) flags older than that are given up: `snapshot` becomes None and everything is legacy.
    """

    def __init__(
        self,
        options: UnleashOptions,
        kept_at: Path,
        *,
        max_age: float | None = None,
        engine: EngineFactory | None = YggdrasilEngine,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(clock)
        self._kept_at = kept_at
        self._max_age = max_age
        self._engine = engine
        self._started_at: float | None = None
        self._touched_at = 0.0
        self._news: queue.Queue[_News] = queue.Queue(MAX_UNREAD)
        self._asker = _Asker(options, self._news, engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self) -> bool:
        """Take what is new; True if `snapshot` changed. Waits only the first time, until the deadline at most."""
        before = self.snapshot
        if self._started_at is None:
            self._start()
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._news.get_nowait())
        self._give_up_if_too_old()
        return self.snapshot is not before

    def close(self) -> None:
        """End the thread; what is in force stays."""
        self._asker.stop()

    def _start(self) -> None:
        self._started_at = self._clock()
        self._asker.start()
        with contextlib.suppress(queue.Empty):
            self._take(self._news.get(timeout=self._asker.deadline + 0.2))
        if self.snapshot is None:
            self._stand_in(self.error or "Unleash has not answered yet")

    def _take(self, news: _News) -> None:
        if news.error is not None:
            self._fail(news.error)
        elif news.snapshot is None or news.data is None:
            self._confirm()
            self._touch()
        else:
            self.keep_error = last_good.keep(self._kept_at, news.data)
            if self.snapshot is not None and self.snapshot.digest == news.snapshot.digest:
                self._confirm()
            else:
                self._accept(news.snapshot, changed_at=None)

    def _touch(self) -> None:
        """After a restart without the server, the kept document's time stamp is all there is to tell its age by."""
        now = self._clock()
        if now - self._touched_at > TOUCH_INTERVAL:
            self._touched_at = now
            last_good.touch(self._kept_at)

    def _stand_in(self, error: str) -> None:
        """Until the server answers: what an earlier process kept, if anything."""
        kept = last_good.load(self._kept_at)
        if kept is not None:
            with contextlib.suppress(InvalidDocumentError):
                snapshot = compile_document(kept, source=str(self._kept_at), engine=self._engine)
                self.confirmed_at = last_good.kept_at(self._kept_at)
                self._accept(snapshot, changed_at=None, error=error)
                return
        self._fail(error)

    def _give_up_if_too_old(self) -> None:
        age = self.age()
        if self._max_age is None or self.snapshot is None or age is None or age <= self._max_age:
            return
        self.snapshot = None
        self._asker.forget()
        self._fail(f"the flags are older than {self._max_age:g} s: {self.error or 'no answer'}")


class _Asker(threading.Thread):
    """Asks again and again, and puts what it learns into a queue."""

    def __init__(self, options: UnleashOptions, news: queue.Queue[_News], engine: EngineFactory | None) -> None:
        super().__init__(name="unleash-flags", daemon=True)
        self.deadline = options.deadline
        self._source = options.url
        self._interval = options.interval
        self._wire = UnleashWire(options.url, options.headers(), deadline=options.deadline)
        self._news = news
        self._engine = engine
        self._etag: str | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            asked_at = time.monotonic()
            self._tell(self._ask())
            self._stopping.wait(max(0.05, self._interval - (time.monotonic() - asked_at)))
        self._wire.close()

    def _tell(self, news: _News) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._news.put(news, timeout=0.2)
                return

    def stop(self) -> None:
        """End soon; waits at most one deadline."""
        self._stopping.set()
        if self.is_alive():
            self.join(self.deadline + 1.0)

    def forget(self) -> None:
        """Ask for the whole document next time, changed or not."""
        self._etag = None

    def _ask(self) -> _News:
        headers: Mapping[str, str] = {"if-none-match": self._etag} if self._etag else {}
        try:
            answer = self._wire.exchange("GET", FEATURES_PATH, headers=headers)
        except SourceUnavailableError as error:
            return _News(error=str(error))
        return self._understand(answer)

    def _understand(self, answer: Answer) -> _News:
        if answer.status == 304:
            return _News()
        if answer.status in (401, 403):
            return _News(error="Unleash refuses the token")
        if answer.status != 200:
            return _News(error=f"Unleash answered {answer.status}")
        try:
            snapshot = compile_document(answer.body, source=self._source, engine=self._engine)
        except InvalidDocumentError as error:
            return _News(error=f"Unleash's flags cannot be used: {error}")
        self._etag = answer.etag
        return _News(answer.body, snapshot)
