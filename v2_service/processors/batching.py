"""When questions are asked in batches, how large a batch may be, and how long to wait before looking again. Pure.

Counterpart: `jobs/batches.py` submits and waits. A batch costs half and answers within minutes to hours; a single call
costs the whole and answers within seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from v2_service.contract import ModelRequest
from v2_service.processors.tokens import estimate_tokens

ROUNDS = 3
"""Questions whose batch brought no answer are asked in further batches this often in all, then one by one."""
SMALLEST_ROUND = 20
"""Fewer left over than this are asked one by one: another wait is worth more than half their price."""
EXPECTED_OUTPUT_TOKENS = 500
"""What an answer is reckoned at before it is known; the answers themselves are charged as they are."""
FIRST_WAIT_SECONDS = 2.0
WAIT_GROWTH = 1.5

BatchMode = Literal["never", "always", "auto"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Bounds of one batch: how many questions, and bytes of text in memory at a time."""

    requests: int
    bytes: int


def wants_batches(mode: BatchMode, questions: int, auto_from: int) -> bool:
    """Whether so many questions are asked in batches."""
    return questions > 0 and (mode == "always" or (mode == "auto" and questions >= auto_from))


def wants_round(number: int, left: int) -> bool:
    """Whether so many questions are asked in the round `number`, counted from 1."""
    return left > 0 if number == 1 else number <= ROUNDS and left >= SMALLEST_ROUND


def wait_before(look: int, longest: float) -> float:
    """Seconds before the look at a batch with this number, counted from 0."""
    # The exponent is bounded: a batch may run for a day, and a float may not grow for so long.
    return min(longest, FIRST_WAIT_SECONDS * WAIT_GROWTH ** min(look, 40))


def request_bytes(request: ModelRequest) -> int:
    """About how many bytes a question takes in a batch's body."""
    fixed = len(request.instruction) + len(json.dumps(request.schema))
    return fixed + len(request.material.encode("utf-8", "replace"))


def expected_tokens(request: ModelRequest) -> tuple[int, int]:
    """Input and output tokens that a question is reckoned at."""
    asked = request.instruction + json.dumps(request.schema) + request.material
    return estimate_tokens(asked), min(EXPECTED_OUTPUT_TOKENS, request.max_tokens)
