"""The four runs: a harmless v2, and three ways in which v2 breaks while everything around it stays whole.

v2 is broken by its own database functions, which nobody else calls: the sandbox fails or delays exactly these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.rollout.steps import Phase

RPC = "/rest/v1/rpc"
WRITES = [f"{RPC}/{name}" for name in ("v2_stage_chunks", "v2_write_embeddings", "v2_switch_chunks")]


@dataclass(frozen=True, slots=True)
class Story:
    """One run. `faults` are the sandbox's, put in force after `healthy` seconds.

    People go on coming for `afterwards` seconds when the guard has come to rest.
    """

    name: str
    title: str
    told: str
    ends: Phase
    faults: Mapping[str, object] = field(default_factory=dict)
    healthy: float = 90.0
    afterwards: float = 30.0


STORIES = (
    Story("climb", "10 -> 50 -> 100 % by itself", "v2 does no harm.", Phase.DONE),
    Story(
        "errors",
        "v2 answers 5xx",
        "The function by which v2 accepts an import answers 503.",
        Phase.ROLLED_BACK,
        {"rest": {"error_rate": 1, "error_status": 503, "paths": [f"{RPC}/v2_claim_run"]}},
    ),
    Story(
        "slow",
        "v2 is slow",
        "v2 accepts as ever, but each write of chunks, of embeddings and of the switch takes fifteen seconds more.",
        Phase.ROLLED_BACK,
        {"rest": {"latency_ms": 15_000, "paths": WRITES}},
        healthy=270.0,  # so long until legacy's own durations are known
    ),
    Story(
        "late",
        "v2's jobs fail late",
        "v2 accepts and works as ever, and the last write of an import, the switch, is refused each time v2 tries.",
        Phase.ROLLED_BACK,
        {"rest": {"error_rate": 1, "error_status": 500, "paths": [f"{RPC}/v2_switch_chunks"]}},
    ),
)
