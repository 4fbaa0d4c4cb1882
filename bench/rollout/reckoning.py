"""Counts what became of every request and every import of a run. Counterpart: `crowd`, which kept the answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any  # JSON rows of other people's tables

import httpx

from bench.rollout.crowd import Answer, Person
from bench.rollout.scene import Scene

ENDED = frozenset({"complete", "degraded", "failed", "cancelled", "handed_back"})
TABLES = {"legacy": "processing_jobs", "v2": "pipeline_runs"}
SPREADING = 1.0
"""Seconds around a change in which a worker may go by the old percentage or by the new one."""

PATIENCE = 300.0
POLL_SECONDS = 1.0
PAGE = 1000

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One run in figures. The first block must be all zeros.

    unanswered  requests without an answer          wrong      answers of a backend that the flag did not choose
    unended     accepted imports that never ended   doubled    accepted imports with more or less than one end
    strangers   jobs that no answer spoke of        refused    people with a file whose import nobody took
    """

    unanswered: int
    wrong: int
    unended: int
    doubled: int
    strangers: int
    refused: int

    people: int
    requests: int
    answers: dict[str, int]
    taken_over: int
    accepted: dict[str, int]
    ends: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost."""
        figures = (self.unanswered, self.wrong, self.unended, self.doubled, self.strangers, self.refused)
        return not any(figures)


def reckon(scene: Scene, people: Sequence[Person]) -> Reckoning:
    """Wait until every import has ended, then count."""
    rows = _settled(scene)
    records = _evidence(scene, {one.job for one in people if one.job})
    answers = [(one, answer) for one in people for answer in one.answers]
    moves = [(at, percentage) for at, percentage, _, _ in scene.moves()]
    stray = [backend for one, answer in answers if (backend := _astray(one, answer, moves))]
    explained = sum(_explained(record) for record in records)
    accepted = {(one.backend, one.job) for one in people if one.job}
    found = {(side, row["id"]): row["status"] for side, all_rows in rows.items() for row in all_rows}
    told = Counter(record["job"] for record in records if record["kind"] == "job")
    return Reckoning(
        unanswered=sum(answer.status == 0 for _, answer in answers),
        wrong=stray.count("v2") + max(0, stray.count("legacy") - explained),
        unended=sum(found.get(key) not in ENDED for key in accepted),
        doubled=sum(told[job] != 1 for _, job in accepted) + len(accepted) - len({job for _, job in accepted}),
        strangers=len(found.keys() - accepted),
        refused=sum(one.job is None for one in people if one.export),
        people=len(people),
        requests=len(answers),
        answers=dict(sorted(Counter(f"{one.status} {one.backend or '-'}" for _, one in answers).items())),
        taken_over=stray.count("legacy"),
        accepted=dict(sorted(Counter(side for side, _ in accepted).items())),
        ends=dict(
            sorted(Counter(f"{side} {found[side, job]}" for side, job in accepted if (side, job) in found).items())
        ),
    )


def _astray(person: Person, answer: Answer, moves: Sequence[tuple[float, int]]) -> str:
    """The backend that answered although the flag named the other one; "" if all is right."""
    if answer.status == 0 or answer.backend not in TABLES:
        return ""
    before = [percentage for at, percentage in moves if at <= answer.at - SPREADING]
    near = [percentage for at, percentage in moves if abs(at - answer.at) < SPREADING]
    in_force = [*(before[-1:] or [0]), *near]
    meant = {"v2" if person.bucket <= percentage else "legacy" for percentage in in_force}
    return "" if answer.backend in meant else answer.backend


def _explained(record: Mapping[str, Any]) -> bool:
    """A user of v2 whom the gateway gave to legacy, because v2 was not there."""
    if record["kind"] != "request":
        return False
    return bool(record["reason"] == "breaker-open" or (record["backend"] == "v2" and record["went_to"] == "legacy"))


def _settled(scene: Scene) -> Rows:
    """All job rows, once none is open any more, or patience ends."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = {side: list(_rows(scene, table)) for side, table in TABLES.items()}
        is_open = [row for found in rows.values() for row in found if row["status"] not in ENDED]
        if not is_open or time.monotonic() > deadline:
            return rows
        time.sleep(POLL_SECONDS)


def _rows(scene: Scene, table: str) -> Iterator[dict[str, Any]]:
    after = ""
    with httpx.Client(trust_env=False, timeout=60, headers=scene.addresses.database_headers) as client:
        while True:
            query = {"select": "id,user_id,status", "order": "id", "limit": str(PAGE)}
            if after:
                query["id"] = f"gt.{after}"
            page = client.get(f"{scene.addresses.supabase}/rest/v1/{table}", params=query).raise_for_status().json()
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]["id"]


def _evidence(scene: Scene, jobs: set[str]) -> list[dict[str, Any]]:
    """All records of the gateway, once each job's end is among them, or patience ends."""
    deadline, records, after = time.monotonic() + PATIENCE, [], 0
    with httpx.Client(base_url=scene.addresses.ops, trust_env=False, timeout=60) as client:
        while True:
            page = client.get("/evidence", params={"after": after, "limit": 5000}).raise_for_status().json()
            records += page["records"]
            after = page["next"]
            if page["records"]:
                continue
            if jobs <= {one["job"] for one in records if one["kind"] == "job"} or time.monotonic() > deadline:
                return records
            time.sleep(POLL_SECONDS)
