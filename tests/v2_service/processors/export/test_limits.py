"""The guarded reader: what it counts, and that it never refuses a sound text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import chain, read, write
from v2_service.contract import JsonValue
from v2_service.processors.errors import ExportTooLarge
from v2_service.processors.export import DropReport, ExportLimits, iter_conversations
from v2_service.processors.export.limits import GuardedReader, Meter


def through(data: bytes, limits: ExportLimits, size: int = 65536) -> bytes:
    reader = GuardedReader(io.BytesIO(data), limits, Meter(limits, len(data)))
    return b"".join(iter(lambda: reader.read(size), b""))


def depth_of(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


awkward_text = st.text(alphabet='ab[]{}"\\,:é\n', max_size=12)
documents: st.SearchStrategy[JsonValue] = st.recursive(
    awkward_text | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(awkward_text, inner, max_size=4),
    max_leaves=30,
)


@given(documents, st.integers(1, 9), st.integers(0, 2))
def test_depth_is_counted_exactly_whatever_strings_hold_and_however_blocks_fall(
    value: JsonValue, size: int, indent: int
) -> None:
    data = json.dumps(value, indent=indent or None).encode()
    depth = depth_of(value)
    assert through(data, ExportLimits(max_depth=max(depth, 1)), size) == data
    if depth > 1:
        with pytest.raises(ExportTooLarge, match="nested too deeply"):
            through(data, ExportLimits(max_depth=depth - 1), size)


@pytest.mark.parametrize("opener", [b"[", b'{"a":', b'[{"]":', b'["\\"]}",'])
def test_nesting_that_would_exhaust_the_parser_is_refused(tmp_path: Path, opener: bytes) -> None:
    (tmp_path / "x.json").write_bytes(b"[" + opener * 100_000)
    with pytest.raises(ExportTooLarge, match="nested too deeply"):
        read(tmp_path / "x.json")


def test_one_conversation_is_bounded_and_many_are_not(tmp_path: Path) -> None:
    # Larger than the parser's block of 64 KB, so that the count of one conversation is really its own.
    path = write(tmp_path, [chain(["x" * 100_000], id=f"c{n}") for n in range(8)])
    limits = ExportLimits(max_conversation_bytes=300_000)
    assert len(list(iter_conversations(path, DropReport(), limits))) == 8
    with pytest.raises(ExportTooLarge, match="one conversation"):
        list(iter_conversations(write(tmp_path, [chain(["x" * 400_000])]), DropReport(), limits))


def test_the_parts_of_one_conversation_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'[{"mapping":{},"x":[' + b"[]," * 200_000 + b"0]}]")
    with pytest.raises(ExportTooLarge, match="too many parts"):
        list(iter_conversations(tmp_path / "x.json", DropReport(), ExportLimits(max_conversation_structures=100_000)))


def test_a_byte_order_mark_is_skipped() -> None:
    assert through(b"\xef\xbb\xbf[1]", ExportLimits()) == b"[1]"
    assert through(b"\xef\xbb\xbf[1]", ExportLimits(), 3) == b"[1]"
