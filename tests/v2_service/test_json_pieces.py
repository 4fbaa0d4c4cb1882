"""Large JSON in pieces is the same JSON, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from v2_service import json_pieces
from v2_service.json_pieces import SMALL_BYTES, Blocks, decode, decoded, encode, encoded, is_small
from v2_service.processors.errors import ExportTooLarge

VALUES = [
    None,
    True,
    0,
    -1.5e-7,
    "text",
    'a "quoted" \\ line\n',
    [],
    {},
    [[], {}, [[[[[1, [2]]]]]]],
    {"a": [1, 2.25, None], "ü": {"nested": {"deeper": {"deepest": [{"x": "y"}]}}}},
    ({"id": "1", "embedding": [0.12345678, -1.0]},),
]


@pytest.mark.parametrize("value", VALUES)
def test_the_text_means_the_same_as_one_written_at_once(value: object) -> None:
    assert json.loads(encoded(value)) == json.loads(json.dumps(value))


def test_what_postgresql_cannot_store_is_left_out_of_keys_and_values() -> None:
    assert json.loads(encoded({"a\x00": ["b\x00c", "\ud800"]})) == {"a": ["bc", "?"]}


@pytest.mark.parametrize("value", [*VALUES, {"user_id": "u", "conversations": [{"n": n} for n in range(9)]}])
def test_reading_in_blocks_gives_the_same_value(value: object) -> None:
    text = json.dumps(value).encode()
    assert decoded(text) == json.loads(text)


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b'{"a": tru}', b"[" * 60_000, b'["\xff"]'])
async def test_what_is_no_json_is_refused_whatever_its_size(text: bytes) -> None:
    for content in (text, text + b" " * (SMALL_BYTES + 1)):
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError, ExportTooLarge)):
            await decode(content)


async def test_a_hostile_nesting_is_refused_and_takes_nobody_down() -> None:
    for opener in (b"[", b'{"a":'):
        with pytest.raises(ExportTooLarge, match="nested"):
            await decode(opener * 300_000)


async def test_forms_that_only_the_other_reader_takes_are_taken() -> None:
    padding = b" " * (SMALL_BYTES + 1)
    assert await decode(b"[Infinity]" + padding) == [float("inf")]
    assert await decode(b'{"a": 1, "a": 2}' + padding) == {"a": 2}


def test_a_value_is_small_only_if_all_of_it_is() -> None:
    assert is_small({"a": ["b"] * 100, "c": "d" * 1000})
    assert not is_small("x" * (SMALL_BYTES + 1))
    assert not is_small([[0.5] * 1024 for _ in range(50)])
    assert not is_small({"facts": {"preferences": [{"text": "tea"}] * 20_000}})


def test_blocks_are_small_and_complete() -> None:
    content = bytes(range(256)) * 1000
    blocks = Blocks(content)
    read = []
    while block := blocks.read(1 << 20):
        read.append(block)
    assert b"".join(read) == content
    assert max(map(len, read)) <= json_pieces.BLOCK_BYTES


async def test_large_values_are_read_and_written_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = json_pieces.storable_json

    def watched(value: object) -> object:
        seen.append(threading.current_thread().name)
        return real(value)

    monkeypatch.setattr(json_pieces, "storable_json", watched)
    large = {"rows": [{"id": str(n), "embedding": [0.5] * 64} for n in range(1000)]}
    text = await encode(large)
    here = threading.current_thread().name
    assert here not in seen
    seen.clear()
    await encode({"p_run": "r"})
    assert set(seen) == {here}
    assert await decode(text) == large


async def test_the_loop_gets_its_turn_while_a_large_body_is_read() -> None:
    text = json.dumps([{"text": "words " * 50, "numbers": list(range(50))} for _ in range(20_000)]).encode()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    await decode(text)
    task.cancel()
    # One call into C would leave the loop no turn but those before and after it.
    assert turns > 10
