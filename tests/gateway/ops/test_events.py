"""The page's stream of events: bounded, guarded like everything else, and no reason not to stop."""

import json
from pathlib import Path

import httpx
import pytest

from gateway.ops.errors import TooManyStreamsError
from gateway.ops.events import Streams
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.serving import served_ops


async def nothing() -> str:
    return "{}"


async def test_events_come_until_the_streams_are_closed() -> None:
    streams = Streams(nothing, period=0.001)
    seen = 0
    async for event in streams.open():
        assert event == "data: {}\n\n"
        seen += 1
        if seen == 3:
            streams.close()
    assert seen == 3


async def test_streams_are_bounded_and_a_closed_one_makes_room() -> None:
    streams = Streams(nothing, limit=1)
    first = streams.open()
    assert await anext(first)
    with pytest.raises(TooManyStreamsError):
        streams.open()
    await first.aclose()  # type: ignore[attr-defined]  # an async generator has it
    assert await anext(streams.open())


def test_an_event_holds_status_figures_and_journal(tmp_path: Path) -> None:
    with served_ops(flag_file(tmp_path), "s3cret") as url:
        assert httpx.get(f"{url}/ops/events", trust_env=False).status_code == 401
        headers = {"authorization": "Bearer s3cret"}
        with httpx.stream("GET", f"{url}/ops/events", headers=headers, trust_env=False) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            line = next(answer.iter_lines())
    state = json.loads(line.removeprefix("data: "))
    assert state["status"]["flags"][0]["name"] == FLAG
    assert "gateway_requests_total" in state["metrics"]
    assert state["journal"] == []


def test_a_journal_that_cannot_be_read_is_told_in_the_stream(tmp_path: Path) -> None:
    path = flag_file(tmp_path)
    path.with_name(path.name + ".journal").mkdir()
    with served_ops(path) as url, httpx.stream("GET", f"{url}/ops/events", trust_env=False) as answer:
        state = json.loads(next(answer.iter_lines()).removeprefix("data: "))
    assert "journal cannot be read" in state["error"]
