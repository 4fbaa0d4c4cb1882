"""The gateway under attack: a process of its own, as it is deployed, with the fuzzer's origins as backends."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.fuzz.deciding import Rule

START = 30.0
_ROUTES = '[defaults]\nfirst_byte = 8.0\nidle = 8.0\n[[route]]\nname = "root"\nmethods = ["GET"]\npath = "/only-one"\n'
_ROUTES += '[[route]]\nname = "flagged"\nmethods = ["POST"]\npath = "{path}"\nflag = "{flag}"\nkey = "user_id"\n'


def _flag(rule: Rule) -> str:
    parameters = {"rollout": str(rule.percentage), "stickiness": "userId", "groupId": rule.group}
    strategy = {"name": "flexibleRollout", "parameters": parameters}
    feature = {"name": rule.group, "enabled": True, "strategies": [strategy]}
    return json.dumps({"version": 2, "generation": 1, "features": [feature]})


@asynccontextmanager
async def running_gateway(legacy: int, v2: int, rule: Rule) -> AsyncIterator[int]:
    """The public port of a gateway with one worker and the flag of `rule`. Raises RuntimeError if it does not start."""
    with TemporaryDirectory() as folder:
        flags, routes = Path(folder) / "features.json", Path(folder) / "routes.toml"
        flags.write_text(_flag(rule))
        routes.write_text(_ROUTES.format(path=rule.path.decode(), flag=rule.group))
        urls = ("--legacy", f"http://127.0.0.1:{legacy}", "--v2", f"http://127.0.0.1:{v2}")
        options = (*urls, "--flags", str(flags), "--routes", str(routes), "--workers", "1")
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
