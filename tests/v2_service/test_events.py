"""Progress as server-sent events: forward only, kept alive, ended by the outcome, bounded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any  # JSON

import httpx
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService
from v2_service.adapters.runs import Run
from v2_service.errors import StoreUnavailable
from v2_service.events import Audience, Rhythm, follow

QUICK = Rhythm(look=0.0, alive=15.0, most=1.0, failures=2)
OUTCOME: Run = {"coverage": None, "error_code": None, "error_message": None}
KEY = "web-app-key-0123456789"


def run(progress: int, status: str = "running") -> Run:
    return {"id": "r", "status": status, "step": "extract", "progress": progress, **OUTCOME}


class Looks:
    """A run as it is seen, look by look; an exception is raised instead."""

    def __init__(self, *seen: Run | Exception | None) -> None:
        self._seen = iter(seen)

    async def __call__(self) -> Run | None:
        now = next(self._seen)
        if isinstance(now, Exception):
            raise now
        return now


async def events(looks: Looks, rhythm: Rhythm = QUICK, leaving: bool = False) -> list[tuple[str, dict[str, Any]]]:
    wire = b"".join([part async for part in follow(looks, lambda: leaving, rhythm)])
    assert wire.startswith(b"retry: ")
    return parsed(wire.decode())


def parsed(wire: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in wire.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_only_changes_are_told_and_the_outcome_ends_the_stream() -> None:
    told = await events(Looks(run(1), run(1), run(40), run(100, "complete")))
    assert [(kind, data["progress"]) for kind, data in told] == [("progress", 1), ("progress", 40), ("end", 100)]
    assert told[-1][1]["status"] == "complete"
    assert set(OUTCOME) <= set(told[-1][1])


async def test_progress_never_goes_back_even_when_a_read_is_stale() -> None:
    told = await events(Looks(run(40), run(20), run(50), run(10, "failed")))
    assert [data["progress"] for _, data in told] == [40, 50, 50]


async def test_a_database_that_is_away_for_a_moment_is_waited_for() -> None:
    away = StoreUnavailable("away")
    assert [kind for kind, _ in await events(Looks(run(1), away, away, run(100, "complete")))] == ["progress", "end"]
    assert [kind for kind, _ in await events(Looks(run(1), away, away, away, run(100, "complete")))] == ["progress"]


async def test_a_run_that_disappears_and_a_process_that_leaves_close_the_stream() -> None:
    assert [kind for kind, _ in await events(Looks(run(1), None))] == ["progress"]
    assert await events(Looks(run(1)), leaving=True) == []


async def test_a_quiet_stream_shows_that_it_lives_and_does_not_last_for_ever() -> None:
    rhythm = Rhythm(look=0.001, alive=0.002, most=0.01)
    wire = b"".join([part async for part in follow(Looks(*[run(1)] * 20), lambda: False, rhythm)])
    assert wire.count(b": alive\n\n") >= 3
    assert b"event: end" not in wire


async def test_streams_are_counted_while_they_are_read() -> None:
    audience = Audience(1)

    async def one() -> AsyncIterator[bytes]:
        assert audience.full
        yield b"x"

    assert [part async for part in audience.counted(one())] == [b"x"]
    assert (audience.open, audience.full) == (0, False)


def test_a_real_import_is_followed_with_a_key_to_its_end(sandbox: RunningSandbox, user: str, tmp_path: Path) -> None:
    with RunningService(sandbox, tmp_path, V2_SERVICE_KEYS=json.dumps({"web": KEY})) as closed:
        path = f"user-imports/{user}/raw.json"
        sandbox.upload(path, export(4))
        body = {"user_id": user, "storage_path": path}
        assert closed.http.post("/process-full", json=body).status_code == 401
        headers = {"Authorization": f"Bearer {KEY}"}
        job_id = closed.http.post("/process-full", json=body, headers=headers).json()["job_id"]
        with closed.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = parsed(stream.read().decode())
        missing = closed.http.get(f"/jobs/{user}/events", headers=headers)
        assert (closed.http.get("/health").status_code, closed.http.get("/jobs").status_code) == (200, 401)
        log = closed.log.read_text()
    assert [kind for kind, _ in told].count("end") == 1
    assert (told[-1][0], told[-1][1]["status"], told[-1][1]["progress"]) == ("end", "complete", 100)
    assert [data["progress"] for _, data in told] == sorted(data["progress"] for _, data in told)
    assert missing.status_code == 404
    assert KEY not in log


def test_an_open_stream_does_not_hold_up_the_end_of_the_process(
    sandbox: RunningSandbox, user: str, tmp_path: Path
) -> None:
    claim = {"p_user": user, "p_kind": "import", "p_storage_path": f"user-imports/{user}/x.json"}
    rest = dict.fromkeys(("p_idempotency_key", "p_cohort", "p_conversation_count", "p_message_count"))
    service = RunningService(sandbox, tmp_path, V2_SHUTDOWN_SECONDS="20")
    service.start()
    [claimed] = sandbox.http.post(
        "/rest/v1/rpc/v2_claim_run", json={**claim, **rest, "p_version": "2.0", "p_build": ""}
    ).json()
    with (
        httpx.Client(base_url=service.url, trust_env=False, timeout=30) as client,
        client.stream("GET", f"/jobs/{claimed['run_id']}/events") as stream,
    ):
        lines = stream.iter_lines()
        while not next(lines).startswith("event: progress"):
            pass
        assert service.stop() == 0
        with pytest.raises((StopIteration, httpx.HTTPError)):
            while True:
                next(lines)
    sandbox.http.post(
        "/rest/v1/rpc/v2_stop_run", json={"p_run": claimed["run_id"], "p_status": "cancelled", "p_message": "x"}
    )
