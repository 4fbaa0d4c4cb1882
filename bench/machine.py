"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import PeerUnavailable
from bench.lineup import Peer
from bench.places import VENV, find_program

VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a run was made. Loads are /proc/loadavg's first figure.

    `optimised_python` is how the interpreter says that it was configured. One that was built without profile-guided
    optimisation costs every Python proxy here 10 to 30 %; a distribution may have it by another way.
    """

    date: str
    processor: str
    processors: int
    memory_gb: int
    kernel: str
    python: str
    optimised_python: bool
    load_before: float
    load_after: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)


def find_setting(peers: Sequence[Peer]) -> Setting:
    """This machine now, with the version of each peer that is installed."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Setting(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=parse_processor(Path("/proc/cpuinfo").read_text()),
        processors=len(os.sched_getaffinity(0)),
        memory_gb=round(pages * size / 2**30),
        kernel=platform.release().partition("-")[0],
        python=platform.python_version(),
        optimised_python="--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")),
        load_before=os.getloadavg()[0],
        versions={peer.name: version for peer in peers if (version := find_version(peer))},
    )


def parse_processor(cpuinfo: str) -> str:
    """The processor's name out of /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def parse_version(output: str) -> str:
    """The first thing in a program's output that looks like a version, or nothing."""
    found = VERSION.search(output)
    return found[0] if found else ""


def find_version(peer: Peer) -> str:
    """The peer's version; nothing if it is not installed."""
    try:
        program = find_program(peer.program)
    except PeerUnavailable:
        return ""
    if peer.package:
        code = f"import importlib.metadata; print(importlib.metadata.version({peer.package!r}))"
        command = [str(VENV / "bin" / "python"), "-c", code]
    else:
        command = [program, *peer.version]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return parse_version(done.stdout + done.stderr) if done.returncode == 0 else ""
