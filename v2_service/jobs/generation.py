"""A staged generation, filled: chunks of conversations, then vectors for those that have none. Safe to repeat.

Counterparts: `first_steps.py` does it for an import, `rechunk.py` for a stored export.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, closing
from datetime import datetime

from v2_service.adapters.arrivals import Arrivals
from v2_service.adapters.chunks import StagedChunk
from v2_service.adapters.runs import Lease
from v2_service.contract import Arrived
from v2_service.errors import EmbeddingsUnavailable
from v2_service.jobs.budget import Budget
from v2_service.jobs.services import Services
from v2_service.jobs.sources import ExportSource
from v2_service.prices import prices

EMBEDDED_AT_ONCE = 50
# How a vector lies on disk: 8 bytes a number.
DOUBLES = "d"


async def stage(services: Services, lease: Lease, export: ExportSource, at: datetime) -> None:
    """All chunks of an export into the generation; `at` dates those for which it has no time."""
    async with aclosing(export.rows(at)) as batches:
        async for rows in batches:
            await services.chunks.stage(lease, rows)


async def embed(services: Services, lease: Lease, budget: Budget, told: Callable[[int], Awaitable[None]]) -> int:
    """Vectors for every staged chunk that has none; `told` hears how many there are after each page. Returns how many.

    Raises BudgetSpent, EmbeddingsUnavailable, StaleRun, StoreUnavailable, StoreRefused.
    """
    done, after = 0, None
    with closing(services.arrivals(lease.run_id, "vectors")) as arrivals:
        # Came when an earlier process was killed, and were not written.
        found = {row_id: array(DOUBLES, content) for row_id, content in arrivals.found().items()}
        while page := await services.chunks.unembedded(lease, after, EMBEDDED_AT_ONCE):
            await budget.check()
            vectors: dict[str, Sequence[float]] = {row.id: found[row.id] for row in page if row.id in found}
            missing = [row for row in page if row.id not in vectors]
            heard = kept_in(vectors, missing, arrivals)
            try:
                await services.embeddings.embed([row.chunk.content for row in missing], heard)
            except EmbeddingsUnavailable:
                # What came before the failure is paid for: it is kept, and charged.
                await write(services, lease, page, vectors)
                arrivals.clear()
                raise
            await write(services, lease, page, vectors)
            arrivals.clear()
            done, after = done + len(page), page[-1].id
            await told(done)
    return done


def kept_in(vectors: dict[str, Sequence[float]], rows: Sequence[StagedChunk], arrivals: Arrivals) -> Arrived:
    """Puts each vector on disk and among the others as it comes, by the id of its row."""

    def arrived(index: int, vector: Sequence[float]) -> None:
        row_id = rows[index].id
        arrivals.add(row_id, array(DOUBLES, vector).tobytes())
        vectors[row_id] = vector

    return arrived


async def write(
    services: Services, lease: Lease, page: Sequence[StagedChunk], vectors: Mapping[str, Sequence[float]]
) -> None:
    """Vectors in one call, charged."""
    if not vectors:
        return
    tokens = sum(row.chunk.token_count for row in page if row.id in vectors)
    await services.chunks.write_embeddings(lease, vectors, tokens, prices(services.settings).of_embedding(tokens))
