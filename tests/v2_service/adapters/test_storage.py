"""Exports come from Storage whole or not at all."""

from __future__ import annotations

import filecmp
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import respx

from tests.v2_service.stubs import BASE, settings
from v2_service.adapters.storage import Storage
from v2_service.adapters.supabase import new_client
from v2_service.errors import ExportMissing, ExportTooLarge, StoreRefused, StoreUnavailable
from v2_service.jobs.services import Services
from v2_service.paths import StoragePath

PATH = StoragePath("user-imports", "u/raw 1.json")
MISSING = {"statusCode": "404", "error": "not_found", "message": "Object not found"}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class BreaksOff(httpx.AsyncByteStream):
    """A body that ends with the connection."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"[{"
        raise httpx.ReadError("gone")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, json=MISSING), ExportMissing),
        (httpx.Response(404, json={}), ExportMissing),
        (httpx.Response(400, json={"statusCode": "404", "error": "Bucket not found"}), ExportMissing),
        (httpx.Response(400, json={"statusCode": "403"}), StoreRefused),
        (httpx.Response(503, text="busy"), StoreUnavailable),
        (httpx.Response(200, content=b"x" * 101), ExportTooLarge),
        (httpx.Response(200, stream=BreaksOff()), StoreUnavailable),
    ],
)
async def test_what_is_not_whole_leaves_no_file(answer: httpx.Response, kind: type[Exception], tmp_path: Path) -> None:
    with respx.mock(base_url=BASE) as mock:
        mock.get("/storage/v1/object/user-imports/u/raw%201.json").mock(return_value=answer)
        async with new_client(settings()) as client:
            with pytest.raises(kind):
                await Storage(client, max_bytes=100).download(PATH, tmp_path / "spool" / "run")
    assert files(tmp_path) == []


async def test_what_was_uploaded_is_downloaded(services: Services, user: str, tmp_path: Path) -> None:
    path = StoragePath("user-imports", f"{user}/a file.json")
    content = b"[" + b" " * 3_000_000 + b"]"
    for body in (b"old", content):
        await services.storage.upload(path, body)
    assert await services.storage.download(path, tmp_path / "run") == len(content)
    assert (tmp_path / "run").read_bytes() == content
    with pytest.raises(ExportMissing):
        await services.storage.download(StoragePath("user-imports", f"{user}/other"), tmp_path / "other")


async def test_l_30_a_file_is_uploaded_a_block_at_a_time(services: Services, user: str, tmp_path: Path) -> None:
    """Peak of all Python allocations while 40 MB go up, and what arrives."""
    file = tmp_path / "export.json"
    file.write_bytes(b"0123456789" * 4_000_000)
    path = StoragePath("user-imports", f"{user}/large.json")
    tracemalloc.start()
    await services.storage.upload_file(path, file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
    await services.storage.download(path, tmp_path / "back")
    assert filecmp.cmp(file, tmp_path / "back", shallow=False)


async def test_a_file_that_could_never_be_imported_is_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_bytes(b"x" * 101)
    with respx.mock(base_url=BASE) as mock:
        async with new_client(settings()) as client:
            with pytest.raises(ExportTooLarge):
                await Storage(client, max_bytes=100).upload_file(PATH, file)
        assert not mock.calls
