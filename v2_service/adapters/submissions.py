"""What was submitted as a batch, kept in the database from before the submission until its answers are charged.

Counterpart: `migrations/0015_batches.sql`. A custom id is the submission's id and the beginning of the question's hash,
so that a result says by itself whose it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from v2_service.adapters.answers import whole_number
from v2_service.adapters.replies import reply_to_json
from v2_service.adapters.runs import Lease
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonValue, ModelReply, Usage

SETTLED = "settled"
# 64 characters are allowed: 32 for the submission, one dash, 31 (124 bits) for the question.
HASH_CHARACTERS = 31
BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Submission:
    """A row of pipeline_batches. `batch_id` is None until the provider's answer was noted."""

    id: str
    run_id: str
    step: str
    round: int
    requests: int
    state: str
    batch_id: str | None
    lines_read: int
    begun_at: datetime

    @property
    def prefix(self) -> str:
        """How every custom id of its questions begins."""
        return f"{uuid.UUID(self.id).hex}-"


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a batch's results: kept answers by the hash of their question, and what all of them cost."""

    count: int
    replies: Mapping[str, ModelReply]
    usage: Usage
    dollars: float
    last: bool


def new_id() -> str:
    """An id for a submission."""
    return str(uuid.uuid4())


def custom_id(submission_id: str, request_hash: str) -> str:
    """The id of a question in its batch."""
    return f"{uuid.UUID(submission_id).hex}-{request_hash[:HASH_CHARACTERS]}"


class Submissions:
    """Rows of pipeline_batches. Every method raises StoreUnavailable or StoreRefused."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def begin(self, lease: Lease, submission: Submission, dollars: float, per_job: float, per_day: float) -> str:
        """Note what is about to be submitted: `BEGUN`, or the code of the budget (0 is none) that has no room for it.

        Raises StaleRun.
        """
        answer = await self._rest.call(
            "v2_begin_batch",
            {
                **lease.arguments,
                "p_id": submission.id,
                "p_step": submission.step,
                "p_round": submission.round,
                "p_requests": submission.requests,
                "p_dollars": dollars,
                "p_per_job": per_job,
                "p_per_day": per_day,
            },
        )
        return str(answer)

    async def submitted(self, submission_id: str, batch_id: str) -> None:
        """The provider has it."""
        await self._rest.call("v2_batch_submitted", {"p_id": submission_id, "p_batch_id": batch_id})

    async def forget(self, submission_id: str) -> None:
        """The provider does not have it."""
        await self._rest.call("v2_forget_batch", {"p_id": submission_id})

    async def of_run(self, run_id: str) -> list[Submission]:
        """All submissions of a run, in the order in which they were begun."""
        return _rows(
            await self._rest.select("pipeline_batches", {"run_id": f"eq.{run_id}", "order": "begun_at,id"}),
        )

    async def abandoned(self, limit: int) -> list[Submission]:
        """Open submissions of runs that are over."""
        answer = await self._rest.call("v2_abandoned_batches", {"p_limit": limit})
        return _rows([row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else [])

    async def taken(self, batch_ids: Sequence[str]) -> set[str]:
        """Which of these batches are noted for a submission."""
        if not batch_ids:
            return set()
        wanted = {"batch_id": f"in.({','.join(batch_ids)})", "select": "batch_id"}
        return {str(row["batch_id"]) for row in await self._rest.select("pipeline_batches", wanted)}

    async def keep(self, submission: Submission, start: int, lines: Lines, results: Mapping[str, int]) -> bool:
        """Keep and charge the lines from `start` on; False when somebody else has done it."""
        kept = await self._rest.call(
            "v2_keep_batch",
            {
                "p_id": submission.id,
                "p_from": start,
                "p_lines": lines.count,
                "p_replies": [{"hash": key, "reply": reply_to_json(reply)} for key, reply in lines.replies.items()],
                "p_calls": lines.usage.calls,
                "p_input": lines.usage.input_tokens,
                "p_output": lines.usage.output_tokens,
                "p_dollars": lines.dollars,
                "p_results": dict(results),
                "p_last": lines.last,
            },
        )
        return kept is True


def _rows(rows: Sequence[Mapping[str, JsonValue]]) -> list[Submission]:
    return [
        Submission(
            id=str(row["id"]),
            run_id=str(row["run_id"]),
            step=str(row["step"]),
            round=whole_number(row["round"]),
            requests=whole_number(row["requests"]),
            state=str(row["state"]),
            batch_id=str(row["batch_id"]) if row["batch_id"] is not None else None,
            lines_read=whole_number(row["lines_read"]),
            begun_at=datetime.fromisoformat(str(row["begun_at"])),
        )
        for row in rows
    ]
