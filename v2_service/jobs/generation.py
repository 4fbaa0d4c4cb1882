"""A staged generation, filled: chunks of conversations, then vectors for those that have none. Safe to repeat.

Counterparts: `first_steps.py` does it for an import, `rechunk.py` for a stored export.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from v2_service.adapters.chunks import StagedChunk
from v2_service.adapters.runs import Lease
from v2_service.errors import EmbeddingsUnavailable
from v2_service.jobs.budget import Budget
from v2_service.jobs.services import Services
from v2_service.jobs.sources import ExportSource
from v2_service.prices import prices

# A kill loses the vectors of the one page that is on its way, and they are paid for again: 50 texts of about 2000
# tokens are 100,000 tokens, $0.002 at $0.02 a million.
EMBEDDED_AT_ONCE = 50


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
    while page := await services.chunks.unembedded(lease, after, EMBEDDED_AT_ONCE):
        await budget.check()
        try:
            vectors = await services.embeddings.embed([row.chunk.content for row in page])
        except EmbeddingsUnavailable as error:
            # What came before the failure is paid for: it is kept, and charged.
            made = [(page[index], vector) for index, vector in error.made.items()]
            await write(services, lease, made)
            raise
        await write(services, lease, list(zip(page, vectors, strict=True)))
        done, after = done + len(page), page[-1].id
        await told(done)
    return done


async def write(services: Services, lease: Lease, made: Sequence[tuple[StagedChunk, Sequence[float]]]) -> None:
    """Vectors in one call, charged."""
    if not made:
        return
    tokens = sum(row.chunk.token_count for row, _ in made)
    vectors = {row.id: vector for row, vector in made}
    await services.chunks.write_embeddings(lease, vectors, tokens, prices(services.settings).of_embedding(tokens))
