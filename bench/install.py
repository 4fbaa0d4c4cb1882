"""Installs what the run needs and this machine lacks: the peers' own environment, and Debian's packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

from bench.errors import BenchError, PeerUnavailable
from bench.places import BENCH, VENV, find_program

DEBIAN = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
NEEDED = ("nginx", "wrk")
"""Without these nothing can be measured: nginx is the upstream and the yardstick, wrk the load."""
PATIENCE = 900.0

Report = Callable[[str], None]


def install_all(report: Report) -> None:
    """Install what is missing; `report` hears of everything that cannot be had. Raises BenchError if it is needed."""
    install_packages(report)
    install_environment(report)
    for name in NEEDED:
        try:
            find_program(name)
        except PeerUnavailable as missing:
            raise BenchError(f"{missing}, and nothing can be measured without it") from None


def install_packages(report: Report) -> None:
    """nginx, HAProxy and wrk from Debian, if they are missing and this is root on a Debian."""
    missing = [name for name in DEBIAN if not _is_there(name)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        report(f"not installed, and only root on Debian can install them: {', '.join(missing)}")
        return
    packages = [DEBIAN[name] for name in missing]
    report(f"installing {', '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "--quiet"], report, quiet)
    _run(["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *packages], report, quiet)


def install_environment(report: Report) -> None:
    """bench/requirements.txt into build/bench/venv, again whenever the file changes."""
    requirements = BENCH / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    report(f"installing the peers' packages into {VENV.relative_to(BENCH.parent)}")
    python = VENV / "bin" / "python"
    done = python.exists() or _run([sys.executable, "-m", "venv", str(VENV)], report)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if done and _run([*pip, "--requirement", str(requirements)], report):
        stamp.write_text(wanted)


def _is_there(name: str) -> bool:
    try:
        find_program(name)
    except PeerUnavailable:
        return False
    return True


def _run(command: Sequence[str], report: Report, environment: dict[str, str] | None = None) -> bool:
    """Whether the command succeeded; its last words are reported if not."""
    try:
        done = subprocess.run(
            command,
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        report(f"{command[0]}: {error}")
        return False
    if done.returncode:
        report(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")
    return done.returncode == 0
