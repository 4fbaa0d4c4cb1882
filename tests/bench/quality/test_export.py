"""Exports with planted facts: the same each time, and what is said of them is true for the service's own reader."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench.quality.export import Plan, Truth, write_export
from bench.quality.planted import Hiding, Kind, state
from bench.quality.words import cjk_filler, code, filler, name
from v2_service.contract import Conversation
from v2_service.processors.export import DropReport, iter_conversations

PLAN = Plan(80, sentences=3)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    path = tmp_path_factory.mktemp("planted") / "conversations.json"
    return path, write_export(PLAN, path)


def read(path: Path) -> tuple[list[Conversation], DropReport]:
    drops = DropReport()
    return list(iter_conversations(path, drops)), drops


def test_the_same_plan_gives_the_same_bytes(written: tuple[Path, Truth], tmp_path: Path) -> None:
    path, truth = written
    again = write_export(PLAN, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert again == truth
    write_export(Plan(80, seed=2, sentences=3), tmp_path / "other.json")
    assert (tmp_path / "other.json").read_bytes() != path.read_bytes()


def test_the_reader_finds_exactly_what_was_said(written: tuple[Path, Truth]) -> None:
    path, truth = written
    conversations, drops = read(path)
    said = {
        talk.title: [message.text for message in talk.messages if message.source == "conversation"]
        for talk in conversations
    }
    assert said == truth.said
    assert drops.dropped["duplicate_conversation"] == truth.repeated_conversations == 3


def test_every_fact_is_on_the_active_path_and_no_decoy_that_nobody_saw(written: tuple[Path, Truth]) -> None:
    path, truth = written
    text = "\n".join(message.text for talk in read(path)[0] for message in talk.messages)
    assert [fact for fact in truth.planted if fact.sentence not in text] == []
    assert {decoy.hiding for decoy in truth.decoys} == set(Hiding)
    assert [decoy for decoy in truth.decoys if (decoy.mark in text) == decoy.hiding.off_path] == []


def test_every_kind_of_fact_occurs_and_values_change(written: tuple[Path, Truth]) -> None:
    _, truth = written
    assert {fact.kind for fact in truth.planted} == set(Kind)
    topics = [fact.topic for fact in truth.planted if fact.topic]
    assert max(map(topics.count, topics)) == 3
    marks = [fact.mark for fact in truth.planted]
    assert 0 < len(marks) - len(set(marks)) <= 20


def test_hidden_bytes_make_a_file_large_and_nothing_else(tmp_path: Path) -> None:
    truth = write_export(Plan(4, hidden_bytes=100_000), tmp_path / "x.json")
    assert (tmp_path / "x.json").stat().st_size > 400_000
    conversations, _ = read(tmp_path / "x.json")
    assert {talk.title: talk.text_length for talk in conversations[:-1]} == {
        title: sum(map(len, texts)) for title, texts in list(truth.said.items())[:0:-1]
    }


@pytest.mark.parametrize("turn", range(21))
def test_a_relative_day_is_the_day_it_says(turn: int) -> None:
    fact = state(Kind.RELATIVE, "Babebibo", "c", date(2024, 5, 1), "", turn)
    assert fact.day is not None
    days = (fact.day - date(2024, 5, 1)).days
    if "tomorrow" in fact.sentence:
        assert days == 1
    elif " days" in fact.sentence:
        assert f"in {days} days" in fact.sentence
    else:
        assert f"next {fact.day:%A}" in fact.sentence
        assert 1 <= days <= 7


def test_names_and_sentences_are_unique() -> None:
    assert len({name(number) for number in range(20_000)}) == 20_000
    for make in (filler, cjk_filler):
        assert len({make(number) for number in range(1000)}) == 1000
    assert code(5, 4).splitlines()[1] == "def step_5(row):"
