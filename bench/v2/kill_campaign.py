"""kill -9 at random moments of real imports: `python -m bench.v2 kills --kills 100`.

Every user first has a small import, so that there are chunks to lose. Then larger imports of several users run at once
while the service is killed and started again. Afterwards every one of these exports is imported once more, for another
user and undisturbed: the twin. What must hold: every import ends complete; its bill has, step by step, as many paid
calls as the twin's; the model was asked the same questions, and what it answered beyond was on its way to a process
that died, or about to be kept; the chunks are the same, none missing and none twice; no look at the database ever found
a user without chunks; nobody was told twice.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from rich.console import Console

from bench.v2.exports import export
from bench.v2.kill_report import Report
from bench.v2.meter import Meter
from bench.v2.watch import LOOK_SECONDS, Watch
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox

CONVERSATIONS = 30
FIRST_CONVERSATIONS = 1
# Beyond all others: no two imports have a question in common, so a question that is asked twice was lost.
FIRST_SEED = 1_000_000
CONCURRENCY = 3
AT_ONCE = 3
# Also shorter than a start of the jobs and longer than most steps.
LIFE_SECONDS = (0.05, 3.0)
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")
TELLING = ("complete", "degraded")
JOB_SECONDS = 600.0
ATTEMPTS = 5
MODEL_LATENCY_MS = 40
EMBEDDING_LATENCY_MS = 3


@dataclass(frozen=True, slots=True)
class Import:
    """One import of the campaign: which export, for whom, as which job."""

    seed: int
    user: str
    job: str


class Campaign:
    """One sandbox, one service, many kills."""

    def __init__(self, sandbox: RunningSandbox, meter: Meter, folder: Path, seed: int) -> None:
        self._sandbox = sandbox
        self._meter = meter
        self._worker = Worker(sandbox, folder / "state", CONCURRENCY, **meter.environment)
        self._random = random.Random(seed)
        self._report = Report()
        self._watch = Watch(sandbox.sql_uri)
        self._imports: list[Import] = []
        self._active: set[str] = set()
        self._kills: list[float] = []

    def run(self, kills: int, stop_at: float, console: Console) -> Report:
        """Kill so often, or until the time is up; then let everything end, and compare."""
        began = time.monotonic()
        self._worker.start()
        try:
            self._disturb(kills, stop_at, console)
            disturbed = len(self._meter.answers)
            console.print(f"{len(self._imports)} imports have ended; now their twins")
            twins = self._twins()
        finally:
            self._worker.stop()
        self._report.compare_answers(self._meter.answers[:disturbed], self._meter.answers[disturbed:], self._kills)
        for one, twin in zip(self._imports, twins, strict=True):
            self._report.compare_bills(f"import {one.seed}", self._bill(one.job), self._bill(twin.job))
            self._report.users_with_wrong_chunks += self._fingerprint(one.user) != self._fingerprint(twin.user)
        self._report.seconds = round(time.monotonic() - began, 1)
        return self._report

    def _disturb(self, kills: int, stop_at: float, console: Console) -> None:
        """Imports under kills, until all have ended."""
        self._watch.start()
        while self._report.kills < kills and time.monotonic() < stop_at:
            self._top_up()
            time.sleep(self._random.uniform(*LIFE_SECONDS))
            self._note_steps()
            self._worker.kill()
            self._kills.append(time.monotonic())
            self._report.kills += 1
            if self._report.kills % 10 == 0:
                console.print(f"{self._report.kills} kills, {len(self._imports)} imports, {len(self._active)} running")
            self._worker.start()
        self._wait_for_all()
        self._watch.stop()
        self._report.looks, self._report.looks_without_chunks = self._watch.looks, self._watch.empty

    def _top_up(self) -> None:
        """As many imports at once as wanted, each of an export of its own for a user who already has chunks."""
        self._active = {job for job in self._active if not is_over(self._job(job))}
        first = len(self._imports)
        for one in self._started(range(first, first + AT_ONCE - len(self._active)), watched=True):
            self._imports.append(one)
            self._active.add(one.job)

    def _started(self, seeds: range, *, watched: bool) -> list[Import]:
        """Imports that have begun, of new users whose first import has ended."""
        users = [(seed, self._sandbox.create_user()) for seed in seeds]
        for first in [self._begin(FIRST_SEED + seed, user, FIRST_CONVERSATIONS) for seed, user in users]:
            self._ended(first)
        if watched:
            for _, user in users:
                self._watch.add(user)
        return [Import(seed, user, self._begin(seed, user, CONVERSATIONS)) for seed, user in users]

    def _twins(self) -> list[Import]:
        """Each export of the campaign once more, undisturbed."""
        twins: list[Import] = []
        for first in range(0, len(self._imports), AT_ONCE):
            some = self._started(range(first, min(first + AT_ONCE, len(self._imports))), watched=False)
            for one in some:
                if self._ended(one.job)["status"] != "complete":
                    raise RuntimeError(f"the undisturbed import of {one.seed} is not complete")
            twins += some
        return twins

    def _begin(self, seed: int, user: str, conversations: int) -> str:
        path = f"user-imports/{user}/{conversations}.json"
        self._sandbox.upload(path, export(seed, conversations))
        wanted = {"user_id": user, "storage_path": path}
        # Again after a lost answer, it joins the run that there is.
        answer = steadily(lambda: self._worker.http.post("/process-full", json=wanted))
        answer.raise_for_status()
        job: str = answer.json()["job_id"]
        return job

    def _job(self, job: str) -> dict[str, object]:
        found: dict[str, object] = steadily(lambda: self._worker.http.get(f"/jobs/{job}")).json()
        return found

    def _ended(self, job: str) -> dict[str, object]:
        deadline = time.monotonic() + JOB_SECONDS
        while not is_over(found := self._job(job)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the job {job} does not end: {found}")
            time.sleep(LOOK_SECONDS)
        return found

    def _note_steps(self) -> None:
        for row in self._sandbox.rows("pipeline_runs", {"status": "in.(accepted,running)", "select": "step"}):
            step = row["step"] or "accepted"
            self._report.killed_at[step] = self._report.killed_at.get(step, 0) + 1

    def _wait_for_all(self) -> None:
        for one in self._imports:
            self._report.imports += 1
            found = self._ended(one.job)
            self._report.complete += found["status"] == "complete" and found["coverage"] == 1
        told = Counter(call["body"]["run_id"] for call in self._sandbox.callbacks())
        self._report.told_once = sum(told[one.job] == 1 for one in self._imports)
        self._report.told_twice = sum(told[one.job] > 1 for one in self._imports)
        self._report.told_perhaps = sum(self._job(one.job)["callback_outcome"] == "unknown" for one in self._imports)

    def _bill(self, job: str) -> dict[str, int]:
        """Paid calls by step, as the ledger has them."""
        with psycopg.connect(self._sandbox.sql_uri) as connection:
            rows = connection.execute(
                "select step, sum(calls) from pipeline_costs where run_id = %s group by step", (job,)
            ).fetchall()
        return {str(step): int(calls) for step, calls in rows}

    def _fingerprint(self, user: str) -> str:
        """All of a user's chunks but their ids, as one hash; a chunk that is there twice changes it."""
        with psycopg.connect(self._sandbox.sql_uri) as connection:
            rows = connection.execute(
                "select chunk_tier, conversation_id, title, content, message_count, created_at::text, "
                "md5(embedding::text) from conversation_chunks where user_id = %s order by 1, 2, 4",
                (user,),
            ).fetchall()
        return f"{len(rows)}:{hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"


def is_over(job: Mapping[str, object]) -> bool:
    """Whether nothing more will happen: a complete import has also told the web app, or given up on it."""
    told = job["callback_outcome"] not in (None, "sending")
    return job["status"] in ENDED and (told or job["status"] not in TELLING)


def steadily(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """An answer, even if a connection that had been idle is closed at the moment it is used."""
    for _ in range(ATTEMPTS - 1):
        try:
            return ask()
        except httpx.TransportError:
            time.sleep(LOOK_SECONDS)
    return ask()


def campaign(kills: int, seed: int, minutes: float, folder: Path, console: Console) -> Report:
    """A whole campaign over a sandbox of its own."""
    with RunningSandbox() as sandbox, Meter(sandbox.url) as meter:
        sandbox.set_faults(anthropic={"latency_ms": MODEL_LATENCY_MS}, bedrock={"latency_ms": EMBEDDING_LATENCY_MS})
        return Campaign(sandbox, meter, folder, seed).run(kills, time.monotonic() + 60 * minutes, console)
