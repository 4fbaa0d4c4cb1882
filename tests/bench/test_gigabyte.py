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


def test_a_small_run_passes_a_real_gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gigabyte", "3000001"])
    assert gigabyte.main() == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["download", "upload"]
