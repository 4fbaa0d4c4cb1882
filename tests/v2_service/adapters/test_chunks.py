"""The staged generation against a real database: repeatable steps, checked writes, one switch."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.v2_service.adapters.conftest import Taken
from tests.v2_service.stubs import chunk
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.runs import Lease, Request
from v2_service.contract import Tier
from v2_service.errors import Overtaken, StaleRun, StoreRefused
from v2_service.jobs.services import Services
from v2_service.processors import ChunkingSettings

NOW = datetime(2024, 6, 1, tzinfo=UTC)
VECTOR = [0.6, 0.8] + [0.0] * 1022


async def test_staging_again_doubles_nothing(taken: Taken) -> None:
    chunks, lease = taken.services.chunks, taken.lease
    made = [chunk(0), chunk(1), chunk(0, "tier text", Tier.MICRO), chunk(0, "nul\x00 and \ud800", Tier.MACRO)]
    for _ in range(2):
        await chunks.stage(lease, rows_of(made, NOW))
    counts = await chunks.staged(lease)
    assert {name: counts[name] for name in ("chunks", "medium", "micro", "macro")} == {
        "chunks": 4,
        "medium": 2,
        "micro": 1,
        "macro": 1,
    }
    assert [row.chunk for row in await chunks.medium(lease, -1, 10)] == made[:2]


async def test_chunks_that_an_older_chunking_staged_are_not_mixed_with_ours(taken: Taken) -> None:
    chunks, lease = taken.services.chunks, taken.lease
    await chunks.stage(lease, rows_of([chunk(0), chunk(1), chunk(2)], NOW))
    older = {"p_run": lease.run_id, "p_fence": lease.fence}
    rows = await taken.services.rest.select(
        "pipeline_staged_chunks", {"run_id": f"eq.{lease.run_id}", "position": "eq.2"}
    )
    await taken.services.rest.call("v2_stage_chunks", {**older, "p_rows": [{**rows[0], "chunking_version": 1}]})
    assert (await chunks.staged(lease))["chunks"] == 1
    await chunks.stage(lease, rows_of([chunk(0)], NOW))
    assert [row.chunk.position for row in await chunks.medium(lease, -1, 10)] == [0]


async def test_pages_go_by_key_so_that_every_chunk_is_embedded_once(taken: Taken) -> None:
    chunks, lease = taken.services.chunks, taken.lease
    await chunks.stage(lease, rows_of([chunk(position) for position in range(25)], NOW))
    after, pages = None, []
    while page := await chunks.unembedded(lease, after, 10):
        await chunks.write_embeddings(lease, {row.id: VECTOR for row in page}, 30, 0.5)
        after = page[-1].id
        pages.append(len(page))
    assert pages == [10, 10, 5]
    assert await chunks.unembedded(lease, None, 10) == []


async def test_a_lost_or_misfit_embedding_raises(taken: Taken) -> None:
    chunks, lease = taken.services.chunks, taken.lease
    with pytest.raises(StoreRefused, match="0 of 1"):
        await chunks.write_embeddings(lease, {"00000000-0000-4000-8000-000000000000": VECTOR}, 30, 0.5)
    await chunks.stage(lease, rows_of([chunk(0)], NOW))
    [row] = await chunks.unembedded(lease, None, 1)
    with pytest.raises(StoreRefused):
        await chunks.write_embeddings(lease, {row.id: VECTOR[:768]}, 30, 0.5)


async def with_old_chunks(services: Services, user: str, rows: int) -> Lease:
    """A running run of a user who had chunks before."""
    for _ in range(rows):
        await insert_old(services, user)
    lease = await services.runs.take((await services.runs.claim(Request(user, "b/p"))).run_id)
    assert lease is not None
    return lease


async def insert_old(services: Services, user: str) -> None:
    old = {"user_id": user, "conversation_id": "old", "content": "old", "created_at": NOW.isoformat()}
    await services.rest.insert("conversation_chunks", old, on_conflict="id")


async def test_chunks_that_somebody_else_stored_meanwhile_are_not_replaced(services: Services, user: str) -> None:
    lease = await with_old_chunks(services, user, 2)
    await services.chunks.stage(lease, rows_of([chunk(0)], NOW))
    await insert_old(services, user)
    with pytest.raises(Overtaken):
        await services.chunks.switch(lease, {"import_status": "complete"})
    assert (await services.chunks.proof(lease.run_id))["chunks"] == 3
    await services.runs.finish(lease, {"status": "failed"}, {})
    assert (await services.runs.retry(lease.run_id)).verdict == "superseded"


async def test_a_failed_run_may_be_retried_while_the_chunks_are_those_it_saw(services: Services, user: str) -> None:
    lease = await with_old_chunks(services, user, 2)
    await services.chunks.stage(lease, rows_of([chunk(0)], NOW))
    await services.chunks.switch(lease, {})
    await services.runs.finish(lease, {"status": "failed"}, {})
    assert (await services.runs.retry(lease.run_id)).verdict == "accepted"


async def test_the_switch_replaces_everything_at_once_and_may_be_repeated(services: Services, user: str) -> None:
    lease = await with_old_chunks(services, user, 1)
    await services.chunks.stage(lease, rows_of([chunk(0), chunk(1)], NOW))
    for _ in range(2):
        await services.runs.write_profile(lease, {"import_status": "quick_ready", "total_chunks": 0})
        assert await services.chunks.switch(lease, {"import_status": "complete"}) == 2
    rows = await services.rest.select(
        "conversation_chunks", {"user_id": f"eq.{lease.user_id}", "order": "conversation_id"}
    )
    assert [row["conversation_id"] for row in rows] == ["c0", "c1"]
    profile = await services.runs.profile(lease.user_id, "total_chunks,processed_chunks,import_status")
    assert profile == {"total_chunks": 2, "processed_chunks": 2, "import_status": "complete"}
    proof = await services.chunks.proof(lease.run_id)
    assert (proof["chunks"], proof["embedded"]) == (2, 0)


async def test_live_chunks_say_which_chunking_made_them_and_queries_can_filter_on_it(
    services: Services, user: str
) -> None:
    lease = await with_old_chunks(services, user, 2)
    filtered = {"user_id": f"eq.{user}", "chunking_version": "is.null", "select": "conversation_id"}
    assert [row["conversation_id"] for row in await services.rest.select("conversation_chunks", filtered)] == [
        "old"
    ] * 2
    await services.chunks.stage(lease, rows_of([chunk(0), chunk(0, "m" * 60, Tier.MICRO)], NOW))
    await services.chunks.switch(lease, {})
    filtered["chunking_version"] = f"eq.{ChunkingSettings().version}"
    assert len(await services.rest.select("conversation_chunks", filtered)) == 2


async def test_a_refresh_leaves_each_chunk_the_version_that_it_has(services: Services, user: str) -> None:
    lease = await with_old_chunks(services, user, 1)
    ours = {"user_id": user, "conversation_id": "ours", "content": "x", "created_at": NOW.isoformat()}
    await services.runs.stop(lease.run_id, "cancelled", "x")
    await services.rest.insert("conversation_chunks", {**ours, "chunking_version": 7}, on_conflict="id")
    lease_again = await services.runs.take((await services.runs.claim(Request(user))).run_id)
    assert lease_again is not None
    assert await services.chunks.stage_existing(lease_again) == 2
    await services.chunks.switch(lease_again, {})
    rows = await services.rest.select("conversation_chunks", {"user_id": f"eq.{user}", "order": "conversation_id"})
    assert [(row["conversation_id"], row["chunking_version"]) for row in rows] == [("old", None), ("ours", 7)]


async def test_a_reader_never_sees_two_generations_nor_none(services: Services, user: str) -> None:
    lease = await with_old_chunks(services, user, 3)
    await services.chunks.stage(lease, rows_of([chunk(position) for position in range(300)], NOW))
    seen: list[int] = []
    switching = asyncio.create_task(services.chunks.switch(lease, {}))
    while not switching.done():
        query = {"user_id": f"eq.{lease.user_id}", "select": "conversation_id"}
        seen.append(len(await services.rest.select("conversation_chunks", query)))
    assert await switching == 300
    assert set(seen) <= {3, 300}


async def test_nothing_staged_is_never_switched_in(taken: Taken) -> None:
    with pytest.raises(StoreRefused, match="nothing_staged"):
        await taken.services.chunks.switch(taken.lease, {})


async def test_a_cancelled_run_leaves_no_staged_text_behind(taken: Taken) -> None:
    services, lease = taken.services, taken.lease
    await services.chunks.stage(lease, rows_of([chunk(0)], NOW))
    assert await services.runs.stop(lease.run_id, "cancelled", "x") == "cancelled"
    assert (await services.chunks.staged(lease))["chunks"] == 0
    with pytest.raises(StaleRun):
        await services.chunks.stage(lease, rows_of([chunk(1)], NOW))
