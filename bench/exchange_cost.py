"""What one exchange costs a worker's Python, without the kernel: its protocol objects, fed over pretended connections.

python -m bench.exchange_cost                   microseconds of processor time, best and median of nine rounds
python -m bench.exchange_cost --instructions    instructions instead, counted by valgrind: alike on a busy machine
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import cast

from bench.errors import Unmeasured
from bench.places import CONFIGURATIONS, REPOSITORY, RUN
from bench.request import BROWSER_FIELDS, Request, raw
from bench.traffic import process_full_bodies
from bench.upstreams import json_body
from gateway.core.decide import Backend
from gateway.observe.access_log import AccessLog
from gateway.proxy.config import WorkerConfig
from gateway.proxy.server import ClientConnection
from gateway.proxy.service import Service
from gateway.proxy.upstream import UpstreamConnection

MODULE = "bench.exchange_cost"
AT_ONCE = 16
"""Requests that are under way together, each on a connection of its own."""
ROUNDS = 9
BATCHES = 250
COUNTED = (10, 60)
"""Batches of the two runs under valgrind, whose difference leaves out everything but exchanges."""
VARIETY = 1021
_JSON = (("Content-Type", "application/json"),)
_BODIES = process_full_bodies(256)


class PretendedTransport:
    """As much of a transport as an exchange asks for. What is written is gone."""

    def write(self, data: bytes) -> None:
        return

    def write_eof(self) -> None:
        return

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 50_000) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        return


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of exchange: its requests, and the answers to them, used in turn."""

    title: str
    requests: Sequence[bytes]
    answers: Sequence[bytes]


def _answer(number: int | None = None, spare: int = 0) -> bytes:
    """nginx's 653 bytes; numbered ones have a field of their own, and `spare` bytes less."""
    body = json_body("legacy")[spare:]
    own = "" if number is None else f"X-Answer-Id: {number:032x}\r\n"
    head = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n{own}\r\n"
    return (head + body).encode()


def _requests(request: Request, *own: str) -> list[bytes]:
    """On the wire; for each of `own` once more, with that field's line at the end of the head."""
    found = raw(request, "127.0.0.1:8080")
    return [found[0].replace(b"\r\n\r\n", f"\r\n{line}\r\n\r\n".encode(), 1) for line in own] or found


def kinds() -> tuple[Kind, ...]:
    """All kinds, the cheapest first."""
    numbers = range(VARIETY)
    traces = [f"X-Trace-Id: {number * 2654435761:032x}" for number in numbers]
    lengths = [
        raw(Request("POST", "/query", (*BROWSER_FIELDS, *_JSON), (_BODIES[0] + " " * (number % 97),)), "127.0.0.1:8080")
        for number in numbers
    ]
    same, varied = [_answer()], [_answer(number) for number in numbers]
    return (
        Kind("small GET", _requests(Request("GET", "/small")), same),
        Kind("GET, 12 headers that repeat", _requests(Request("GET", "/small", BROWSER_FIELDS)), same),
        Kind(
            "GET, 12 headers, one field of its own each way",
            _requests(Request("GET", "/varied", BROWSER_FIELDS), *traces),
            varied,
        ),
        Kind(
            "POST, 12 headers, other lengths and a field of its own in the answer",
            [one for (one,) in lengths],
            [_answer(number, number % 97) for number in numbers],
        ),
        Kind("POST", _requests(Request("POST", "/query", _JSON, _BODIES)), same),
        Kind("/process-full", _requests(Request("POST", "/process-full", _JSON, _BODIES)), same),
    )


