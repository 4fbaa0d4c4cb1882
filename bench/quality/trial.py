"""Imports an export with planted facts through the whole service, and keeps what the models were sent.

The service is the real one in its own process; the database, Storage and embeddings are the sandbox's. The language
model is the sandbox's extractor too, unless a real key is given: then only that is real.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.quality.judge import Stored
from bench.v2.meter import Meter
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox
from v2_service.processors.fact_extractor import EXTRACTION_INSTRUCTION

REAL_MODEL = "https://api.anthropic.com"
POLL_SECONDS = 0.2
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")
TEXT_COLUMNS = "soulprint_text,soul_md,identity_md,user_md,agents_md,tools_md,memory_log"
_BLOCK = re.compile(r"<(material-[0-9a-f]+)>\n(.*)\n</\1>", re.DOTALL)


@dataclass(slots=True)
class Sent:
    """Materials of the extraction, and of all questions to paid services."""

    extracted: list[str] = field(default_factory=list)
    everything: list[str] = field(default_factory=list)

    def tap(self, area: str, body: bytes) -> None:
        """Take a question's material out of its body."""
        asked = json.loads(body)
        if area == "embedding":
            self.everything.append(str(asked.get("inputText", "")))
            return
        first = str(asked["messages"][0]["content"])
        block = _BLOCK.search(first)
        material = block[2] if block else first
        self.everything.append(material)
        if str(asked.get("system", "")).startswith(EXTRACTION_INSTRUCTION):
            self.extracted.append(material)


@dataclass(frozen=True, slots=True)
class Imported:
    """One import: its run's row, what it stored, what was sent, and how long it took in seconds."""

    run: dict[str, object]
    stored: Stored
    sent: Sent
    seconds: float


class Bench:
    """`open_bench` makes one; every trial is a new user's import."""

    def __init__(self, sandbox: RunningSandbox, worker: Worker, sent: Sent) -> None:
        self._sandbox = sandbox
        self._worker = worker
        self._sent = sent

    def trial(self, export: Path) -> Imported:
        """Import the file; raises RuntimeError if the import does not end complete or degraded."""
        self._sent.extracted, self._sent.everything = [], []
        user = self._sandbox.create_user()
        path = f"user-imports/{user}/conversations.json"
        self._sandbox.upload(path, export.read_bytes())
        began = time.monotonic()
        answer = self._worker.http.post("/process-full", json={"user_id": user, "storage_path": path})
        answer.raise_for_status()
        run = self._ended(answer.json()["job_id"])
        seconds = time.monotonic() - began
        if run["status"] not in ("complete", "degraded"):
            raise RuntimeError(f"the import is {run['status']}: {run['error_message']}")
        return Imported(run, self._stored(user, run), Sent(self._sent.extracted, self._sent.everything), seconds)

    def _ended(self, job: str) -> dict[str, object]:
        while True:
            [run] = self._sandbox.rows("pipeline_runs", {"id": f"eq.{job}"})
            if run["status"] in ENDED:
                return run
            time.sleep(POLL_SECONDS)

    def _stored(self, user: str, run: dict[str, object]) -> Stored:
        [profile] = self._sandbox.rows(
            "user_profiles", {"user_id": f"eq.{user}", "select": f"memory_md,{TEXT_COLUMNS}"}
        )
        texts = [str(profile[name]) for name in TEXT_COLUMNS.split(",")]
        after = "00000000-0000-0000-0000-000000000000"
        query = {"user_id": f"eq.{user}", "select": "id,title,content", "order": "id", "limit": "500"}
        while rows := self._sandbox.rows("conversation_chunks", {**query, "id": f"gt.{after}"}):
            texts += [f"{row['title']}\n{row['content']}" for row in rows]
            after = rows[-1]["id"]
        facts = run["facts"]
        items = facts["facts"] if isinstance(facts, dict) else []
        return Stored(items, str(profile["memory_md"]), texts)


def with_bench(folder: Path, key: str | None, budget: float, concurrency: int, work: Callable[[Bench], None]) -> None:
    """Run `work` over a sandbox and a service; `key` asks the real model, for at most `budget` dollars an import."""
    sent = Sent()
    given = {"ANTHROPIC_API_KEY": key, "V2_BUDGET_PER_JOB": str(budget)} if key else {}
    with RunningSandbox() as sandbox, Meter(sandbox.url, REAL_MODEL if key else None, sent.tap) as meter:
        worker = Worker(sandbox, folder / "state", concurrency, **meter.environment, **given)
        worker.start()
        try:
            work(Bench(sandbox, worker, sent))
        finally:
            worker.stop()
