"""Uploads as people make them, and as attackers do."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.v2_service.processors.graphs import chain, read, write
from v2_service.processors.errors import ExportDamaged, ExportEncrypted, ExportError, ExportTooLarge, NoConversations
from v2_service.processors.export import DropReport, ExportLimits, iter_conversations


def exported(*ids: str) -> bytes:
    return json.dumps([chain([f"text of {key}"], id=key) for key in ids]).encode()


def zipped(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path / "export.zip", "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path / "export.zip"


def ids(path: Path) -> list[str]:
    return [conversation.id for conversation in read(path)[0]]


ACCEPTED: dict[str, dict[str, bytes]] = {
    "at the root": {"conversations.json": exported("a"), "chat.html": b"<html>", "user.json": b"{}"},
    "in a folder": {"export-2024/conversations.json": exported("a"), "export-2024/user.json": b"{}"},
    "beside shared_conversations.json": {
        "shared_conversations.json": b'[{"id": "s", "title": "shared"}]',
        "conversations.json": exported("a"),
    },
    "beside macOS leftovers": {"__MACOSX/._conversations.json": b"\x00", "conversations.json": exported("a")},
    "in capitals": {"Conversations.JSON": exported("a")},
}


@pytest.mark.parametrize("where", ACCEPTED)
def test_l_59_the_conversations_of_a_zip_are_found(tmp_path: Path, where: str) -> None:
    assert ids(zipped(tmp_path, ACCEPTED[where])) == ["a"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_of_the_standard_library_is_read(tmp_path: Path, compression: int) -> None:
    assert ids(zipped(tmp_path, {"conversations.json": exported("a")}, compression)) == ["a"]


def test_l_59_shards_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    shards = {f"conversations-{number:03}.json": exported(f"s{number}") for number in (2, 10, 0, 1)}
    path = zipped(tmp_path, {**shards, "export_manifest.json": b"{}"})
    conversations, drops = read(path)
    assert [conversation.id for conversation in conversations] == ["s0", "s1", "s2", "s10"]
    assert drops.to_json()["dropped"] == {"missing_shard": 7}


@pytest.mark.parametrize(
    "manifest", [b'{"files": ["conversations-000.json", "conversations-001.json"]}', b'["x\\/conversations-001.json"]']
)
def test_a_shard_that_the_manifest_promises_and_the_zip_lacks_is_reported(tmp_path: Path, manifest: bytes) -> None:
    files = {"d/conversations-000.json": exported("a"), "d/export_manifest.json": manifest}
    _, drops = read(zipped(tmp_path, files))
    assert drops.to_json()["dropped"] == {"missing_shard": 1}


def test_a_shard_numbered_999999_costs_no_memory_of_its_own(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations-999999.json": exported("a")})
    tracemalloc.start()
    _, drops = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drops.to_json()["dropped"] == {"missing_shard": 999_999}
    assert peak < 4_000_000


def test_a_manifest_as_large_as_is_read_costs_a_few_times_its_size(tmp_path: Path) -> None:
    files = {"conversations-000.json": exported("a"), "export_manifest.json": b"[" + b"[]," * 349_000 + b"0]"}
    path = zipped(tmp_path, files)
    tracemalloc.start()
    ids(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_a_conversation_in_two_shards_is_read_once(tmp_path: Path) -> None:
    files = {"conversations-000.json": exported("a", "b"), "conversations-001.json": exported("b", "c")}
    assert ids(zipped(tmp_path, files)) == ["a", "b", "c"]


def test_two_exports_in_one_zip_give_the_one_nearest_to_the_root_and_a_report(tmp_path: Path) -> None:
    files = {"old/2023/conversations.json": exported("x"), "new/conversations.json": exported("a")}
    conversations, drops = read(zipped(tmp_path, files))
    assert [conversation.id for conversation in conversations] == ["a"]
    assert drops.to_json()["dropped"] == {"other_export_in_archive": 1}


def test_gzip_is_recognised_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(gzip.compress(exported("a", "b")))
    assert ids(tmp_path / "upload") == ["a", "b"]


def test_an_export_can_be_read_twice_with_the_same_result(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a", "b")})
    assert read(path)[0] == read(path)[0]


REFUSED: dict[str, dict[str, bytes]] = {
    "only siblings": {"user.json": b"{}", "message_feedback.json": b"[]"},
    "only shared conversations": {"shared_conversations.json": b"[]"},
    "a path that climbs out": {"../conversations.json": exported("a")},
    "an absolute path": {"/etc/conversations.json": exported("a")},
    "a backslash path": {"..\\conversations.json": exported("a")},
    "a zip in a zip": {"inner.zip": b"PK\x03\x04"},
    "nothing": {},
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_zip_without_conversations_says_so(tmp_path: Path, what: str) -> None:
    with pytest.raises(NoConversations, match=r"contains no conversations\.json"):
        read(zipped(tmp_path, REFUSED[what]))


def test_a_zip_cut_short_is_damaged(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a")})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ExportDamaged):
        read(path)


def test_a_flipped_byte_in_the_zip_is_damage(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported(*(f"c{i}" for i in range(50)))}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"text of c7")] ^= 1
    path.write_bytes(data)
    with pytest.raises(ExportDamaged):
        read(path)


def test_a_gzip_cut_short_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(exported("a"))[:-12])
    with pytest.raises(ExportDamaged):
        read(tmp_path / "x.gz")


def test_an_encrypted_zip_asks_for_one_without_password(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a")})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(ExportEncrypted, match="password"):
        read(path)


def test_an_unknown_compression_is_damage_not_a_crash(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a")})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + offset] = 98
    path.write_bytes(data)
    with pytest.raises(ExportDamaged):
        read(path)


def test_a_zip_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    # An ordinary first conversation, then blank space that deflates a thousandfold.
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("conversations.json", "w") as entry:
        entry.write(exported("a")[:-1])
        for _ in range(64):
            entry.write(b" " * 65536)
        entry.write(b"]")
    (tmp_path / "bomb.zip").write_bytes(bomb.getvalue())
    limits = ExportLimits(ratio_after_bytes=1024**2)
    with pytest.raises(ExportTooLarge, match="implausible"):
        list(iter_conversations(tmp_path / "bomb.zip", DropReport(), limits))


def test_the_total_is_bounded_over_all_shards(tmp_path: Path) -> None:
    files = {f"conversations-00{n}.json": exported(*(f"{n}-{i}" for i in range(40))) for n in range(4)}
    size = sum(map(len, files.values()))
    path = zipped(tmp_path, files)
    with pytest.raises(ExportTooLarge, match="more than"):
        list(iter_conversations(path, DropReport(), ExportLimits(max_bytes=size // 2)))
    # A text is opened twice, first to see its shape; the bound counts all that is read.
    assert len(list(iter_conversations(path, DropReport(), ExportLimits(max_bytes=3 * size)))) == 160


def test_a_huge_table_of_contents_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a"), **{f"media/{n}.png": b"" for n in range(300)}})
    with pytest.raises(ExportTooLarge, match="too many files"):
        list(iter_conversations(path, DropReport(), ExportLimits(max_directory_bytes=10_000)))


def test_a_zip64_table_of_contents_is_measured_too(tmp_path: Path) -> None:
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + record + locator + end)
    with pytest.raises(ExportTooLarge, match="too many files"):
        read(tmp_path / "x.zip")


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08\x00", b"PK" + bytes(100)])
def test_scraps_of_archives_are_refused_with_a_typed_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ExportError):
        read(tmp_path / "x")


def test_the_name_of_the_file_does_not_matter(tmp_path: Path) -> None:
    assert ids(write(tmp_path, [chain(["a"])], "upload.zip")) == ["c1"]


def flagged(archive: bytes, entry: bytes) -> bytes:
    """The archive with the entry marked as encrypted in the table of contents."""
    at = archive.rindex(b"PK\x01\x02", 0, archive.rindex(entry))
    return archive[: at + 8] + bytes([archive[at + 8] | 1]) + archive[at + 9 :]


def with_far_directory(archive: bytes, offset: int) -> bytes:
    end = archive.rindex(b"PK\x05\x06")
    return archive[:end] + b"PK\x06\x07" + struct.pack("<LQL", 0, offset, 1) + archive[end:]


def named(archive: bytes, name: bytes) -> bytes:
    return archive.replace(b"conversations.json", name.ljust(len(b"conversations.json"), b"j"))


LYING: dict[str, Callable[[bytes], bytes]] = {
    "an encrypted manifest": lambda archive: flagged(archive, b"export_manifest.json"),
    "a table beyond all files": lambda archive: with_far_directory(archive, 2**64 - 1),
    "a table at no place": lambda archive: with_far_directory(archive, 2**63 - 1),
    "a name that is no text": lambda archive: named(archive, b"\xff\xfe").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x08"
    ),
    "an entry before the beginning": lambda archive: (
        archive[: archive.rindex(b"PK\x05\x06") + 16]
        + struct.pack("<L", archive.rindex(b"PK\x01\x02") + 2**31)
        + archive[archive.rindex(b"PK\x05\x06") + 20 :]
    ),
}


@pytest.mark.parametrize("lie", LYING)
def test_an_archive_whose_tables_lie_is_damaged(tmp_path: Path, lie: str) -> None:
    path = zipped(tmp_path, {"conversations.json": exported("a"), "export_manifest.json": b"{}"})
    path.write_bytes(LYING[lie](path.read_bytes()))
    with pytest.raises(ExportDamaged):
        read(path)
