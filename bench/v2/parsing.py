"""Parsing and chunking alone, in a process of its own: processor milliseconds a megabyte, and peak memory by size.

Every byte here is talk on the active path, or nearly so: the hardest file there is for the chunker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.quality.export import Plan, write_export

MB = 1_000_000
SENTENCES = 120
# Measured size of one such conversation.
CONVERSATION_BYTES = 37_000
CHILD = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from bench.procfs import parse_kib
from v2_service.processors.conversation_chunker import chunk_conversations
from v2_service.processors.export import DropReport, iter_conversations
path, chunked = Path(sys.argv[1]), sys.argv[2] == "chunk"
peak = lambda: parse_kib(Path("/proc/self/status").read_text(), "VmHWM") / 1024
before, began, drops, chunks = peak(), time.process_time(), DropReport(), 0
conversations = iter_conversations(path, drops)
for _ in chunk_conversations(conversations, datetime.now(UTC)) if chunked else conversations:
    chunks += chunked
print(json.dumps({"cpu_seconds": time.process_time() - began, "before_mib": before, "peak_mib": peak(),
                  "chunks": chunks, "characters": drops.characters}))
"""


def talk_export(megabytes: int, folder: Path) -> Path:
    """An export of about that size that is nearly all talk."""
    path = folder / f"talk-{megabytes}.json"
    if not path.exists():
        write_export(Plan(max(1, megabytes * MB // CONVERSATION_BYTES), sentences=SENTENCES, long_every=0), path)
    return path


def run_child(path: Path, work: str) -> dict[str, float]:
    """One pass over the file in a new process: "parse" or "chunk" (which parses too)."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(path), work], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(sizes: Sequence[int], folder: Path) -> list[dict[str, object]]:
    """Each size parsed, then parsed and chunked."""
    rows: list[dict[str, object]] = []
    for size in sizes:
        path = talk_export(size, folder)
        megabytes = path.stat().st_size / MB
        parsed, chunked = run_child(path, "parse"), run_child(path, "chunk")
        rows.append(
            {
                "megabytes": round(megabytes),
                "talk_megabytes": round(chunked["characters"] / MB, 1),
                "chunks": int(chunked["chunks"]),
                "parse_ms_per_mb": round(1000 * parsed["cpu_seconds"] / megabytes, 1),
                "parse_and_chunk_ms_per_mb": round(1000 * chunked["cpu_seconds"] / megabytes, 1),
                "before_mib": round(chunked["before_mib"], 1),
                "peak_mib": round(chunked["peak_mib"], 1),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    return rows
