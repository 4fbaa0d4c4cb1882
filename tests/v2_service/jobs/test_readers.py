"""Exports read in processes of their own: what comes back, and that none of them stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.v2_service.exports import export
from v2_service.errors import ReadingStopped
from v2_service.jobs import readers as readers_module
from v2_service.jobs.readers import ReaderBug, Readers
from v2_service.memory import PROC
from v2_service.processors import (
    QUICK_SAMPLING,
    DropReport,
    ExportEncrypted,
    ExportError,
    ExportNotJson,
    iter_conversations,
    sample_conversations,
)
from v2_service.processors.errors import told

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02


@pytest.fixture
def readers() -> Readers:
    return Readers(1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_bytes(export(30))
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Whoever opens it as an export waits for ever, because nobody writes to it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def reading_processes() -> set[int]:
    """The processes that read exports for this one."""
    found = set()
    for listed in PROC.glob("self/task/*/children"):
        for child in listed.read_text().split():
            with contextlib.suppress(OSError):
                if b"v2_service.reading" in (PROC / child / "cmdline").read_bytes():
                    found.add(int(child))
    return found


async def begun() -> int:
    """The one process that reads now."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if found := reading_processes():
                [process] = found
                return process
            await asyncio.sleep(POLL_SECONDS)


async def test_l_57_and_l_67_an_export_is_read_in_another_process_than_the_loops(readers: Readers, file: Path) -> None:
    drops = DropReport()
    wanted = sample_conversations(iter_conversations(file, drops), QUICK_SAMPLING)
    assert await readers.sample(file, QUICK_SAMPLING) == (wanted, drops)
    rows = [batch async for batch in readers.rows(file, NOW)]
    assert sum(batch.count for batch in rows) > 30
    assert reading_processes() == set()


@pytest.mark.parametrize("content", [b"", b"prose", export(2)[:-9], b"PK\x03\x04nothing"])
async def test_what_is_no_export_is_the_same_error_as_without_a_process(
    readers: Readers, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    with pytest.raises(ExportError) as wanted:
        list(iter_conversations(path, DropReport()))
    with pytest.raises(ExportError) as seen:
        await readers.sample(path, QUICK_SAMPLING)
    assert (type(seen.value), str(seen.value)) == (type(wanted.value), str(wanted.value))


async def test_a_bug_in_the_process_is_a_bug_here(readers: Readers, tmp_path: Path) -> None:
    with pytest.raises(ReaderBug, match=r"FileNotFoundError\n(.|\n)*find_documents"):
        await readers.sample(tmp_path / "none", QUICK_SAMPLING)


async def test_a_process_that_is_killed_is_worth_another_try(readers: Readers, endless: Path) -> None:
    reading = asyncio.create_task(readers.sample(endless, QUICK_SAMPLING))
    os.kill(await begun(), signal.SIGKILL)
    with pytest.raises(ReadingStopped) as stopped:
        await reading
    assert stopped.value.transient


async def test_a_reading_that_nobody_wants_any_more_is_ended(readers: Readers, endless: Path, file: Path) -> None:
    reading = asyncio.create_task(readers.sample(endless, QUICK_SAMPLING))
    await begun()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert reading_processes() == set()
    # And its place is free again.
    assert (await readers.sample(file, QUICK_SAMPLING))[0].offered == 30


async def test_rows_that_are_not_all_taken_end_the_process_too(readers: Readers, file: Path) -> None:
    rows = readers.rows(file, NOW)
    assert (await anext(rows)).count > 0
    assert len(reading_processes()) <= 1
    await rows.aclose()
    assert reading_processes() == set()


async def test_more_readings_than_places_wait(endless: Path) -> None:
    readers = Readers(1)
    readings = [asyncio.create_task(readers.sample(endless, QUICK_SAMPLING)) for _ in range(3)]
    first = await begun()
    for _ in range(3):
        await asyncio.sleep(0)
    assert reading_processes() == {first}
    for reading in readings:
        reading.cancel()
    await asyncio.gather(*readings, return_exceptions=True)
    assert reading_processes() == set()


async def test_a_process_that_cannot_be_started_is_worth_another_try(
    readers: Readers, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers_module.sys, "executable", str(file.with_name("no-python")))
    with pytest.raises(ReadingStopped, match="could not be read"):
        await readers.sample(file, QUICK_SAMPLING)


async def test_whoever_reads_a_strangers_file_knows_no_key(
    readers: Readers, endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "service-hidden")
    reading = asyncio.create_task(readers.sample(endless, QUICK_SAMPLING))
    process = await begun()
    assert b"hidden" not in (PROC / str(process) / "environ").read_bytes()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


def test_a_reading_process_ends_with_whoever_started_it(endless: Path) -> None:
    order = f'{{"path": "{endless}", "chunk": "{NOW.isoformat()}"}}\n'
    with subprocess.Popen([sys.executable, "-m", "v2_service.reading"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(order.encode())
        process.stdin.close()
        assert process.wait(WAIT_SECONDS) == 1


@pytest.mark.parametrize("error", [ExportEncrypted(), ExportNotJson("The file")])
def test_an_error_is_told_with_its_kind_and_its_one_sentence(error: ExportError) -> None:
    again = told(error.code, str(error))
    assert (type(again), str(again), again.code) == (type(error), str(error), error.code)
