"""`python -m v2_service.reading`: one reading of one export, in a process of its own. Counterpart: `jobs/readers.py`.

Parsing holds the interpreter's lock for as long as a conversation is large, and whoever wants it waits: in a thread of
the service that is everybody whom the service answers. Here nobody else waits, a file that takes the parser down takes
nothing else along, and what reads a stranger's file knows no key.

Theory of operation. The order is one line of JSON on standard input. Frames come back on standard output: rows as they
are made, then a result or what went wrong. A reader that nobody reads from waits in its write, so memory stays bounded.
The end of standard input is the end of whoever gave the order, and so of this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from v2_service.adapters.chunk_rows import rows_of
from v2_service.contract import JsonValue
from v2_service.processors import DropReport, ProcessingError, chunk_conversations, iter_conversations
from v2_service.processors.sampling import SamplingSettings, sample_conversations

# Kind, rows (0 but for rows), bytes of JSON that follow.
HEADER = struct.Struct("!cII")
ROWS = b"r"
RESULT = b"d"
REFUSED = b"e"
BUG = b"b"
STAGED_AT_ONCE = 200
# Whoever answers requests comes first.
NICE = 5
# Where memory is short, the kernel ends the reader and not the service.
FIRST_TO_GO = "1000"
STDIN = 0
BLOCK = 65_536
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Frame:
    """One part of the answer: a kind, how many rows it holds, its JSON."""

    kind: bytes
    rows: int
    content: bytes


def obeyed(order: Mapping[str, JsonValue]) -> Iterator[Frame]:
    """The answer to an order, a part at a time; the last part is no `ROWS`.

    `{"path", "sample": {settings}}` gives a result {"sample", "drops"}; `{"path", "chunk": ISO time}` gives rows.
    """
    try:
        yield from _work(order)
    except ProcessingError as error:
        yield _frame(REFUSED, {"code": error.code, "sentence": str(error)})
    except Exception as error:  # noqa: BLE001 -- told to the service, which ends the run and writes the log
        # Without its message, which may quote the export.
        trace = "".join(traceback.format_tb(error.__traceback__))
        yield _frame(BUG, {"error": type(error).__name__, "trace": trace})


def _work(order: Mapping[str, JsonValue]) -> Iterator[Frame]:
    drops = DropReport()
    conversations = iter_conversations(Path(str(order["path"])), drops)
    settings = order.get("sample")
    if isinstance(settings, dict):
        sample = sample_conversations(conversations, SamplingSettings(**settings))  # type: ignore[arg-type] # as `jobs/readers.py` wrote it
        yield _frame(RESULT, {"sample": asdict(sample), "drops": drops.to_json()})
        return
    at = datetime.fromisoformat(str(order["chunk"]))
    for batch in some_at_once(chunk_conversations(conversations, at), STAGED_AT_ONCE):
        rows = rows_of(batch, at)
        yield Frame(ROWS, rows.count, rows.text.encode())
    yield _frame(RESULT, {"drops": drops.to_json()})


def _frame(kind: bytes, value: object) -> Frame:
    return Frame(kind, 0, json.dumps(value).encode())


def some_at_once(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Items, some at a time."""
    left = iter(items)
    while batch := tuple(islice(left, size)):
        yield batch


def main() -> None:
    """Obey the order on standard input."""
    order = json.loads(_line())
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    with contextlib.suppress(BrokenPipeError):
        for frame in obeyed(order):
            sys.stdout.buffer.write(HEADER.pack(frame.kind, frame.rows, len(frame.content)))
            sys.stdout.buffer.write(frame.content)
            sys.stdout.buffer.flush()
    # Nothing is left to be put in order, and the thread above waits for ever.
    os._exit(0)


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (block := os.read(STDIN, BLOCK)):
        line += block
    return line


def _end_with_whoever_asked() -> None:
    while os.read(STDIN, BLOCK):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
