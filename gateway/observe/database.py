"""The file that the evidence and the ledger of jobs share: SQLite with a write-ahead log, opened and changed here."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.observe.errors import EvidenceUnusable

FILE: Final = "evidence.sqlite"
_BUSY_SECONDS: Final = 5.0
# Full: a power cut must not take back sequence numbers that somebody has read.
_PRAGMAS: Final = ("journal_mode = wal", "synchronous = full", f"busy_timeout = {_BUSY_SECONDS * 1000:.0f}")
_SCHEMA: Final = """
create table if not exists meta (name text primary key, value text not null) strict;
create table if not exists evidence (
    seq integer primary key autoincrement, at real not null, kind text not null, user text, body text not null
) strict;
create index if not exists evidence_of_user on evidence (user, at) where kind = 'request';
create index if not exists evidence_of_jobs on evidence (at) where kind <> 'request';
create table if not exists watermarks (
    pipeline text primary key, changed_at real not null, began_at real not null
) strict;
create table if not exists jobs (
    pipeline text not null, id text not null, user text not null, state text not null, accepted_at real not null,
    changed_at real not null, alive_at real not null, profile_at real, callback text,
    checked_at real not null default 0, started integer not null default 0, ended integer not null default 0,
    decision text, primary key (pipeline, id)
) strict;
create index if not exists jobs_waiting on jobs (pipeline, ended, state);
"""


class Database:
    """One connection. Its users call it from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the file in `folder`, which is made if it is missing. Raises EvidenceUnusable."""
        place = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.touch(mode=0o600)  # the log beside it gets the same
            self._connection = sqlite3.connect(place, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            for pragma in _PRAGMAS:
                self._connection.execute(f"pragma {pragma}")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise EvidenceUnusable(f"the evidence in {place} cannot be used: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def read(self, question: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """All rows. Raises EvidenceUnusable."""
        try:
            return self._connection.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise EvidenceUnusable(f"the evidence cannot be read: {error}") from None

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes other writers from its first line on. Raises EvidenceUnusable."""
        try:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
        except sqlite3.Error as error:
            raise EvidenceUnusable(f"the evidence cannot be written: {error}") from None
