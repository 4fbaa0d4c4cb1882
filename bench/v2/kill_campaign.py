"""kill -9 at random moments of real imports: `python -m bench.v2.kill_campaign --kills 100`.

Every user first has a small import, so that there are chunks to lose. Then larger imports of several users run at once
while the service is killed and started again. What must hold, and is checked against an import that nobody disturbed:
every job ends complete; each question has one paid answer, and no more calls were made beyond them than can have been
on their way at the kills; the chunks are the same, none missing and none twice; no look at the database ever found a
user without chunks.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from bench.v2.exports import export
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox

CONVERSATIONS = 60
FIRST_CONVERSATIONS = 3
CONCURRENCY = 3
AT_ONCE = 3
LIFE_SECONDS = (0.05, 3.0)
LOOK_SECONDS = 0.02
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")
JOB_SECONDS = 240.0
MODEL_LATENCY_MS = 40
EMBEDDING_LATENCY_MS = 3


@dataclass
class Report:
    """What the campaign saw."""

    kills: int = 0
    jobs: int = 0
    complete: int = 0
    killed_at: dict[str, int] = field(default_factory=dict)
    paid_answers: int = 0
    paid_answers_undisturbed: int = 0
    calls_beyond: int = 0
    calls_beyond_allowed: int = 0
    users_with_wrong_chunks: int = 0
    looks: int = 0
    looks_without_chunks: int = 0
    told_twice: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything that must hold held."""
        return (
            self.complete == self.jobs > 0
            and self.paid_answers == self.paid_answers_undisturbed
            and 0 <= self.calls_beyond <= self.calls_beyond_allowed
            and not (self.users_with_wrong_chunks or self.looks_without_chunks or self.told_twice)
            and self.looks > 0
        )


