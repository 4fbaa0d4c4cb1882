"""The gigabyte check: it really compares, and it runs against a gateway of its own."""

import io
import sys

import pytest

from bench import gigabyte
from bench.errors import Unmeasured


def stream(content: bytes) -> io.BufferedRWPair:
    return io.BufferedRWPair(io.BytesIO(content), io.BytesIO())


def test_missing_bytes_are_noticed() -> None:
    with pytest.raises(Unmeasured, match="1 bytes are missing"):
        gigabyte.take(stream(b"12345"), 6)


def test_other_bytes_are_noticed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    gigabyte.download(stream(head + bytes(range(4))), 4)
    with pytest.raises(Unmeasured, match="differs"):
        gigabyte.download(stream(head + b"\x00\x01\x02\x04"), 4)


def test_other_chunks_are_noticed() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    gigabyte.download(stream(head + b"3\r\n\0\1\2\r\n1\r\n\3\r\n0\r\n\r\n"), 4, chunked=True)
    for body, said in (
        (b"4\r\n\0\1\2\4\r\n0\r\n\r\n", "differs"),
        (b"4\r\n\0\1\2\3\r\n", "the last chunk is missing"),
        (b"3\r\n\0\1\2\3\r\n0\r\n\r\n", "does not end where it said"),
        (b"5\r\n\0\1\2\3", "bytes are missing"),
    ):
        with pytest.raises(Unmeasured, match=said):
            gigabyte.download(stream(head + body), 4, chunked=True)


def test_a_download_that_is_framed_anew_is_noticed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    with pytest.raises(Unmeasured, match="differs"):
        gigabyte.download(stream(head + bytes(range(4))), 4, chunked=True)


def test_a_small_run_passes_a_real_gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gigabyte", "3000001"])
    assert gigabyte.main() == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"{way}, {framing}" for framing in ("content-length", "chunked") for way in ("download", "upload")
    ]
