"""Neighbouring chunks of one conversation, put together again for one question about facts.

Chunks are as small as search wants them. A question costs about 650 tokens beside its text, and neighbours repeat 200:
asked three at a time, the same text costs a sixth less. Counterpart: `fact_extractor` asks about a unit's chunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from v2_service.contract import Chunk
from v2_service.processors.tokens import estimate_tokens

UNIT_TOKENS = 6000
"""Estimated tokens of a unit: far below the window, and its answer far below the longest."""
# An overlap has about 200 tokens; what is shorter than the shortest may be chance.
_SHORTEST_OVERLAP = 30
_LONGEST_OVERLAP = 8000
_OPENING = re.compile(r"(?:\[\d{4}-\d\d-\d\d\] )?(?:User|Assistant):(?: \[custom instructions\])? ")


@dataclass(frozen=True, slots=True)
class Unit:
    """What one question is about: `chunk` holds the text of so many neighbours."""

    chunk: Chunk
    chunks: int = 1


def extraction_units(chunks: Iterable[Chunk]) -> list[Unit]:
    """Medium chunks in order of position -> units in the same order, together the same text."""
    units: list[Unit] = []
    for chunk in chunks:
        joined = _joined(units[-1], chunk) if units else None
        if joined is None:
            units.append(Unit(chunk))
        else:
            units[-1] = joined
    return units


def _joined(unit: Unit, chunk: Chunk) -> Unit | None:
    """The unit with one more neighbour; None if it is none, or too much, or of another day.

    The day stands on top of the material, and messages of other days bear their own.
    """
    last = unit.chunk
    neighbours = (
        last.conversation_id == chunk.conversation_id
        and last.total_chunks == chunk.total_chunks
        and last.chunk_index + 1 == chunk.chunk_index
    )
    if not neighbours or last.created_at.date() != chunk.created_at.date():
        return None
    if last.token_count + chunk.token_count > UNIT_TOKENS:
        return None
    content = _content(last.content, chunk.content.partition("\n")[2])
    return Unit(
        replace(
            last,
            content=content,
            chunk_index=chunk.chunk_index,
            token_count=estimate_tokens(content),
            new_characters=last.new_characters + chunk.new_characters,
        ),
        unit.chunks + 1,
    )


def _content(before: str, body: str) -> str:
    """Both texts, without what the second repeats of the first."""
    opening = _OPENING.match(body)
    again = body[opening.end() :] if opening else body
    if len(again) >= _SHORTEST_OVERLAP:
        at = before.find(again[:_SHORTEST_OVERLAP], max(0, len(before) - _LONGEST_OVERLAP))
        while at >= 0:
            if again.startswith(before[at:]):
                return before + again[len(before) - at :]
            at = before.find(again[:_SHORTEST_OVERLAP], at + 1)
    return f"{before}\n{body}"
