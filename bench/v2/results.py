"""What each bench of the service found, as JSON files below build/bench/v2. Counterpart: `page` shows them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.places import BENCH, BUILD

RESULTS = BUILD / "v2"
PAGE = BENCH / "v2" / "RESULTS.md"
Found = Mapping[str, object]


def setting() -> dict[str, object]:
    """When and where: the day, the processors, and how busy they are (the load average's first figure)."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
    }


def keep(name: str, found: Found, folder: Path = RESULTS) -> Path:
    """Write what a bench found, over what an earlier one did."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"setting": setting(), **found}, indent=2) + "\n")
    return path


def recall(name: str, folder: Path = RESULTS) -> dict[str, object] | None:
    """What a bench found last; None if it never ran."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, object] = json.loads(path.read_text())
    return found
