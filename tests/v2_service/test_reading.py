"""The reading process's answers, made here without a process."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.v2_service.exports import export
from v2_service import reading
from v2_service.adapters.chunk_rows import rows_of
from v2_service.processors import (
    QUICK_SAMPLING,
    DropReport,
    chunk_conversations,
    iter_conversations,
    sample_conversations,
)
from v2_service.reading import BUG, REFUSED, RESULT, ROWS, obeyed, some_at_once

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WORDS = "said in confidence"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_bytes(export(9))
    return path


def test_a_sample_and_what_the_export_holds_come_in_one_part(file: Path) -> None:
    [frame] = obeyed({"path": str(file), "sample": asdict(QUICK_SAMPLING)})
    drops = DropReport()
    sample = sample_conversations(iter_conversations(file, drops), QUICK_SAMPLING)
    assert frame.kind == RESULT
    assert json.loads(frame.content) == {"sample": asdict(sample), "drops": drops.to_json()}


def test_chunks_come_some_at_a_time_as_the_rows_that_the_database_takes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STAGED_AT_ONCE", 5)
    *parts, last = obeyed({"path": str(file), "chunk": NOW.isoformat()})
    chunks = list(chunk_conversations(iter_conversations(file, DropReport()), NOW))
    assert [part.kind for part in parts] == [ROWS] * len(parts)
    assert [part.rows for part in parts][:-1] == [5] * (len(parts) - 1)
    assert [row for part in parts for row in json.loads(part.content)] == json.loads(rows_of(chunks, NOW).text)
    assert last.kind == RESULT


def test_what_is_no_export_is_refused_with_its_code_and_sentence(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(export(3)[:-9])
    *_, last = obeyed({"path": str(path), "sample": asdict(QUICK_SAMPLING)})
    assert last.kind == REFUSED
    told = json.loads(last.content)
    assert told["code"] == "export_not_json"
    assert "not valid JSON" in told["sentence"]


def test_a_bug_is_told_by_name_and_place_and_never_with_the_text_it_met(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise KeyError(WORDS)

    monkeypatch.setattr(reading, "sample_conversations", broken)
    [frame] = obeyed({"path": str(file), "sample": asdict(QUICK_SAMPLING)})
    assert frame.kind == BUG
    assert json.loads(frame.content)["error"] == "KeyError"
    assert b"in broken" in frame.content
    assert WORDS.encode() not in frame.content


def test_items_come_some_at_once_and_none_is_lost() -> None:
    assert list(some_at_once(range(5), 2)) == [(0, 1), (2, 3), (4,)]
    assert list(some_at_once([], 2)) == []
