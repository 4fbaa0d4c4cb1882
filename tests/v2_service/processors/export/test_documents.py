"""The shapes a text may have, and the sentence for each that it may not."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from tests.v2_service.processors.graphs import chain, message, read, write
from v2_service.contract import JsonValue
from v2_service.processors.errors import ExportEmpty, ExportError, ExportNotJson, NoConversations
from v2_service.processors.export import DropReport, iter_conversations

PLAIN: JsonValue = {"title": "T", "messages": [{"role": "user", "content": "hi"}]}

ACCEPTED: list[tuple[str, JsonValue, int]] = [
    ("a list", [chain(["a"]), chain(["b"], id="c2")], 2),
    ("a wrapped list", {"version": 1, "meta": {"conversations": "no"}, "conversations": [chain(["a"])]}, 1),
    ("one conversation", chain(["a", "b"]), 1),
    ("pre-parsed", [PLAIN, PLAIN], 1),
    ("one pre-parsed", PLAIN, 1),
    ("wrapped pre-parsed", {"conversations": [PLAIN]}, 1),
    ("conversations among other things", [None, 3, "x", [], {}, {"id": 1}, chain(["a"])], 1),
]


@pytest.mark.parametrize(("shape", "content", "count"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_a_shape_is_understood(tmp_path: Path, shape: str, content: JsonValue, count: int) -> None:
    # Two equal pre-parsed ones have no id, so each gets its own and both are kept.
    expected = 2 if shape == "pre-parsed" else count
    assert len(read(write(tmp_path, content))[0]) == expected


def test_indented_text_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\xef\xbb\xbf \n" + json.dumps([chain(["a"])], indent=3).encode())
    assert len(read(path)[0]) == 1


BAD: list[tuple[str, bytes, type[ExportError]]] = [
    ("nothing", b"", ExportNotJson),
    ("blank", b" \n ", ExportNotJson),
    ("prose", b"hello", ExportNotJson),
    ("html", b"<html></html>", ExportNotJson),
    ("a number", b"12", ExportNotJson),
    ("a string", b'"conversations"', ExportNotJson),
    ("cut short", b'[{"mapping": {}}, {"map', ExportNotJson),
    ("an open list", b'[{"mapping": {}}', ExportNotJson),
    ("a trailing comma", b'[{"mapping": {}},]', ExportNotJson),
    ("two texts", b"[][]", ExportNotJson),
    ("not a number", b'[{"mapping": NaN}]', ExportNotJson),
    ("broken utf-8", b'["\xff"]', ExportNotJson),
    ("utf-16", "[]".encode("utf-16"), ExportNotJson),
    ("broken inside an object", b'{"conversations": [}', ExportNotJson),
    ("an empty list", b"[]", ExportEmpty),
    ("an empty wrapped list", b'{"conversations": []}', ExportEmpty),
    ("conversations without text", b'[{"mapping": {}}, {"messages": []}]', ExportEmpty),
    ("one empty conversation", b'{"mapping": {}}', ExportEmpty),
    ("user.json", b'{"id": "u", "email": "a@example.org"}', NoConversations),
    ("an empty object", b"{}", NoConversations),
    ("message_feedback.json", b'[{"id": "m", "rating": "thumbs_up"}]', NoConversations),
    ("shared_conversations.json", b'[{"id": "s", "conversation_id": "c", "title": "t"}]', NoConversations),
    ("a list of numbers", b"[1, 2]", NoConversations),
    ("a number beyond 64 bits", b"[123456789012345678901234567890]", NoConversations),
    ("wrapped numbers", b'{"conversations": [1]}', NoConversations),
]


@pytest.mark.parametrize(("what", "data", "error"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_a_typed_error_with_a_sentence(
    tmp_path: Path, what: str, data: bytes, error: type[ExportError]
) -> None:
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(ExportError) as caught:
        read(tmp_path / "x.json")
    assert type(caught.value) is error
    assert str(caught.value).endswith(".")
    assert caught.value.code == error.code


def test_an_error_never_quotes_the_persons_text(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"title": "my secret diary", oops')
    with pytest.raises(ExportNotJson) as caught:
        read(tmp_path / "x.json")
    assert "diary" not in str(caught.value)


def test_conversations_before_the_break_are_yielded_and_then_the_error_comes(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([chain(["a" * 100_000]), chain(["b" * 100_000], id="c2")])[:-30_000])
    drops = DropReport()
    conversations = iter_conversations(tmp_path / "x.json", drops)
    assert next(conversations).id == "c1"
    with pytest.raises(ExportNotJson):
        next(conversations)


def test_l_30_memory_stays_flat_over_a_30_mb_export(tmp_path: Path) -> None:
    """Peak of all Python allocations, for an export of 3 MB and for one ten times as large."""
    texts = [f"sentence {n} of a talk. " * 40 for n in range(20)]
    # Numbers, not texts, tell the conversations apart: equal ones would be dropped.
    one = json.dumps({**chain(texts), "id": None})[:-1]

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.json"
        with path.open("w") as file:
            file.write("[" + ",".join(f'{one}, "conversation_id": "c{n}"}}' for n in range(count)) + "]")
        tracemalloc.start()
        kept = sum(1 for _ in iter_conversations(path, DropReport()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert kept == count
        return peak

    small, large = peak(150), peak(1500)
    assert (tmp_path / "1500.json").stat().st_size > 30_000_000
    # What may grow is the set of ids seen, about 300 bytes a conversation.
    assert large - small < 1_000_000
    assert large < 3_000_000


def test_a_null_conversation_list_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ExportEmpty):
        read(write(tmp_path, {"conversations": None}))


def test_l_52_times_in_the_text_are_floats_not_decimals(tmp_path: Path) -> None:
    raw = {"mapping": {"m": {"message": message("a", create_time=1695326273.968528)}}, "create_time": 1695326273.968528}
    (conversation,), _ = read(write(tmp_path, [raw]))
    assert conversation.created_at is not None
    assert conversation.created_at.year == 2023
    assert conversation.messages[0].created_at == conversation.created_at