class Watch:
    """Looks at every watched user's chunks, again and again, over a connection of its own."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._users: tuple[str, ...] = ()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.empty = 0

    def add(self, user: str) -> None:
        self._users = (*self._users, user)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        found = "select distinct user_id::text from conversation_chunks where user_id::text = any(%s)"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            while not self._over.wait(LOOK_SECONDS):
                users = self._users
                if users:
                    there = {row[0] for row in connection.execute(found, (list(users),))}
                    self.looks += 1
                    self.empty += len(set(users) - there)


class Campaign:
    """One sandbox, one service, many kills."""

    def __init__(self, sandbox: RunningSandbox, folder: Path, seed: int) -> None:
        self._sandbox = sandbox
        self._worker = Worker(sandbox, folder / "state", CONCURRENCY)
        self._random = random.Random(seed)
        self._report = Report()
        self._watch = Watch(sandbox.sql_uri)
        self._jobs: dict[str, str] = {}
        self._active: set[str] = set()

    def run(self, kills: int, stop_at: float, console: Console) -> Report:
        """Kill so often, or until the time is up; then let everything end, and compare."""
        began = time.monotonic()
        self._worker.start()
        undisturbed, calls_each = self._undisturbed()
        asked_before = self._asked()
        first_paid = self._paid()
        self._watch.start()
        while self._report.kills < kills and time.monotonic() < stop_at:
            self._top_up()
            time.sleep(self._random.uniform(*LIFE_SECONDS))
            self._note_steps()
            self._worker.kill()
            self._report.kills += 1
            if self._report.kills % 10 == 0:
                console.print(f"{self._report.kills} kills, {len(self._jobs)} jobs, {len(self._active)} running")
            self._worker.start()
        self._wait_for_all()
        self._watch.stop()
        self._compare(undisturbed, calls_each, asked_before, first_paid)
        self._worker.stop()
        self._report.seconds = round(time.monotonic() - began, 1)
        return self._report

    def _undisturbed(self) -> tuple[str, int]:
        """Fingerprint of the chunks, and calls, of an import that nobody disturbs."""
        user = self._sandbox.create_user()
        self._ended(self._begin(user, FIRST_CONVERSATIONS))
        job = self._ended(self._begin(user, CONVERSATIONS))
        assert job["status"] == "complete", job
        cost = job["cost"]
        assert isinstance(cost, dict)
        return self._fingerprint(user), int(cost["llm_call_count"])

    def _top_up(self) -> None:
        """As many imports at once as wanted, each of a new user who already has chunks."""
        self._active = {job for job in self._active if self._job(job)["status"] not in ENDED}
        users = [self._sandbox.create_user() for _ in range(AT_ONCE - len(self._active))]
        for first in [self._begin(user, FIRST_CONVERSATIONS) for user in users]:
            self._ended(first)
        for user in users:
            self._watch.add(user)
            job = self._begin(user, CONVERSATIONS)
            self._jobs[job] = user
            self._active.add(job)

    def _begin(self, user: str, conversations: int) -> str:
        path = f"user-imports/{user}/{conversations}.json"
        self._sandbox.upload(path, export(7, conversations))
        answer = self._worker.http.post("/process-full", json={"user_id": user, "storage_path": path})
        answer.raise_for_status()
        job: str = answer.json()["job_id"]
        return job

    def _job(self, job: str) -> dict[str, object]:
        found: dict[str, object] = self._worker.http.get(f"/jobs/{job}").json()
        return found

    def _ended(self, job: str) -> dict[str, object]:
        deadline = time.monotonic() + JOB_SECONDS
        while (found := self._job(job))["status"] not in ENDED:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the job {job} does not end: {found}")
            time.sleep(LOOK_SECONDS)
        return found

    def _note_steps(self) -> None:
        for row in self._sandbox.rows("pipeline_runs", {"status": "in.(accepted,running)", "select": "step"}):
            seen = self._report.killed_at
            seen[row["step"]] = seen.get(row["step"], 0) + 1

    def _wait_for_all(self) -> None:
        for job in self._jobs:
            self._report.jobs += 1
            found = self._ended(job)
            self._report.complete += found["status"] == "complete" and found["coverage"] == 1
        told = Counter(call["body"]["run_id"] for call in self._sandbox.callbacks())
        self._report.told_twice = sum(1 for job in self._jobs if told[job] > 1)

    def _compare(self, undisturbed: str, calls_each: int, asked_before: int, first_paid: int) -> None:
        report = self._report
        for job, user in self._jobs.items():
            cost = self._job(job)["cost"]
            assert isinstance(cost, dict)
            report.paid_answers += int(cost["llm_call_count"])
            report.users_with_wrong_chunks += self._fingerprint(user) != undisturbed
        report.paid_answers_undisturbed = calls_each * report.jobs
        report.calls_beyond = (self._asked() - asked_before) - (self._paid() - first_paid)
        report.calls_beyond_allowed = report.kills * CONCURRENCY
        report.looks, report.looks_without_chunks = self._watch.looks, self._watch.empty

    def _asked(self) -> int:
        """Requests that the model was sent, as it counted them."""
        requests: int = self._sandbox.calls()["anthropic"]["requests"]
        return requests

    def _paid(self) -> int:
        """Answers of the model that the ledger has charged."""
        with psycopg.connect(self._sandbox.sql_uri) as connection:
            row = connection.execute("select sum(calls) from pipeline_costs where step <> 'embed'").fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def _fingerprint(self, user: str) -> str:
        """All of a user's chunks but their ids, as one hash; a chunk that is there twice changes it."""
        with psycopg.connect(self._sandbox.sql_uri) as connection:
            rows = connection.execute(
                "select chunk_tier, conversation_id, content, embedding is not null from conversation_chunks "
                "where user_id = %s order by 1, 2, 3",
                (user,),
            ).fetchall()
        return f"{len(rows)}:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"


def main(
    kills: Annotated[int, typer.Option(min=1, help="How often the service is killed.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="No more kills after so long.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Kill the service again and again, and check that nothing was lost, doubled or paid for twice."""
    console = Console(stderr=True)
    with RunningSandbox() as sandbox, tempfile.TemporaryDirectory(prefix="kill-campaign-") as folder:
        sandbox.set_faults(anthropic={"latency_ms": MODEL_LATENCY_MS}, bedrock={"latency_ms": EMBEDDING_LATENCY_MS})
        report = Campaign(sandbox, Path(folder), seed).run(kills, time.monotonic() + 60 * minutes, console)
    if as_json:
        print(json.dumps({**asdict(report), "holds": report.holds}, indent=2))
    else:
        table = Table(title=f"{report.kills} kills, seed {seed}: {'all holds' if report.holds else 'BROKEN'}")
        table.add_column("what")
        table.add_column("seen", justify="right")
        for name, value in asdict(report).items():
            table.add_row(name.replace("_", " "), str(value))
        Console().print(table)
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    typer.run(main)
