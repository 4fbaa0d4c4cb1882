"""Varnish's own raw client and server around the gateway: an independent reader of HTTP/1.1 on both sides."""

import asyncio
import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.gateway.proxy.wire import gateway

VARNISHTEST = shutil.which("varnishtest")
SCRIPTS = sorted((Path(__file__).parent / "vtc").glob("*.vtc"))
LIMIT = 30
pytestmark = pytest.mark.skipif(
    VARNISHTEST is None and not os.environ.get("CI"), reason="no varnishtest on this machine (CI installs it)"
)


def free_port() -> int:
    """A port for the script's own server, which opens it again and again."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def run(script: Path, public: int, origin: int, folder: Path) -> tuple[int, str]:
    """Exit code and log of a script."""
    assert VARNISHTEST is not None
    process = await asyncio.create_subprocess_exec(
        *(VARNISHTEST, "-t", str(LIMIT), "-D", f"gateway=127.0.0.1:{public}", "-D", f"origin=127.0.0.1:{origin}"),
        str(script),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
async def test_the_gateway(script: Path, tmp_path: Path) -> None:
    origin = free_port()
    async with gateway(tmp_path, origin, routes='[[route]]\nname = "x"\npath = "/x"\n') as running:
        code, said = await run(script, running.port, origin, tmp_path)
    assert code == 0, said


async def test_a_script_that_expects_something_else_fails(tmp_path: Path) -> None:
    script, origin = tmp_path / "wrong.vtc", free_port()
    text = next(script for script in SCRIPTS if script.stem.startswith("passes_a_request")).read_text()
    script.write_text(text.replace('resp.body == "hello"', 'resp.body == "other"'))
    async with gateway(tmp_path, origin) as running:
        code, said = await run(script, running.port, origin, tmp_path)
    assert code == 2, said
    assert 'EXPECT resp.body (hello) == "other" failed' in said
