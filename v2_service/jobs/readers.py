"""Exports read in processes of their own, so many at once. Counterpart: `v2_service/reading.py` is such a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from v2_service.adapters.chunk_rows import Rows
from v2_service.errors import ReadingStopped
from v2_service.json_pieces import decode
from v2_service.processors import DropReport, Sample
from v2_service.processors.errors import told
from v2_service.processors.sampling import SamplingSettings
from v2_service.reading import BUG, HEADER, REFUSED, RESULT, ROWS, Frame

MODULE = "v2_service.reading"
# What is read ahead of whoever takes the rows.
AHEAD_BYTES = 1024 * 1024
STOPPED = "The process that read the export ended too early."


class ReaderBug(Exception):
    """A fault of ours in a reading process: the error's name and where it happened, without its message."""


class Readers:
    """Readings of exports; beyond `at_once` they wait for each other."""

    def __init__(self, at_once: int) -> None:
        self._places = asyncio.Semaphore(at_once)

    async def sample(self, path: Path, settings: SamplingSettings) -> tuple[Sample, DropReport]:
        """A sample of the whole export, and what it holds. Raises a kind of ExportError, or ReadingStopped."""
        async with aclosing(self._frames({"path": str(path), "sample": asdict(settings)})) as frames:
            async for frame in frames:
                if frame.kind == RESULT:
                    found = await decode(frame.content)
                    assert isinstance(found, dict)
                    return Sample(**found["sample"]), DropReport.from_json(found["drops"])
        raise ReadingStopped(STOPPED)

    async def rows(self, path: Path, at: datetime) -> AsyncGenerator[Rows]:
        """All chunks of the export, some at a time; the next ones are made while these are stored.

        Raises a kind of ExportError, possibly after rows, or ReadingStopped.
        """
        async with aclosing(self._frames({"path": str(path), "chunk": at.isoformat()})) as frames:
            async for frame in frames:
                if frame.kind == ROWS:
                    yield Rows(frame.rows, frame.content.decode())

    async def _frames(self, order: Mapping[str, object]) -> AsyncGenerator[Frame]:
        """The parts of the answer, the last one a result."""
        async with self._places, _process(order) as process:
            assert process.stdout is not None
            going_on = True
            while going_on:
                frame = await _read(process.stdout)
                _raise_if_told(frame)
                going_on = frame.kind == ROWS
                yield frame


async def _read(stream: asyncio.StreamReader) -> Frame:
    try:
        kind, rows, size = HEADER.unpack(await stream.readexactly(HEADER.size))
        return Frame(kind, rows, await stream.readexactly(size))
    except asyncio.IncompleteReadError:
        raise ReadingStopped(STOPPED) from None


def _raise_if_told(frame: Frame) -> None:
    if frame.kind == REFUSED:
        refusal = json.loads(frame.content)
        raise told(refusal["code"], refusal["sentence"])
    if frame.kind == BUG:
        bug = json.loads(frame.content)
        raise ReaderBug(f"{bug['error']}\n{bug['trace']}")


@contextlib.asynccontextmanager
async def _process(order: Mapping[str, object]) -> AsyncIterator[Process]:
    """A reading process that has its order; gone when the block ends."""
    try:
        # It gets no variable of ours, because some of them are keys.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE),
            stdin=PIPE,
            stdout=PIPE,
            limit=AHEAD_BYTES,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except OSError as error:
        raise ReadingStopped(f"The export could not be read ({error.strerror}).") from error
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # What it has still written must be read, or its end is never noticed.
        await process.communicate()
