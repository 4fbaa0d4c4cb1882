"""The evidence: an append-only sequence of records that readers follow by number. Retention is bounded.

Counterparts: gateway.observe.evidence, which fills it, and whoever asks `GET /evidence`, such as the guard.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.observe.database import Database

MAX_REQUESTS: Final = 500_000
"""Records of requests that are kept: about 200 MB."""
REQUEST_SECONDS: Final = 86_400.0
JOB_SECONDS: Final = 90 * 86_400.0
PRUNE_BATCH: Final = 20_000
CANDIDATES: Final = 50
"""Requests of one user among which the decision behind a job is looked for."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be written: `user` is a pseudonym, `body` holds all fields but the sequence number."""

    at: float
    kind: str
    user: str | None
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """Records as JSON texts, with the numbers around them. `oldest` is the first number that was not pruned."""

    epoch: str
    oldest: int
    newest: int
    next: int
    records: list[str]


class EvidenceStore:
    """Records by number. Every method blocks and may raise EvidenceUnusable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.change() as connection:
            connection.execute("insert or ignore into meta values ('epoch', ?)", (secrets.token_hex(8),))
        self.epoch = self._meta("epoch", "")

    def append(self, records: Iterable[Record]) -> int:
        """Write records in this order; returns how many."""
        with self._database.change() as connection:
            return insert(connection, records)

    def page(self, after: int, limit: int) -> Page:
        """Records with a number above `after`, oldest first, at most `limit`."""
        rows = self._database.read("select seq, body from evidence where seq > ? order by seq limit ?", (after, limit))
        newest = self._database.read("select seq from sqlite_sequence where name = 'evidence'")
        last = int(str(rows[-1][0])) if rows else after
        texts = [f'{{"seq":{seq},{str(body)[1:]}' for seq, body in rows]
        return Page(self.epoch, self._pruned() + 1, int(str(newest[0][0])) if newest else 0, last, texts)

    def decision(self, user: str, backend: str, since: float, until: float) -> dict[str, object] | None:
        """The latest request of a user that went to `backend`, begun between two moments."""
        rows = self._database.read(
            "select body from evidence where kind = 'request' and user = ? and at between ? and ?"
            " order by at desc limit ?",
            (user, since, until, CANDIDATES),
        )
        requests: Iterable[dict[str, object]] = (json.loads(str(row[0])) for row in rows)
        return next((one for one in requests if one["went_to"] == backend), None)

    def prune(self, now: float) -> int:
        """Delete some of what is too old or too much; returns how many requests that were."""
        newest = self.page(0, 0).newest
        with self._database.change() as connection:
            old = (PRUNE_BATCH, now - REQUEST_SECONDS, newest - MAX_REQUESTS)
            last, count = connection.execute(
                "select max(seq), count(*) from (select seq, at from evidence where kind = 'request'"
                " order by seq limit ?) where at < ? or seq <= ?",
                old,
            ).fetchone()
            if count:
                connection.execute("delete from evidence where kind = 'request' and seq <= ?", (last,))
                upsert = "insert into meta values ('pruned', ?) on conflict (name) do update set value = excluded.value"
                connection.execute(upsert, (str(last),))
            connection.execute("delete from evidence where kind <> 'request' and at < ?", (now - JOB_SECONDS,))
            connection.execute("delete from jobs where ended = 1 and changed_at < ?", (now - JOB_SECONDS,))
        return int(count)

    def _pruned(self) -> int:
        return int(self._meta("pruned", "0"))

    def _meta(self, name: str, default: str) -> str:
        found = self._database.read("select value from meta where name = ?", (name,))
        return str(found[0][0]) if found else default


def insert(connection: sqlite3.Connection, records: Iterable[Record]) -> int:
    """Write records inside somebody's transaction; returns how many."""
    rows = [(one.at, one.kind, one.user, json.dumps(one.body, separators=(",", ":"))) for one in records]
    connection.executemany("insert into evidence (at, kind, user, body) values (?, ?, ?, ?)", rows)
    return len(rows)
