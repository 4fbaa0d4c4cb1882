"""What a guard drill breaks, and the plan that must see it. Pure; counterpart: `guard_drill`, which carries it out.

v2 is broken by its own database functions, which nobody else calls. At 1 % only bucket 1 is v2's, and bucket 2 is its
control: one bucket is broken, and everybody else goes on as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.rollout.cohorts import Control
from gateway.rollout.plan import HOUR, Headroom, Plan, Step
from gateway.rollout.rule import Kind, RuleSpec
from gateway.rollout.verdict import Severity

BROKEN_BUCKET: Final = 1
CONTROL_BUCKET: Final = 2
SLOW: Final = 10.0
"""Seconds under which no import is slow: the sandbox's monolith makes shorter pauses than the real one."""

_RPC: Final = "/rest/v1/rpc"
_WRITES: Final = [f"{_RPC}/{name}" for name in ("v2_stage_chunks", "v2_write_embeddings", "v2_switch_chunks")]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way to break v2. `faults` as the sandbox takes them; `rule` is expected to fire."""

    name: str
    told: str
    rule: Kind
    faults: Mapping[str, object]


TROUBLES: Final = (
    Trouble(
        "errors",
        "v2 answers 5xx: the function by which it accepts an import answers 503",
        Kind.REQUESTS_FAILED,
        {"rest": {"error_rate": 1, "error_status": 503, "paths": [f"{_RPC}/v2_claim_run"]}},
    ),
    Trouble(
        "jobs",
        "v2 accepts imports and fails them at their last write",
        Kind.JOBS_FAILED,
        {"rest": {"error_rate": 1, "error_status": 400, "paths": [f"{_RPC}/v2_switch_chunks"]}},
    ),
    Trouble(
        "delay",
        "v2's writes take eight seconds more each",
        Kind.JOBS_SLOW,
        {"rest": {"latency_ms": 8000, "paths": _WRITES}},
    ),
)


def drill_plan(flag: str) -> Plan:
    """One step of one bucket, with guardrails alone, in fast time. `floor` and `control` are a plan's own settings.

    There is no user-mix signal: the drill's people are all from two buckets of a hundred.
    """
    return Plan(
        flag,
        (Step(BROKEN_BUCKET, watch=HOUR, weight=1.0),),
        (
            RuleSpec(Kind.REQUESTS_FAILED, Severity.GUARDRAIL, weight=0.3),
            RuleSpec(Kind.JOBS_FAILED, Severity.GUARDRAIL, weight=0.3, ages=(10.0, 30.0)),
            RuleSpec(Kind.JOBS_SLOW, Severity.GUARDRAIL, weight=0.4, margin=1.4, floor=SLOW, ages=(30.0,)),
        ),
        control=Control.EQUAL,
        headroom=Headroom(required=False),
        stale_after=120.0,
        digest="drill",
    )
