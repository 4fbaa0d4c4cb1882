"""A chunk as a row of the staging table, and back. Counterparts: `chunks.py` sends rows, `reading.py` makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from v2_service.adapters.answers import whole_number
from v2_service.contract import Chunk, JsonValue, Tier
from v2_service.json_pieces import pieces
from v2_service.processors import ChunkingSettings
from v2_service.text import storable

# There is one chunking, whose default settings are in force (S-92); the live rows name its version (S-93).
CHUNKING_VERSION = ChunkingSettings().version
RECENT_DAYS = 180
COLUMNS = (
    "id,tier,position,conversation_id,title,content,message_count,chunk_index,total_chunks,token_count,"
    "new_characters,created_at"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the staging table as the JSON text of a list, and how many they are."""

    count: int
    text: str


def rows_of(chunks: Sequence[Chunk], now: datetime) -> Rows:
    """Chunks as rows. `now` is the time that undated chunks carry."""
    return Rows(len(chunks), "".join(pieces([_row(chunk, now) for chunk in chunks])))


def chunk_of(row: Mapping[str, JsonValue]) -> Chunk:
    """The chunk in a row of `COLUMNS`."""
    return Chunk(
        conversation_id=str(row["conversation_id"]),
        title=str(row["title"]),
        content=str(row["content"]),
        tier=Tier(str(row["tier"])),
        position=whole_number(row["position"]),
        chunk_index=whole_number(row["chunk_index"]),
        total_chunks=whole_number(row["total_chunks"]),
        token_count=whole_number(row["token_count"]),
        message_count=whole_number(row["message_count"]),
        new_characters=whole_number(row["new_characters"]),
        created_at=datetime.fromisoformat(str(row["created_at"])),
    )


def _row(chunk: Chunk, now: datetime) -> dict[str, object]:
    return {
        "tier": str(chunk.tier),
        "position": chunk.position,
        "conversation_id": chunk.conversation_id,
        "title": chunk.title,
        "content": storable(chunk.content),
        "message_count": chunk.message_count,
        "chunk_index": chunk.chunk_index,
        "total_chunks": chunk.total_chunks,
        "token_count": chunk.token_count,
        "new_characters": chunk.new_characters,
        "created_at": chunk.created_at.isoformat(),
        # An undated chunk carries `now` itself, and nobody knows whether it is recent.
        "is_recent": timedelta(0) < now - chunk.created_at < timedelta(days=RECENT_DAYS),
        "chunking_version": CHUNKING_VERSION,
    }
