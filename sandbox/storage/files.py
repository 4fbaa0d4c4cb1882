"""The bytes of stored objects: one file per version, written as they arrive and put in place by a rename."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
from fastapi import Request

from sandbox.storage.errors import TooLarge

# Small pieces are gathered to this size, so that a thread is asked once per megabyte instead of once per packet.
WRITE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One version on disk."""

    version: uuid.UUID
    size: int
    etag: str


class Files:
    """A flat folder; names are ours (versions), never a caller's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, version: uuid.UUID) -> Path:
        return self._folder / str(version)

    async def store(self, pieces: AsyncIterator[bytes], limit: int | None) -> Stored:
        """Write a stream with bounded memory. Raises TooLarge beyond `limit` bytes, leaving nothing behind."""
        version = uuid.uuid4()
        incoming = self._folder / f"{version}.incoming"
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            async with await anyio.open_file(incoming, "wb") as file:
                async for piece in _gathered(pieces):
                    size += len(piece)
                    if limit is not None and size > limit:
                        raise TooLarge
                    digest.update(piece)
                    await file.write(piece)
            await asyncio.to_thread(incoming.rename, self.path(version))
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        return Stored(version, size, f'"{digest.hexdigest()}"')

    async def remove(self, version: uuid.UUID) -> None:
        await asyncio.to_thread(self.path(version).unlink, missing_ok=True)

    async def clear(self) -> None:
        """Remove every object."""
        for path in await asyncio.to_thread(lambda: list(self._folder.iterdir())):
            await asyncio.to_thread(path.unlink, missing_ok=True)


def files_of(request: Request) -> Files:
    """The object files of the running sandbox (`app.state.files`)."""
    files = request.app.state.files
    assert isinstance(files, Files)
    return files


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= WRITE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
