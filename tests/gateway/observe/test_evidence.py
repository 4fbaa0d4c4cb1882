"""The supervisor's end of the evidence: floods, broken disks, late answers."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.fleet import Fleet, WorkerProcess
from gateway.observe.decided import Decided, DecidedLog
from gateway.observe.errors import EvidenceUnusable
from gateway.observe.evidence import Evidence
from gateway.observe.evidence_store import Record
from gateway.observe.log_relay import LogRelay
from gateway.proxy.config import WorkerConfig

EXCHANGE = Decided(100.0, "f", "ada", "v2", "v2", "percentage-in", 7, 10, 3, 200, 0.25, "")


class Workers:
    """One worker with a log, asked over JSON as the channel does it."""

    def __init__(self, at_once: int = 4000) -> None:
        self.log = DecidedLog()
        self.at_once = at_once

    async def fetch_decided(self) -> list[dict[str, object]]:
        return [json.loads(json.dumps(self.log.fetch(self.at_once)))]


async def test_a_flood_is_taken_in_pieces(tmp_path: Path) -> None:
    workers = Workers(at_once=10)
    evidence = Evidence(workers, tmp_path)
    await evidence.open()
    for number in range(35):
        workers.log.add(EXCHANGE._replace(at=float(number)))
    await evidence.collect()
    assert (await evidence.page(0, 100)).newest == evidence.written == 35
    await evidence.close()


async def test_what_cannot_be_written_is_counted_said_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = Workers()
    evidence = Evidence(workers, tmp_path)
    await evidence.open()

    def full(records: list[Record]) -> int:
        raise EvidenceUnusable("the evidence cannot be written: database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(evidence.store, "append", full)
        for _ in range(2):
            workers.log.add(EXCHANGE)
            await evidence.collect()
    assert (evidence.dropped, evidence.written) == (2, 0)
    assert evidence.problem is not None
    assert capsys.readouterr().err.count("disk is full") == 1
    workers.log.add(EXCHANGE)
    await evidence.collect()
    assert (evidence.problem, evidence.written) == (None, 1)
    await evidence.close()


async def test_exchanges_that_a_worker_hands_over_too_late_or_at_its_end_are_not_lost() -> None:
    fleet = Fleet(WorkerConfig("http://a", "http://b", "flags.json", ""), [], LogRelay(2))
    reader = asyncio.StreamReader()
    for message in ({"decided": [1], "id": 7}, {"event": "end", "snapshot": {}, "decided": [2]}):
        reader.feed_data(json.dumps(message).encode() + b"\n")
    reader.feed_eof()
    await fleet._listen(WorkerProcess(0, None), reader)  # type: ignore[arg-type]  # its socket is not asked
    assert [answer["decided"] for answer in await fleet.fetch_decided()] == [[1], [2]]
    assert await fleet.fetch_decided() == []
