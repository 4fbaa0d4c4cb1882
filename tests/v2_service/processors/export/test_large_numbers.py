"""Numbers beyond a machine word: an export with one is imported as if nobody had written it."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import chain, read, write
from v2_service.contract import Conversation, JsonValue
from v2_service.processors.errors import ExportNotJson, ExportTooLarge
from v2_service.processors.export import DropReport, ExportLimits, iter_conversations
from v2_service.processors.export.large_numbers import FittingNumbers

LARGE = {
    "2^63": str(2**63),
    "-2^63": str(-(2**63)),
    "2^64": str(2**64),
    "10^400": str(10**400),
    "10^5000": "1" + "0" * 5000,
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1E+9999": "1E+9999",
    "an exponent beyond a word": "1e99999999999999999999",
    "digits and a fraction": "9" * 400 + ".5",
}
MARK = "the number stands here"


def with_number(content: JsonValue, number: str) -> bytes:
    """The JSON text in which the marked place holds the number as it is written."""
    text = json.dumps(content)
    assert f'"{MARK}"' in text
    return text.replace(f'"{MARK}"', number).encode()


def without_number(content: JsonValue) -> bytes:
    return with_number(content, "null")


def in_message(key: str) -> JsonValue:
    content = chain(["question", "answer"])
    return json.loads(json.dumps(content).replace('"author"', f'"{key}": "{MARK}", "author"'))


def deep(levels: int) -> JsonValue:
    return {"deeper": [deep(levels - 1)]} if levels else MARK


PLACES: dict[str, JsonValue] = {
    "a message's weight": [in_message("weight")],
    "a message's time": [in_message("create_time")],
    "deep in the metadata": [chain(["a", "b"], metadata=deep(20))],
    "the conversation's time": [chain(["a", "b"], create_time=MARK)],
    "the time of the last update": [chain(["a", "b"], create_time=None, update_time=MARK)],
    "its title": [chain(["a", "b"], title=MARK)],
    "its id": [chain(["a", "b"], id=MARK)],
    "the tip": [chain(["a", "b"], current_node=MARK)],
    "a wrapper before the conversations": {"version": MARK, "conversations": [chain(["a", "b"])]},
    "a wrapper after the conversations": {"conversations": [chain(["a", "b"])], "version": MARK},
    "a single conversation": {"version": MARK, **chain(["a", "b"])},
    "among the conversations": [MARK, chain(["a", "b"]), MARK],
    "a pre-parsed message's time": [{"messages": [{"role": "user", "content": "a", "timestamp": MARK}]}],
}


@pytest.mark.parametrize("number", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("content", PLACES.values(), ids=PLACES)
def test_an_export_reads_as_if_the_number_were_not_there(tmp_path: Path, content: JsonValue, number: str) -> None:
    path, plain = tmp_path / "conversations.json", tmp_path / "plain.json"
    path.write_bytes(with_number(content, number))
    plain.write_bytes(without_number(content))
    conversations, drops = read(path)
    assert len(conversations) == 1
    assert (conversations, drops.to_json()) == (read(plain)[0], read(plain)[1].to_json())


@pytest.mark.parametrize("number", LARGE.values(), ids=LARGE)
def test_an_absurd_time_is_no_date(tmp_path: Path, number: str) -> None:
    content = in_message("create_time")
    assert isinstance(content, dict)
    path = tmp_path / "conversations.json"
    path.write_bytes(with_number([{**content, "create_time": MARK, "update_time": 1_700_000_000}], number))
    ((conversation,), _) = read(path)
    assert [message.created_at for message in conversation.messages] == [None, None]
    assert conversation.created_at == datetime.fromtimestamp(1_700_000_000, UTC)


def three(number: str) -> list[bytes]:
    """Conversations larger than a parser's block; the number stands in the second."""
    first, last = (json.dumps(chain([f"{n} " * 40_000, "answer"], id=f"c{n}")).encode() for n in (0, 2))
    return [first, with_number(chain(["1 " * 40_000, "answer"], id="c1", weight=MARK), number), last]


def plain_file(path: Path, parts: list[bytes]) -> None:
    path.write_bytes(b"[" + b",".join(parts) + b"]")


def gzip_file(path: Path, parts: list[bytes]) -> None:
    path.write_bytes(gzip.compress(b"[" + b",".join(parts) + b"]"))


