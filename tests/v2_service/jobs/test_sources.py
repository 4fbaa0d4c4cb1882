"""A refresh reads the chunks that a user has as conversations, v2's own and the monolith's."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.stubs import chunk, lease
from v2_service.adapters.chunks import StagedChunk
from v2_service.adapters.runs import Lease
from v2_service.contract import Message
from v2_service.jobs import sources
from v2_service.jobs.sources import StagedSource, messages_of
from v2_service.processors import QUICK_SAMPLING


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (
            "# Tea\nUser: I like tea.\nAnd more.\nAssistant: Noted.",
            [Message("user", "I like tea.\nAnd more."), Message("assistant", "Noted.")],
        ),
        (
            "[2024-05-01T10:00:00] user: Hello\n[2024-05-01T10:00:05] assistant: Hi\n[x] tool: {}\n",
            [Message("user", "Hello"), Message("assistant", "Hi")],
        ),
        (
            "# Trip\nUser: I fly tomorrow.\n[2024-05-04] User: I fly back tomorrow.",
            [Message("user", "I fly tomorrow."), Message("user", "I fly back tomorrow.")],
        ),
        ("User: ", []),
        ("no speaker at all", [Message("user", "no speaker at all")]),
        ("", []),
    ],
)
def test_a_chunk_is_read_as_messages(content: str, messages: list[Message]) -> None:
    assert messages_of(content) == messages


@given(st.lists(st.tuples(st.sampled_from(["User", "Assistant"]), st.from_regex(r"[a-z ]{0,20}[a-z]", fullmatch=True))))
def test_every_line_of_people_is_kept(lines: list[tuple[str, str]]) -> None:
    found = messages_of("# Title\n" + "\n".join(f"{role}: {text}" for role, text in lines))
    if lines:
        assert [(message.role.title(), message.text) for message in found] == [(r, t.strip()) for r, t in lines]


class TwoChunks:
    """The staged chunks of one conversation."""

    async def medium(self, lease: Lease, after: int, limit: int) -> list[StagedChunk]:
        return [StagedChunk(str(position), chunk(position)) for position in range(after + 1, 2)]


async def test_l_57_and_l_67_chunks_are_read_as_conversations_in_another_thread_than_the_loops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: set[int] = set()

    def watched(content: str) -> list[Message]:
        threads.add(threading.get_ident())
        return messages_of(content)

    monkeypatch.setattr(sources, "messages_of", watched)
    sample, drops = await StagedSource(TwoChunks(), lease()).sampled(QUICK_SAMPLING)  # type: ignore[arg-type] # all that is asked of it
    assert (sample.offered, drops.messages) == (2, 2)
    assert threads
    assert threading.get_ident() not in threads
