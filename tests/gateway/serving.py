"""The gateway as a process of its own, as it is deployed: `python -m gateway serve` on free ports."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.proxy.wire import ROUTES, Backend, flags_document

START = 30.0
"""Seconds for a start on a busy machine."""


@dataclass
class Served:
    """A gateway process."""

    process: asyncio.subprocess.Process
    port: int
    ops: int
    flags: Path
    routes: Path

    async def get(self, request: bytes, port: int | None = None) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), START)
        finally:
            writer.close()

    async def metrics(self) -> dict[str, float]:
        """All samples of the ops port's /metrics, by name and labels as written."""
        page = await self.get(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", self.ops)
        lines = page.partition(b"\r\n\r\n")[2].decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if re.match(r"[a-z]", line))
        return {name: float(value) for name, _, value in samples}

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), START)


@asynccontextmanager
async def serving(
    tmp_path: Path,
    legacy: Backend,
    v2: Backend,
    *,
    workers: int = 2,
    percentage: int = 100,
    listen: str = "127.0.0.1:0",
    env: dict[str, str] | None = None,
    log: Path | None = None,
) -> AsyncIterator[Served]:
    """A running gateway process; it is killed at the end if the test has not stopped it. `log` takes its stderr."""
    flags, routes = tmp_path / "features.json", tmp_path / "routes.toml"
    flags.write_text(flags_document(percentage))
    routes.write_text(ROUTES)
    options = {"--listen": listen, "--ops": "127.0.0.1:0", "--flags": flags, "--routes": routes, "--workers": workers}
    options |= {"--legacy": f"http://127.0.0.1:{legacy.port}", "--v2": f"http://127.0.0.1:{v2.port}"}
    arguments = [str(part) for pair in options.items() for part in pair]
    ours = {"GATEWAY_ACCESS_LOG": "false"} | (env or {})
    with contextlib.ExitStack() as stack:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=None if log is None else stack.enter_context(log.open("wb")),
            env={key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")} | ours,
        )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), START)).decode()
        found = re.fullmatch(r"gateway ready: public http://127\.0\.0\.1:(\d+) ops http://127\.0\.0\.1:(\d+)\n", line)
        assert found, line
        yield Served(process, int(found[1]), int(found[2]), flags, routes)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