def zip_file(path: Path, parts: list[bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b",".join(parts) + b"]")


def sharded_zip(path: Path, parts: list[bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, part in enumerate(parts):
            archive.writestr(f"conversations-{number:03}.json", b"[" + part + b"]")


@pytest.mark.parametrize("put", [plain_file, gzip_file, zip_file, sharded_zip])
def test_each_conversation_comes_once_whatever_holds_the_file(
    tmp_path: Path, put: Callable[[Path, list[bytes]], None]
) -> None:
    put(tmp_path / "export", three("1e400"))
    conversations, drops = read(tmp_path / "export")
    assert [conversation.id for conversation in conversations] == ["c0", "c1", "c2"]
    assert (drops.conversations, dict(drops.dropped)) == (3, {})


def test_the_conversations_before_the_number_are_yielded_without_waiting_for_it(tmp_path: Path) -> None:
    parts = three("1e400")
    plain_file(tmp_path / "export", [*parts[:2], b"no JSON"])
    conversations = iter_conversations(tmp_path / "export", DropReport())
    assert [next(conversations).id, next(conversations).id] == ["c0", "c1"]
    with pytest.raises(ExportNotJson):
        next(conversations)


def test_a_second_reading_is_not_counted_as_more_bytes(tmp_path: Path) -> None:
    plain_file(tmp_path / "export", three("1e400"))
    size = (tmp_path / "export").stat().st_size

    def conversations(limits: ExportLimits) -> list[Conversation]:
        return list(iter_conversations(tmp_path / "export", DropReport(), limits))

    # The beginning is read once more, to see what shape the text has.
    limits = ExportLimits(max_bytes=size + 65_536)
    assert len(conversations(limits)) == 3
    with pytest.raises(ExportTooLarge):
        conversations(replace(limits, max_bytes=size - 1))


def test_text_that_looks_like_such_a_number_stays(tmp_path: Path) -> None:
    said = f'my number is, {2**80}, "1e999", \\": -1e999, \u00e9{"9" * 30}'
    path = tmp_path / "conversations.json"
    path.write_bytes(with_number([chain([said, "answer"], title=f"{2**70}", metadata=MARK)], "1e400"))
    ((conversation,), _) = read(path)
    assert (conversation.title, conversation.messages[0].text) == (f"{2**70}", said)


def test_characters_cut_in_two_by_the_parsers_excerpt_do_not_hide_why_it_refused(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    for padding in ("", "x"):
        content = chain(["a", "b"], note=[padding + "\u00e9" * 60, MARK, "\u00e9" * 60])
        path.write_bytes(json.dumps([content], ensure_ascii=False).replace(f'"{MARK}"', "1e400").encode())
        assert len(read(path)[0]) == 1


def through(data: bytes, size: int) -> bytes:
    source = FittingNumbers(io.BytesIO(data))
    return b"".join(iter(lambda: source.read(size), b""))


# Each with what is to be read: large numbers as None, all others as they are.
numbers = (
    st.sampled_from([(text, None) for text in LARGE.values()])
    | st.integers(-(10**17) + 1, 10**18 - 1).map(lambda number: (str(number), number))
    | st.integers(min_value=10**18).map(lambda number: (str(number), None))
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: (json.dumps(number), number))
)
texts = st.text(alphabet='019eE+-."\\[],: \u00e9', max_size=30)
leaves = numbers | texts.map(lambda text: (json.dumps(text), text)) | st.sampled_from([("true", True), ("null", None)])
pairs = st.recursive(
    leaves,
    lambda inner: st.lists(st.tuples(texts, inner), max_size=4).map(
        lambda items: (
            "[" + ", ".join(f"{{{json.dumps(key)}:{text}}}" for key, (text, _) in items) + "]",
            [{key: value} for key, (_, value) in items],
        )
    ),
    max_leaves=12,
)


@given(pairs, st.integers(1, 12))
def test_only_large_numbers_become_null_however_blocks_fall(pair: tuple[str, object], size: int) -> None:
    text, wanted = pair
    fitting = through(f"[{text}]".encode(), size)
    assert json.loads(fitting) == [wanted]
    assert list(ijson.items(io.BytesIO(fitting), "item", use_float=True)) == [wanted]


@given(st.binary(max_size=40), st.integers(1, 12))
def test_what_is_no_json_goes_through_and_the_parser_says_so(data: bytes, size: int) -> None:
    assert through(data, size) == through(data, 64)


@pytest.mark.parametrize("text", [b"[1-2]", b"[1.2.3]", b"[1e]", b"[-]", b"[--1]", b"[1e400", b'["1e400', b'["\\'])
def test_a_malformed_number_stays_malformed(text: bytes) -> None:
    with pytest.raises(ijson.JSONError):
        list(ijson.items(io.BytesIO(through(text, 2)), "item", use_float=True))


def test_an_ordinary_export_stays_byte_for_byte(tmp_path: Path) -> None:
    data = write(tmp_path, [chain(["a 1e400", 'b "99999999999999999999" \\'])]).read_bytes()
    assert through(data, 7) == data


def test_memory_stays_flat_over_a_number_of_eight_megabytes_of_digits() -> None:
    class Digits:
        left = 8 * 1024**2

        def read(self, size: int = 65536, /) -> bytes:
            given = min(size, self.left)
            self.left -= given
            return b"9" * given

    source = FittingNumbers(Digits())
    tracemalloc.start()
    fitting = b"".join(iter(source.read, b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fitting == b"null"
    assert peak < 1_000_000
