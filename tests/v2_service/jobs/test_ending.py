"""Complete needs proof from the stores, and the web app is told once or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import chunk, sandbox_settings
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.runs import Lease, Request
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import CallbackFailed, ImportFailed
from v2_service.jobs import ending, profile
from v2_service.jobs.services import Services, open_services
from v2_service.jobs.session import Session
from v2_service.processors import Evidence

VECTOR = [1.0] + [0.0] * 1023


class Notifier:
    """A web app that remembers who was announced."""

    def __init__(self, failing: bool = False) -> None:
        self.told: list[str] = []
        self._failing = failing

    async def import_complete(self, user_id: str, run_id: str, seconds: float) -> Mapping[str, JsonValue]:
        self.told.append(run_id)
        if self._failing:
            raise CallbackFailed("The web app answered 500.")
        return {}


class Open:
    """A gate that never closes."""

    async def between_steps(self) -> None:
        return None


@pytest.fixture
async def services(sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[Services]:
    async with open_services(sandbox_settings(sandbox, tmp_path)) as opened:
        yield opened


@pytest.fixture
async def lease(services: Services, user: str) -> Lease:
    claim = await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))
    taken = await services.runs.take(claim.run_id)
    assert taken is not None
    return taken


async def imported(services: Services, lease: Lease, embedded: int) -> dict[str, JsonObject]:
    """A small import up to its proof, with some of its three chunks embedded."""
    await services.chunks.stage(lease, rows_of([chunk(position) for position in range(3)], services.now()))
    page = await services.chunks.unembedded(lease, None, embedded) if embedded else []
    await services.chunks.write_embeddings(lease, {row.id: VECTOR for row in page}, 30, 0.5)
    patch = profile.switched(services.now(), full=False, messages=3, conversations=3)
    await services.runs.write_profile(lease, {"soulprint_text": "words\x00"})
    await services.chunks.switch(lease, patch)
    return {
        "quick_pass": {"soulprint_text": "words\x00", "conversations": 3, "messages": 3, "drops": {}},
        "chunk": {"chunks": 3, "medium": 3, "macro": 0, "micro": 0, "tokens": 30, "characters": 99},
    }


async def test_an_import_that_is_all_there_is_complete(services: Services, lease: Lease) -> None:
    results = await imported(services, lease, 3)
    session = Session(services, Open(), lease)
    assert await ending.finish(session, full=False, results=results) == {"status": "complete", "reason": ""}
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert (run["status"], run["progress"], run["error_code"]) == ("complete", 100, None)


async def test_missing_embeddings_make_it_degraded_with_the_reason(services: Services, lease: Lease) -> None:
    results = await imported(services, lease, 2)
    await ending.finish(Session(services, Open(), lease), full=False, results=results)
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert (run["status"], run["error_code"]) == ("degraded", "embeddings_missing")
    assert "2 of 3" in str(run["error_message"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"soulprint_text": "somebody else's"}, "profile_not_saved"),
        ({"embedding_status": "processing"}, "profile_not_saved"),
    ],
)
async def test_a_profile_that_is_not_what_was_written_is_no_success(
    services: Services, lease: Lease, change: JsonObject, reason: str
) -> None:
    results = await imported(services, lease, 3)
    await services.runs.write_profile(lease, change)
    with pytest.raises(ImportFailed) as caught:
        await ending.finish(Session(services, Open(), lease), full=False, results=results)
    assert caught.value.code == reason


async def test_lost_chunks_are_no_success(services: Services, lease: Lease) -> None:
    results = await imported(services, lease, 3)
    results["chunk"]["chunks"] = 4
    with pytest.raises(ImportFailed, match="3 of 4"):
        await ending.finish(Session(services, Open(), lease), full=False, results=results)


async def test_the_web_app_is_told_once(services: Services, lease: Lease) -> None:
    web = Notifier()
    told = replace(services, notifier=web)
    await ending.notify(told, lease.run_id)
    assert web.told == []
    await services.runs.finish(lease, {"status": "degraded"}, {})
    for _ in range(3):
        await ending.notify(told, lease.run_id)
    assert web.told == [lease.run_id]
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert run["callback_outcome"] == "delivered"


async def test_after_a_death_in_the_middle_of_the_call_the_outcome_is_unknown(services: Services, lease: Lease) -> None:
    await services.runs.finish(lease, {"status": "complete"}, {})
    await services.runs.mark_callback(lease.run_id, None, ending.SENDING)
    web = Notifier()
    await ending.notify(replace(services, notifier=web), lease.run_id)
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert (run["callback_outcome"], web.told) == ("unknown", [])


async def test_a_callback_that_fails_is_recorded_and_the_run_stays_complete(services: Services, lease: Lease) -> None:
    await services.runs.finish(lease, {"status": "complete"}, {})
    await ending.notify(replace(services, notifier=Notifier(failing=True)), lease.run_id)
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert (run["status"], run["callback_outcome"]) == ("complete", "failed: The web app answered 500.")


async def test_a_failed_run_is_never_announced(services: Services, lease: Lease) -> None:
    await ending.fail(Session(services, Open(), lease), "why", "Because.")
    web = Notifier()
    await ending.notify(replace(services, notifier=web), lease.run_id)
    run = await services.runs.get(lease.run_id)
    assert run is not None
    assert (run["status"], run["error_code"], run["error_message"], web.told) == ("failed", "why", "Because.", [])


def test_l_13_what_the_full_pass_dropped_is_in_the_report() -> None:
    tiers: JsonObject = {"characters": 9, "medium": 1, "macro": 0, "micro": 0}
    results: dict[str, JsonObject] = {
        "chunk": tiers,
        "quick_pass": {"conversations": 1, "messages": 2},
        "extract": {"unread": 4, "dropped": 2},
        "consolidate": {"facts": {"total_count": 10, "dropped": 2}},
        "reduce": {"facts": {"total_count": 7, "dropped": 5}},
        "memory": {"lines": 6, "refused": 1},
    }
    found = Evidence(True, 1, 1, 1, True, 9, 9)
    shown = ending.counts(found, full=True, results=results)
    assert (shown["facts"], shown["facts_misread"], shown["facts_cut"]) == (10, 2, 3)
    assert (shown["memory_lines"], shown["memory_lines_refused"], shown["unread_chunks"]) == (6, 1, 4)
