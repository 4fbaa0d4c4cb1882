"""What is known of each job, and which of it is in the evidence already.

A record and the note that it was written are one transaction: a restart neither loses a job's end nor tells it twice,
and two gateways that share a folder while one replaces the other do not either. Counterpart: gateway.observe.follower.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.observe.database import Database
from gateway.observe.evidence_store import Record, insert
from gateway.observe.jobs import OPEN, JobState, Pipeline, SeenJob

_OPEN: Final = tuple(map(str, sorted(OPEN)))


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reading of rows brought: how many jobs never seen before, first profiles, callbacks that were settled."""

    accepted: int
    profiles: list[SeenJob]
    callbacks: list[SeenJob]


@dataclass(frozen=True, slots=True)
class Unstarted:
    """A job whose decision nobody has looked for yet."""

    id: str
    user: str
    accepted_at: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A job with the decision behind it, None if there is none, and the record of its beginning if it has one."""

    id: str
    decision: dict[str, object] | None
    record: Record | None


class JobLedger:
    """Jobs by pipeline and id. Every method blocks and may raise EvidenceUnusable."""

    def __init__(self, database: Database, pseudonym: Callable[[str], str]) -> None:
        self._database = database
        self._pseudonym = pseudonym

    def begin(self, pipeline: Pipeline, now: float, look_back: float) -> float:
        """When the newest row that was read had changed; at the very first time, `look_back` seconds ago."""
        with self._database.change() as connection:
            first = (pipeline, now - look_back, now)
            connection.execute("insert or ignore into watermarks values (?, ?, ?)", first)
            question = "select changed_at from watermarks where pipeline = ?"
            return float(connection.execute(question, (pipeline,)).fetchone()[0])

    def take(self, pipeline: Pipeline, seen: Sequence[SeenJob], *, read_up_to: float | None = None) -> Taken:
        """Note how far these jobs are, and how far the pipeline was read.

        What was over before anybody looked is history: noted as told, and counted nowhere.
        """
        accepted, profiles, callbacks = 0, [], []
        with self._database.change() as connection:
            found = connection.execute("select began_at from watermarks where pipeline = ?", (pipeline,)).fetchone()
            began = float("-inf") if found is None else float(found[0])
            for job in seen:
                known = connection.execute(
                    "select profile_at, callback from jobs where pipeline = ? and id = ?", (pipeline, job.id)
                ).fetchone()
                history = known is None and job.ended_at is not None and job.ended_at < began
                if not history:
                    accepted += known is None
                    if job.profile_at is not None and (known is None or known[0] is None):
                        profiles.append(job)
                    if job.callback is not None and (known is None or known[1] is None):
                        callbacks.append(job)
                self._note(connection, job, history=history)
            if read_up_to is not None:
                connection.execute(
                    "update watermarks set changed_at = max(changed_at, ?) where pipeline = ?", (read_up_to, pipeline)
                )
        return Taken(accepted, profiles, callbacks)

    def unstarted(self, pipeline: Pipeline, limit: int) -> list[Unstarted]:
        """Jobs that have no record of their beginning yet, oldest first."""
        rows = self._database.read(
            "select id, user, accepted_at from jobs where pipeline = ? and started = 0 order by accepted_at limit ?",
            (pipeline, limit),
        )
        return [Unstarted(str(row[0]), str(row[1]), float(str(row[2]))) for row in rows]

    def start(self, pipeline: Pipeline, begun: Iterable[Begun]) -> None:
        """Keep the decisions behind jobs, and write the records of their beginnings."""
        with self._database.change() as connection:
            for one in begun:
                text = None if one.decision is None else json.dumps(one.decision)
                first = connection.execute(
                    "update jobs set started = 1, decision = ? where pipeline = ? and id = ? and started = 0",
                    (text, pipeline, one.id),
                ).rowcount
                if first and one.record is not None:
                    insert(connection, [one.record])

    def unsettled(self, pipeline: Pipeline, silent_since: float, check_before: float, limit: int) -> list[str]:
        """Ids of jobs to look at that were not looked at lately: over, with their decision looked for and their end not
        told; or open and silent."""
        rows = self._database.read(
            "select id from jobs where pipeline = ? and checked_at < ? and ("
            " (ended = 0 and started = 1 and state not in (?, ?)) or (state in (?, ?) and alive_at < ?)"
            ") order by changed_at limit ?",
            (pipeline, check_before, *_OPEN, *_OPEN, silent_since, limit),
        )
        return [str(row[0]) for row in rows]

    def facts(self, pipeline: Pipeline, job_id: str) -> tuple[str, float, dict[str, object] | None] | None:
        """A job's user (a pseudonym), its beginning and the decision behind it."""
        rows = self._database.read(
            "select user, accepted_at, decision from jobs where pipeline = ? and id = ?", (pipeline, job_id)
        )
        if not rows:
            return None
        user, accepted_at, decision = rows[0]
        return str(user), float(str(accepted_at)), None if decision is None else json.loads(str(decision))

    def checked(self, pipeline: Pipeline, ids: Iterable[str], now: float) -> None:
        """Note that these were looked at."""
        with self._database.change() as connection:
            rows = [(now, pipeline, one) for one in ids]
            connection.executemany("update jobs set checked_at = ? where pipeline = ? and id = ?", rows)

    def settle(self, pipeline: Pipeline, job_id: str, state: JobState, record: Record) -> bool:
        """Write the record of a job's first end; False if there is one already. A stuck job stays open."""
        with self._database.change() as connection:
            first = connection.execute(
                "update jobs set ended = 1 where pipeline = ? and id = ? and ended = 0", (pipeline, job_id)
            ).rowcount
            if state is JobState.GONE:
                connection.execute("update jobs set state = ? where pipeline = ? and id = ?", (state, pipeline, job_id))
            if first:
                insert(connection, [record])
        return bool(first)

    def open_jobs(self, silent_since: float) -> dict[tuple[str, JobState], int]:
        """How many jobs are open, by pipeline and whether they are accepted, running or stuck."""
        rows = self._database.read(
            "select pipeline, case when alive_at < ? then 'stuck' else state end as standing, count(*) from jobs"
            " where state in (?, ?) group by 1, 2",
            (silent_since, *_OPEN),
        )
        return {(str(pipeline), JobState(str(standing))): int(str(count)) for pipeline, standing, count in rows}

    def _note(self, connection: sqlite3.Connection, job: SeenJob, *, history: bool) -> None:
        connection.execute(
            "insert into jobs (pipeline, id, user, state, accepted_at, changed_at, alive_at, profile_at, callback,"
            " started, ended) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (pipeline, id) do update set"
            " state = excluded.state, changed_at = excluded.changed_at, alive_at = excluded.alive_at,"
            " profile_at = coalesce(jobs.profile_at, excluded.profile_at),"
            " callback = coalesce(jobs.callback, excluded.callback),"
            " checked_at = case jobs.state when excluded.state then jobs.checked_at else 0 end",
            (
                *(job.pipeline, job.id, self._pseudonym(job.user_id), job.state, job.accepted_at),
                *(job.changed_at, job.alive_at, job.profile_at, job.callback, history, history),
            ),
        )
