"""Dollars per import: the former pipeline's own arithmetic, and the service's requests beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.v2.bill_page import costs_section
from bench.v2.costs import BYTES_PER_TOKEN, CHUNK, bill, former, measure
from v2_service.contract import Conversation, Message


def test_the_former_pipelines_arithmetic_comes_out_for_three_hundred_whole_chunks() -> None:
    text = "word" * (CHUNK * BYTES_PER_TOKEN // 4)
    talks = [Conversation(str(number), "t", None, (Message("user", text),)) for number in range(300)]
    one = bill("former", *former(talks), 1.0)
    assert one.questions == 300
    assert (one.extract, one.memory, one.sections) == (pytest.approx(1.167), pytest.approx(0.06), pytest.approx(0.1665))


def test_batches_cost_half_of_single_calls_and_less_than_half_of_the_former_pipeline(tmp_path: Path) -> None:
    found = measure(20, 100, tmp_path)
    rows = found["rows"]
    assert isinstance(rows, list)
    then, single, batches = (row["total"] for row in rows)
    assert batches == pytest.approx(single / 2)
    assert batches < then / 2
    section = costs_section(found)
    assert [row["pipeline"] in section for row in rows] == [True] * 3
