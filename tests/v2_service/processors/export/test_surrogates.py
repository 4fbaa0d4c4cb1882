"""Halves of surrogate pairs: replaced however the blocks fall, and nothing else is touched."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import chain, read
from v2_service.processors.export.surrogates import WholePairs

PIECES = st.sampled_from(
    ["\\\\", "\\n", '\\"', "\\ud83d", "\\uD83D", "\\ude00", "\\uDE00", "\\ud83d\\ude00", "\\u00e9", "ud83d", "ä", "x"]
)


def through(text: bytes, size: int) -> bytes:
    source, found = WholePairs(io.BytesIO(text)), []
    while block := source.read(size):
        found.append(block)
    return b"".join(found)


@given(st.lists(PIECES, max_size=12).map("".join), st.integers(1, 20))
@example("\\\\ud83d\\ude00", 3)
def test_what_a_parser_reads_is_the_same_with_each_half_replaced(text: str, size: int) -> None:
    document = f'["{text}"]'.encode()
    (wanted,) = json.loads(document)
    (found,) = json.loads(through(document, size))
    assert found == re.sub("[\ud800-\udfff]", "\ufffd", wanted)


@pytest.mark.parametrize("size", [1, 2, 7, 65_536])
def test_what_has_no_halves_stays_byte_for_byte(size: int) -> None:
    text = json.dumps([chain(["caf\u00e9 \U0001f600 \\ud83d \\\\"])]).encode()
    assert through(text, size) == text


@pytest.mark.parametrize("text", ["cut \udc00 here", "\ude00\ud83d", "\ud83d\ud83d\ude00 twice", "end \ud83d"])
def test_an_export_with_half_an_emoji_is_imported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([chain([text, "an answer"], title=text)]))
    ((conversation,), _) = read(path)
    assert conversation.messages[0].text == re.sub("[\ud800-\udfff]", "\ufffd", json.loads(json.dumps(text)))
