"""The five processes of the stack as command lines: nothing here is imported from the rooms it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack.ports import LOOPBACK, Ports
from sandbox.stack.processes import Service

FLAG = "process-full-v2"
# The monolith waits 7 s before it opens its port and pauses between model calls. The demo keeps the order of those
# waits and shortens them.
LEGACY_TIME_SCALE = "0.02"
# Real exports in the demo hold fewer conversations than the 50 from which the full pass pays off in production.
MIN_CONVERSATIONS = "1"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one stack listens and keeps its state."""

    ports: Ports
    state: Path
    workers: int = 1

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.public}"

    @property
    def ops_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.ops}"

    @property
    def legacy_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.legacy}"

    @property
    def v2_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.v2}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.sandbox}"

    @property
    def flags(self) -> Path:
        return self.state / "flags.json"


def script(name: str) -> str:
    """The console script of this virtual environment."""
    return str(Path(sys.executable).parent / name)


def sandbox_environment(layout: Layout) -> dict[str, str]:
    """The variables that point legacy and v2 at the sandbox, as `sandbox env` prints them."""
    command = [script("sandbox"), "env", "--port", str(layout.ports.sandbox), "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- our own script
    environment: dict[str, str] = json.loads(printed.stdout)
    return environment


def sandbox_service(layout: Layout) -> Service:
    return Service(
        "sandbox",
        (script("sandbox"), "serve", "--port", str(layout.ports.sandbox), "--data", str(layout.state / "sandbox")),
        health=f"{layout.sandbox_url}/auth/v1/health",
    )


def backends(layout: Layout) -> tuple[Service, Service]:
    """Legacy and v2, both pointed at the sandbox."""
    environment = sandbox_environment(layout)
    legacy = Service(
        "legacy",
        (sys.executable, "-m", "uvicorn", "legacy.main:app", "--host", LOOPBACK, "--port", str(layout.ports.legacy)),
        health=f"{layout.legacy_url}/health",
        environment={**environment, "LEGACY_TIME_SCALE": LEGACY_TIME_SCALE},
    )
    v2 = Service(
        "v2",
        (script("v2"), "serve", "--host", LOOPBACK, "--port", str(layout.ports.v2)),
        health=f"{layout.v2_url}/health",
        environment={
            **environment,
            "V2_STATE_DIR": str(layout.state / "v2"),
            "V2_FULL_PASS_MIN_CONVERSATIONS": MIN_CONVERSATIONS,
            "V2_HAND_BACK_URL": layout.legacy_url,
        },
    )
    return legacy, v2


def gateway_service(layout: Layout, *, observing: bool = False) -> Service:
    """The gateway; `observing` it follows the jobs of both pipelines and keeps evidence of them."""
    ports, environment = layout.ports, {}
    if observing:
        database = sandbox_environment(layout)
        environment = {
            "GATEWAY_STATE_DIR": str(layout.state / "gateway"),
            "GATEWAY_SUPABASE_URL": database["SUPABASE_URL"],
            "GATEWAY_SUPABASE_SERVICE_KEY": database["SUPABASE_SERVICE_KEY"],
            # The database is on this machine, and a demo's imports end by the second.
            "GATEWAY_FOLLOW_REQUESTS": "100",
        }
    return Service(
        "gateway",
        (
            *(script("gateway"), "serve"),
            *("--listen", f"{LOOPBACK}:{ports.public}", "--ops", f"{LOOPBACK}:{ports.ops}"),
            *("--legacy", layout.legacy_url, "--v2", layout.v2_url),
            *("--flags", str(layout.flags), "--workers", str(layout.workers)),
        ),
        health=f"{layout.gateway_url}/_gateway/health",
        environment=environment,
    )


def rollout(layout: Layout, *arguments: str) -> str:
    """Run one `rollout` verb on the stack's flag file and return what it printed."""
    command = [script("rollout"), "--flags", str(layout.flags), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- our own script
