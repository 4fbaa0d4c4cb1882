"""Supabase Storage: an export is streamed to a file on disk, an inline one is uploaded, both with bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx

from v2_service.contract import JsonValue
from v2_service.errors import ExportMissing, ExportTooLarge, StoreRefused, StoreUnavailable
from v2_service.paths import StoragePath

# Storage reports a missing object as HTTP 400 and gives the real status in the body.
MISSING = ("404", "not_found", "Object not found", "Bucket not found")
BLOCK = 1 << 20
PAGE = 1000
MAX_PAGES = 1000
MAX_DEPTH = 8


class Storage:
    """Objects of the import buckets."""

    def __init__(self, client: httpx.AsyncClient, max_bytes: int) -> None:
        self._client = client
        self._max_bytes = max_bytes

    async def download(self, path: StoragePath, target: Path) -> int:
        """Stream an object to `target`, which appears only when it is whole. Returns its size in bytes.

        Raises ExportMissing, ExportTooLarge, StoreRefused or StoreUnavailable.
        """
        part = target.with_name(f"{target.name}.part")
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        try:
            async with self._client.stream("GET", _address(path)) as answer:
                await _check(answer)
                size = await self._spool(answer, part)
            await asyncio.to_thread(part.replace, target)
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"The export could not be downloaded ({type(error).__name__}).") from error
        finally:
            part.unlink(missing_ok=True)
        return size

    async def _spool(self, answer: httpx.Response, part: Path) -> int:
        announced = int(answer.headers.get("content-length", "0"))
        self._bound(announced)
        size = 0
        with part.open("wb") as file:
            async for block in answer.aiter_bytes(BLOCK):
                size += len(block)
                self._bound(size)
                await asyncio.to_thread(file.write, block)
        return size

    def _bound(self, size: int) -> None:
        if size > self._max_bytes:
            raise ExportTooLarge(f"The export is larger than {self._max_bytes} bytes.")

    async def upload(self, path: StoragePath, content: bytes, content_type: str = "application/json") -> None:
        """Store an object, replacing one of the same name. Raises StoreRefused or StoreUnavailable."""
        await self._store(path, content, {"Content-Type": content_type})

    async def upload_file(self, path: StoragePath, file: Path, content_type: str = "application/json") -> None:
        """The same with a file's content, a block at a time. Raises ExportTooLarge before anything is sent."""
        size = (await asyncio.to_thread(file.stat)).st_size
        self._bound(size)
        # Announced, because Storage refuses what is too large by its length.
        await self._store(path, _blocks(file), {"Content-Type": content_type, "Content-Length": str(size)})

    async def _store(self, path: StoragePath, content: bytes | AsyncIterator[bytes], headers: dict[str, str]) -> None:
        try:
            answer = await self._client.post(_address(path), content=content, headers={**headers, "x-upsert": "true"})
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"The export could not be stored ({type(error).__name__}).") from error
        if not answer.is_success:
            raise _failure(answer)

    async def delete_folder(self, bucket: str, folder: str) -> int:
        """Delete every object below a folder; returns how many. A bucket that is not there holds none.

        Raises StoreRefused or StoreUnavailable.
        """
        deleted = 0
        for _ in range(MAX_PAGES):
            try:
                names = await self._below(bucket, folder, MAX_DEPTH)
            except ExportMissing:
                return deleted
            if not names:
                return deleted
            await self._json("DELETE", f"/storage/v1/object/{quote(bucket, safe='')}", {"prefixes": names})
            deleted += len(names)
        raise StoreRefused("Storage still lists objects that were deleted.")

    async def _below(self, bucket: str, folder: str, depth: int) -> list[str]:
        """Names of one page of objects below a folder; entries without an id are folders themselves."""
        wanted: dict[str, object] = {"prefix": folder, "limit": PAGE}
        entries = await self._json("POST", f"/storage/v1/object/list/{quote(bucket, safe='')}", wanted)
        names: list[str] = []
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            name = f"{folder}/{entry['name']}"
            if entry.get("id") is not None:
                names.append(name)
            elif depth and not names:
                names += await self._below(bucket, name, depth - 1)
        return names[:PAGE]

    async def bucket_exists(self, bucket: str) -> bool:
        """Whether Storage answers for a bucket. Raises StoreRefused or StoreUnavailable."""
        try:
            await self._json("GET", f"/storage/v1/bucket/{quote(bucket, safe='')}", None)
        except ExportMissing:
            return False
        return True

    async def _json(self, method: str, path: str, body: Mapping[str, object] | None) -> JsonValue:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"Storage cannot be reached ({type(error).__name__}).") from error
        if not answer.is_success:
            raise _failure(answer)
        value: JsonValue = answer.json()
        return value


def _address(path: StoragePath) -> str:
    return f"/storage/v1/object/{quote(path.bucket, safe='')}/{quote(path.name, safe='/')}"


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as opened:
        while block := await asyncio.to_thread(opened.read, BLOCK):
            yield block


async def _check(answer: httpx.Response) -> None:
    if not answer.is_success:
        await answer.aread()
        raise _failure(answer)


def _failure(answer: httpx.Response) -> Exception:
    body: object = None
    with contextlib.suppress(ValueError):
        body = answer.json()
    if answer.status_code == httpx.codes.NOT_FOUND or (
        isinstance(body, dict) and any(str(value) in MISSING for value in body.values())
    ):
        return ExportMissing("There is no uploaded export at this storage path. Please upload it again.")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return StoreUnavailable(f"Storage answered {answer.status_code}.")
    return StoreRefused(f"Storage refused the export ({answer.status_code}).")
