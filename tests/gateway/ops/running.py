"""A real gateway on loopback, in front of two backends that only say who they are."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RunningGateway:
    """Its addresses, its flag file and the process id of its supervisor."""

    public: str
    ops: str
    flags: Path
    process_id: int


async def backend() -> asyncio.Server:
    """Reads a request with a Content-Length and answers 200, with the names of the fields that reached it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                await reader.readexactly(int(fields.get(b"content-length", b"0")))
                seen = b" ".join(fields)
                writer.write(b"HTTP/1.1 200 OK\r\nx-seen: %b\r\ncontent-length: 2\r\n\r\nok" % seen)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@asynccontextmanager
async def running_gateway(
    flags: Path,
    *,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
    v2_port: int = 0,
    legacy_port: int = 0,
) -> AsyncIterator[RunningGateway]:
    """Start `gateway serve` with this flag file and these variables, and stop it. Ports 0: our own backends."""
    legacy, v2 = await backend(), await backend()
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (legacy, v2)]
    theirs = legacy_port, v2_port
    urls = [f"http://127.0.0.1:{port}" if port else url for url, port in zip(urls, theirs, strict=True)]
    options = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--legacy", urls[0], "--v2", urls[1]]
    command = [sys.executable, "-m", "gateway", "serve", *options, "--flags", str(flags), "--workers", str(workers)]
    process = await asyncio.create_subprocess_exec(
        *command, "--no-access-log", stdout=asyncio.subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            words = (await process.stdout.readline()).decode().split()
        assert words[:2] == ["gateway", "ready:"], words
        yield RunningGateway(words[3], words[5], flags, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        for server in (legacy, v2):
            server.close()


class Caller:
    """One keep-alive connection that asks for imports and reads who answered."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.last: dict[str, str] = {}

    async def ask(self, user_id: str, *more: str) -> tuple[int, str]:
        """Status and X-Gateway-Backend of one `POST /process-full`, with these further header lines.

        `last` holds the fields of the answer.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address.hostname, self._address.port)
        reader, writer = self._streams
        body = json.dumps({"user_id": user_id, "storage_path": "a/b.json"}).encode()
        fields = "\r\n".join(("host: gateway", "content-type: application/json", f"content-length: {len(body)}", *more))
        writer.write(f"POST /process-full HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        got = dict(line.split(": ", 1) for line in answer[1:] if ": " in line)
        await reader.readexactly(int(got["content-length"]))
        self.last = got
        return int(answer[0].split()[1]), got["x-gateway-backend"]

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
