"""The gateway under attack: a process of its own, as it is deployed, with the fuzzer's origin as both backends."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

START = 30.0
_ROUTES = '[defaults]\nfirst_byte = 8.0\nidle = 8.0\n[[route]]\nname = "root"\nmethods = ["GET"]\npath = "/only-one"\n'


@asynccontextmanager
async def running_gateway(origin_port: int) -> AsyncIterator[int]:
    """The public port of a gateway with one worker. Raises RuntimeError if it does not start."""
    with TemporaryDirectory() as folder:
        flags, routes = Path(folder) / "features.json", Path(folder) / "routes.toml"
        flags.write_text(json.dumps({"version": 2, "generation": 1, "features": []}))
        routes.write_text(_ROUTES)
        url = f"http://127.0.0.1:{origin_port}"
        options = ("--legacy", url, "--v2", url, "--flags", str(flags), "--routes", str(routes), "--workers", "1")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve", "--no-access-log"),
            *("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", *options),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            line = (await asyncio.wait_for(process.stdout.readline(), START)).decode()
            found = re.match(r"gateway ready: public http://127\.0\.0\.1:(\d+) ", line)
            if found is None:
                raise RuntimeError(f"the gateway did not start: {line!r}")
            yield int(found[1])
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
