"""Empty lines before a request are skipped (RFC 9112 section 2.2), however the network cuts them."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.proxy.server import ClientConnection
from tests.gateway.proxy.wire import LIMIT, Backend, Gateway, gateway

REQUEST = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What connections have read, piece by piece."""
    pieces: list[bytes] = []
    original = ClientConnection.data_received

    def noted(self: ClientConnection, data: bytes) -> None:
        original(self, data)
        pieces.append(data)

    monkeypatch.setattr(ClientConnection, "data_received", noted)
    return pieces


async def answer(running: Gateway, read: list[bytes], pieces: Sequence[bytes], end: bytes) -> bytes:
    """What comes back for the pieces, each sent when the last one was read, and for `end` and an end behind them."""
    read.clear()
    reader, writer = await running.connect()
    for number, piece in enumerate(pieces, 1):
        writer.write(piece)
        await running.until(lambda number=number: len(read) == number)
    writer.write(end)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(-1), LIMIT)
    finally:
        writer.close()


def every_cut(whole: bytes) -> list[list[bytes]]:
    """`whole` in pieces, in every way."""
    inside = range(1, len(whole))
    cuts = itertools.chain.from_iterable(itertools.combinations(inside, count) for count in range(len(whole)))
    return [[whole[a:b] for a, b in itertools.pairwise((0, *cut, len(whole)))] for cut in cuts]


async def test_empty_lines_before_a_request_are_skipped_however_they_are_cut(tmp_path: Path, read: list[bytes]) -> None:
    async with Backend().running() as backend, gateway(tmp_path, backend) as running:
        for pieces in every_cut(b"\r\n\r\n\r\n"):
            assert (await answer(running, read, pieces, REQUEST)).startswith(b"HTTP/1.1 200 "), pieces
            assert [len(piece) for piece in read[: len(pieces)]] == [len(piece) for piece in pieces]


async def test_a_connection_that_sent_empty_lines_alone_ends_without_an_answer(
    tmp_path: Path, read: list[bytes]
) -> None:
    async with Backend().running() as backend, gateway(tmp_path, backend) as running:
        for pieces in every_cut(b"\r\n\r\n"):
            assert await answer(running, read, pieces, b"") == b"", pieces
