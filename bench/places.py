"""Where the harness keeps things, and how a configuration is filled in. All of it is below build/bench."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.errors import PeerUnavailable

REPOSITORY = Path(__file__).resolve().parents[1]
BENCH = REPOSITORY / "bench"
CONFIGURATIONS = BENCH / "peers"
BUILD = REPOSITORY / "build" / "bench"
VENV = BUILD / "venv"
RUN = BUILD / "run"
RESULTS_JSON = BUILD / "results.json"
RESULTS_PAGE = BENCH / "RESULTS.md"
NOTES = BENCH / "NOTES.md"
PLACEHOLDER = re.compile(r"@\{(\w+)\}")


def fill(text: str, values: Mapping[str, object]) -> str:
    """The text with each `@{name}` replaced. Raises KeyError if a name is unknown."""
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)


def find_program(name: str) -> str:
    """The program's path: the peers' environment first, then the project's, then the system's.

    Raises PeerUnavailable if there is none.
    """
    if name == "python":
        folders = str(VENV / "bin")
    else:
        own = Path(sys.executable).parent
        folders = os.pathsep.join([str(VENV / "bin"), str(own), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=folders)
    if found is None:
        raise PeerUnavailable(f"{name} is not installed")
    return found
