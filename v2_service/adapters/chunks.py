"""The staged generation of a run: chunks in, embeddings in, then one switch. Every write is fenced by the database.

Counterpart: `migrations/0004_chunks_and_profile.sql`; legacy reads only what the switch has made live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from v2_service.adapters.answers import whole_number
from v2_service.adapters.chunk_rows import COLUMNS, Rows, chunk_of
from v2_service.adapters.runs import Lease
from v2_service.adapters.supabase import Rest, expect_written
from v2_service.contract import Chunk, JsonValue, Tier
from v2_service.errors import StoreRefused
from v2_service.json_pieces import Written

# The column holds 4-byte floats, which have fewer.
DIGITS = "%.8g"


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """A staged row as the later steps read it."""

    id: str
    chunk: Chunk


class Chunks:
    """The staged generation of a run."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def stage(self, lease: Lease, rows: Rows) -> None:
        """Add chunks; those that are there already stay."""
        written = await self._rest.call("v2_stage_chunks", {**lease.arguments, "p_rows": Written(rows.text)})
        expect_written(written, rows.count, "chunks")

    async def stage_existing(self, lease: Lease) -> int:
        """For a refresh: copy the user's chunks, embeddings included. Returns how many are staged."""
        return whole_number(await self._rest.call("v2_stage_existing", lease.arguments))

    async def staged(self, lease: Lease) -> dict[str, int]:
        """Counts of the generation: chunks, medium, macro, micro, tokens, characters."""
        return _counts(await self._rest.call("v2_staged", {"p_run": lease.run_id}))

    async def unembedded(self, lease: Lease, after: str | None, limit: int) -> list[StagedChunk]:
        """The next chunks without an embedding, by id: a key, not an offset into a shrinking set (L-53)."""
        query = {"embedding": "is.null", "order": "id", "limit": str(limit)}
        if after is not None:
            query["id"] = f"gt.{after}"
        return await self._read(lease, query)

    async def medium(self, lease: Lease, after: int, limit: int) -> list[StagedChunk]:
        """The next medium chunks by position: the ones facts are extracted from."""
        return await self._read(
            lease,
            {"tier": f"eq.{Tier.MEDIUM}", "position": f"gt.{after}", "order": "position", "limit": str(limit)},
        )

    async def _read(self, lease: Lease, query: Mapping[str, str]) -> list[StagedChunk]:
        rows = await self._rest.select(
            "pipeline_staged_chunks", {**query, "run_id": f"eq.{lease.run_id}", "select": COLUMNS}
        )
        return [StagedChunk(str(row["id"]), chunk_of(row)) for row in rows]

    async def write_embeddings(
        self, lease: Lease, vectors: Mapping[str, Sequence[float]], tokens: int, dollars: float
    ) -> None:
        """Many vectors in one call, by chunk id, charged to the run."""
        rows = await asyncio.to_thread(_vector_rows, vectors)
        written = await self._rest.call(
            "v2_write_embeddings", {**lease.arguments, "p_rows": rows, "p_tokens": tokens, "p_dollars": dollars}
        )
        expect_written(written, len(rows), "embeddings")

    async def switch(self, lease: Lease, patch: Mapping[str, object]) -> int:
        """The staged generation becomes the user's chunks, in one transaction; returns how many they are.

        Raises Overtaken when somebody else has changed the user's chunks since the run was accepted.
        """
        return whole_number(await self._rest.call("v2_switch_chunks", {**lease.arguments, "p_patch": dict(patch)}))

    async def proof(self, run_id: str) -> dict[str, int]:
        """Counts of what stands in the database for the run's user."""
        return _counts(await self._rest.call("v2_proof", {"p_run": run_id}))


def _vector_rows(vectors: Mapping[str, Sequence[float]]) -> list[dict[str, str]]:
    # One format for a whole vector is three times as fast as rounding and writing each number.
    return [
        {"id": chunk_id, "embedding": f"[{','.join([DIGITS] * len(vector))}]" % tuple(vector)}
        for chunk_id, vector in vectors.items()
    ]


def _counts(answer: JsonValue) -> dict[str, int]:
    if not isinstance(answer, dict):
        raise StoreRefused("The database gave no counts.")
    return {name: whole_number(value) for name, value in answer.items()}
