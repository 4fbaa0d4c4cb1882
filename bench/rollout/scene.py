"""The running stack of one story: sandbox, legacy, v2, a gateway with two workers, and the guard as its own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import httpx

from bench.places import REPOSITORY
from sandbox.stack.imports import Addresses
from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes, Service
from sandbox.stack.services import (
    Layout,
    backends,
    gateway_service,
    rollout,
    sandbox_environment,
    sandbox_service,
    script,
)

WORKERS = 2
MODELS_TAKE_TIME = {"anthropic": {"latency_ms": 150}, "bedrock": {"latency_ms": 150}}
"""As models do; an import then mostly waits for them, on either side, and not for this machine's processors."""

PLAN = REPOSITORY / "bench" / "rollout" / "fast.toml"


@dataclass(slots=True)
class Timeline:
    """What happened, with Unix time."""

    events: list[tuple[float, str]] = field(default_factory=list)

    def note(self, text: str, at: float | None = None) -> None:
        """Add an event, now unless told otherwise."""
        self.events.append((time.time() if at is None else at, text))


@dataclass(slots=True)
class Scene:
    """Where everything is, and what can be done to it."""

    layout: Layout
    addresses: Addresses
    timeline: Timeline
    processes: Processes

    def percentage(self) -> int:
        """What the flag says."""
        document = json.loads(self.layout.flags.read_bytes())
        return int(document["features"][0]["strategies"][0]["parameters"]["rollout"])

    def moves(self) -> list[tuple[float, int, str, str]]:
        """The journal's changes of the percentage: when (Unix time), to what, who, why."""
        entries = json.loads(rollout(self.layout, "journal", "--limit", "1000", "--json"))
        changes = [one for one in entries if one["action"] == "set"]
        return [
            (datetime.fromisoformat(one["when"]).timestamp(), int(one["to"]), one["who"], one["why"]) for one in changes
        ]

    def break_v2(self, faults: Mapping[str, object]) -> None:
        """Put the faults in force; none of them heals."""
        wanted = {**MODELS_TAKE_TIME, **faults}
        answer = httpx.put(f"{self.layout.sandbox_url}/_sandbox/faults", json=wanted, trust_env=False)
        answer.raise_for_status()

    @property
    def reports(self) -> list[Path]:
        """The guard's reports, oldest first."""
        return sorted(self.layout.flags.with_name(f"{self.layout.flags.name}.guard-reports").glob("*.md"))

    @contextmanager
    def guard(self, plan: Path = PLAN) -> Iterator[subprocess.Popen[str]]:
        """The guard; what it says goes on the timeline."""
        command = [script("rollout"), "--flags", str(self.layout.flags), "guard", "--plan", str(plan)]
        command += ["--evidence", self.layout.ops_url, "--until-rest"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        listening = threading.Thread(target=self._listen, args=(process,))
        listening.start()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)
            listening.join()
            assert process.stderr is not None
            process.stderr.close()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.timeline.note(f"guard: {line.strip()}")


@contextmanager
def stage(state: Path) -> Iterator[Scene]:
    """Everything on fresh state and free ports, the flag at 0 %; stopped on leaving."""
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    layout = Layout(choose(Ports(0, 0, 0, 0, 0), print), state, WORKERS)
    with Processes(state / "logs") as processes:
        processes.start(sandbox_service(layout))
        processes.wait_ready()
        shutil.copyfile(REPOSITORY / "flags" / "features.json", layout.flags)
        for service in (*as_in_production(layout), gateway_service(layout, observing=True)):
            processes.start(service)
        processes.wait_ready()
        environment = sandbox_environment(layout)
        addresses = Addresses(
            layout.gateway_url, layout.ops_url, environment["SUPABASE_URL"], environment["SUPABASE_SERVICE_KEY"]
        )
        scene = Scene(layout, addresses, Timeline(), processes)
        scene.break_v2({})
        yield scene


def as_in_production(layout: Layout) -> tuple[Service, Service]:
    """Legacy with the pauses it really makes, v2 with a full pass from where it does one: no haste of the demo's."""
    legacy, v2 = backends(layout)
    environment = {name: value for name, value in v2.environment.items() if name != "V2_FULL_PASS_MIN_CONVERSATIONS"}
    return replace(legacy, environment={**legacy.environment, "LEGACY_TIME_SCALE": "1"}), replace(
        v2, environment=environment
    )


def busy() -> float:
    """How many processes want a processor, over the last minute."""
    return round(os.getloadavg()[0], 1)
