"""What one decision costs, from the text of an id to the backend: `python -m bench.decision`.

Processor time of this process over ids of real shape at a real percentage, the best of many rounds: what else runs on
the machine can only add. The caches are warm here; in a worker, between requests, it costs up to twice as much.
"""

from __future__ import annotations

import json
import platform
import random
import time
import uuid

from flags.compile import compile_document
from flags.model import Snapshot
from gateway.core.decide import Backend, Identity, decide

FLAG = "process-full-v2"
PERCENTAGE = 37
IDS = 1_000
LIMIT_US = 2.0


def snapshot() -> Snapshot:
    """One flag with one rollout by user id."""
    parameters = {"rollout": str(PERCENTAGE), "stickiness": "userId", "groupId": FLAG}
    strategies = [{"name": "flexibleRollout", "parameters": parameters}]
    document = {"version": 2, "generation": 1, "features": [{"name": FLAG, "enabled": True, "strategies": strategies}]}
    return compile_document(json.dumps(document).encode(), source="bench")


def made_up_ids(count: int = IDS) -> list[str]:
    """UUIDs, the same in each run."""
    dice = random.Random(1)
    return [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(count)]


def on_v2(flags: Snapshot, ids: list[str]) -> int:
    """Decide all of them as a worker does; how many go to v2."""
    count = 0
    for user in ids:
        made = decide(FLAG, Identity.of(user), flags, killed=False, breaker_open=False, force=None, pinned=False)
        count += made.backend is Backend.V2
    return count


def cost(rounds: int = 200) -> float:
    """Microseconds of processor time of a decision."""
    flags, ids = snapshot(), made_up_ids()
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time_ns()
        on_v2(flags, ids)
        best = min(best, time.process_time_ns() - before)
    return best / 1e3 / len(ids)


if __name__ == "__main__":
    measured = cost()
    print(f"{measured:.2f} µs a decision, {LIMIT_US:g} at most; CPython {platform.python_version()}")
    raise SystemExit(measured > LIMIT_US)
