"""Every row of the case tables, over real sockets: raw payload -> what the client gets, what the backend saw."""

import collections
from pathlib import Path

import pytest
import uvloop

from tests.gateway.proxy.cases import Case, chunks, fields, framing, responses, sequences, syntax
from tests.gateway.proxy.wire import Backend, Seen, answers, gateway

ROWS = [row for table in (framing, chunks, syntax, fields, responses, sequences) for row in table.CASES]


def test_there_are_enough_rows_and_no_name_twice() -> None:
    assert len(ROWS) >= 250
    assert [name for name, count in collections.Counter(row.id for row in ROWS).items() if count > 1] == []
    assert [row.id for row in ROWS if not row.rule] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Case, tmp_path: Path) -> None:
    uvloop.run(_run(row, tmp_path))


async def _run(row: Case, tmp_path: Path) -> None:
    backend = Backend(reply=row.reply)
    async with backend.running(), gateway(tmp_path, backend) as running:
        received = await running.send(row.send)
    found = answers(received, head_only=row.head_only)
    assert tuple(answer.status for answer in found) == row.get, received[:2000]
    assert len(backend.seen) == row.saw, backend.seen
    if backend.seen and row.saw:
        _check_request(row, backend.seen[-1])
    for piece in row.got:
        assert piece.lower() in received.lower(), received
    for piece in row.got_not:
        assert piece.lower() not in received.lower(), received
    assert found[-1].complete is row.whole
    if row.answer_body is not None:
        assert found[-1].body == row.answer_body


def _check_request(row: Case, seen: Seen) -> None:
    assert row.line is None or seen.line == row.line
    assert row.body is None or seen.body == row.body
    head = b"\r\n" + seen.head.partition(b"\r\n")[2]
    for piece in row.has:
        if piece.startswith(b"="):
            assert b"\r\n" + piece[1:] in head
        else:
            assert b"\r\n" + piece.lower() in head.lower(), head
    for piece in row.lacks:
        wanted = b"\r\n" + piece.lower() if piece.endswith(b":") else piece.lower()
        assert wanted not in head.lower(), head