class Bench:
    """One worker's service with pretended connections. `run` carries out batches of exchanges of one kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        folder = RUN / "exchange-cost"
        folder.mkdir(parents=True, exist_ok=True)
        flags = shutil.copy(CONFIGURATIONS / "features.json", folder)  # its folder also gets the last good flags
        config = WorkerConfig(
            legacy="http://127.0.0.1:1",
            v2="http://127.0.0.1:2",
            flags_path=str(flags),
            routes=(REPOSITORY / "gateway" / "routes.toml").read_text(),
        )
        self._service = Service(config, loop, AccessLog(os.open(os.devnull, os.O_WRONLY)))
        self._service.flags.poll()
        transport = cast(asyncio.Transport, PretendedTransport())
        self._clients = [ClientConnection(self._service) for _ in range(AT_ONCE)]
        for client in self._clients:
            client.connection_made(transport)
        for backend in Backend:
            pool = self._service.pools[backend]
            for _ in range(AT_ONCE):
                connection = UpstreamConnection(pool)
                connection.connection_made(transport)
                pool.open += 1
                pool.give_back(connection)

    def run(self, kind: Kind, batches: int) -> float:
        """Seconds of processor time that `batches` times AT_ONCE exchanges took. Raises Unmeasured if one failed."""
        requests, answers = cycle(kind.requests), cycle(kind.answers)
        began = time.process_time()
        for _ in range(batches):
            under_way = []
            for client in self._clients:
                client.data_received(next(requests))
                if client.exchange is None or client.exchange.upstream is None:
                    raise Unmeasured(f"{kind.title}: a request was not passed on")
                under_way.append(client.exchange.upstream)
            for upstream in under_way:
                upstream.data_received(next(answers))
        seconds = time.process_time() - began
        if any(client.exchange is not None for client in self._clients):
            raise Unmeasured(f"{kind.title}: an answer was not passed on")
        self._service.endings.settle()
        self._service.access_log.flush()
        return seconds

    def answered(self, backend: str = "") -> int:
        """Exchanges that `backend` has answered with 2xx; all of them if none is named."""
        series = self._service.meters.series.items()
        return sum(
            one.statuses[2] for (_, name), one in series if name in ((backend,) if backend else ("legacy", "v2"))
        )


async def measure(chosen: Sequence[Kind]) -> None:
    """Print microseconds for each kind. Rounds are interleaved, so that a busy moment hits all alike."""
    bench = Bench(asyncio.get_running_loop())
    for kind in chosen:
        bench.run(kind, 100)
    rounds = [[bench.run(kind, BATCHES) / BATCHES / AT_ONCE * 1e6 for kind in chosen] for _ in range(ROUNDS)]
    for kind, found in zip(chosen, zip(*rounds, strict=True), strict=True):
        print(f"{kind.title:70} {min(found):6.2f} {statistics.median(found):6.2f}")


def count(kind: Kind) -> float:
    """Instructions of one exchange. Raises Unmeasured."""
    few, many = (_count(kind, batches) for batches in COUNTED)
    return (many - few) / (COUNTED[1] - COUNTED[0]) / AT_ONCE


def _count(kind: Kind, batches: int) -> int:
    """Instructions of a process that carries out so many batches."""
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", sys.executable, "-m", MODULE]
        command += ["--only", kind.title, "--batches", str(batches)]
        # Without a fixed seed the layout of dictionaries differs from process to process.
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found = re.search(r"^(?:summary|totals): (\d+)", profile.read_text() if profile.exists() else "", re.MULTILINE)
    if done.returncode or found is None:
        raise Unmeasured(f"valgrind: {done.stderr.strip()[-300:]}")
    return int(found[1])


async def repeat(chosen: Sequence[Kind], batches: int) -> None:
    """What valgrind watches: batches of each kind, and nothing printed."""
    bench = Bench(asyncio.get_running_loop())
    for kind in chosen:
        bench.run(kind, batches)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="KIND", help="a kind of exchange; may be repeated")
    parser.add_argument("--instructions", action="store_true", help="count instructions by valgrind")
    parser.add_argument("--batches", type=int, help=f"carry out so many times {AT_ONCE} of each, and print nothing")
    asked = parser.parse_args()
    chosen = [kind for kind in kinds() if asked.only is None or kind.title in asked.only]
    if asked.batches is not None:
        asyncio.run(repeat(chosen, asked.batches))
    elif asked.instructions:
        for kind in chosen:
            print(f"{kind.title:70} {count(kind):8,.0f}", flush=True)
    else:
        asyncio.run(measure(chosen))


if __name__ == "__main__":
    main()
