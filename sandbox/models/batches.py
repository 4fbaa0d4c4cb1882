"""Message Batches as a store without I/O: who asked what, how far it is, and which requests end badly on purpose.

Answers are not kept: the model is deterministic, so that results are made again each time they are read.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

from sandbox.models.errors import InvalidRequest, RateLimited, UnknownBatch
from sandbox.models.settings import ModelSettings

MOST_REQUESTS = 100_000
KEPT_SECONDS = 24 * 3600.0

Fate = Literal["succeeded", "errored", "canceled", "expired"]
Status = Literal["in_progress", "canceling", "ended"]


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a batch; `fate` is how it ends if it is not canceled before."""

    custom_id: str
    params: Mapping[str, JsonValue]
    fate: Fate


@dataclass(slots=True)
class Batch:
    """One batch. Times are unix seconds."""

    id: str
    requests: Sequence[BatchRequest]
    size_bytes: int
    created_at: float
    ends_at: float
    cancelled_at: float | None = None
    counted: bool = False

    def status(self, now: float) -> Status:
        """How far the batch is at time `now`."""
        if now >= self.ends_at:
            return "ended"
        return "in_progress" if self.cancelled_at is None else "canceling"

    def fate_of(self, request: BatchRequest) -> Fate:
        """How a request of the ended batch ended."""
        return request.fate if self.cancelled_at is None else "canceled"

    def row(self, now: float, base_url: str) -> dict[str, JsonValue]:
        """The batch on the wire; `results_url` is absolute and there only once the batch has ended."""
        ended = self.status(now) == "ended"
        counts: dict[str, JsonValue] = {
            "processing": 0 if ended else len(self.requests), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0,
        }  # fmt: skip
        for request in self.requests if ended else ():
            counts[self.fate_of(request)] = int(str(counts[self.fate_of(request)])) + 1
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status(now),
            "request_counts": counts,
            "created_at": _stamp(self.created_at),
            "expires_at": _stamp(self.created_at + KEPT_SECONDS),
            "ended_at": _stamp(self.ends_at) if ended else None,
            "cancel_initiated_at": _stamp(self.cancelled_at) if self.cancelled_at is not None else None,
            "archived_at": None,
            "results_url": f"{base_url}/v1/messages/batches/{self.id}/results" if ended else None,
        }


class BatchStore:
    """Bounded: a number of batches and a number of bytes. Ended ones make room, running ones do not."""

    def __init__(self, clock: Callable[[], float], most_bytes: int = 256_000_000) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._batches: dict[str, Batch] = {}

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def now(self) -> float:
        """The store's own time, unix seconds."""
        return self._clock()

    def clear(self) -> None:
        """Forget all batches."""
        self._batches.clear()

    def create(self, requests: Sequence[BatchRequest], size_bytes: int, settings: ModelSettings) -> Batch:
        """Take a batch in. Raises RateLimited when running batches fill the store."""
        now = self._clock()
        while len(self._batches) >= settings.batches_kept or self._bytes + size_bytes > self._most_bytes:
            ended = next((batch.id for batch in self._batches.values() if batch.status(now) == "ended"), None)
            if ended is None:
                raise RateLimited("too many batches are in progress", settings.batch_seconds or 1.0)
            del self._batches[ended]
        batch = Batch(
            f"msgbatch_{secrets.token_hex(12)}", tuple(requests), size_bytes, now, now + settings.batch_seconds
        )
        self._batches[batch.id] = batch
        return batch

    @property
    def _bytes(self) -> int:
        return sum(batch.size_bytes for batch in self._batches.values())

    def get(self, batch_id: str) -> Batch:
        """The batch. Raises UnknownBatch."""
        batch = self._batches.get(batch_id)
        if batch is None:
            raise UnknownBatch(f"Message batch {batch_id[:80]} not found")
        return batch

    def cancel(self, batch_id: str) -> Batch:
        """Cancel a running batch: it ends halfway through the time it had left. Raises UnknownBatch, InvalidRequest."""
        batch, now = self.get(batch_id), self._clock()
        if batch.status(now) == "ended":
            raise InvalidRequest(f"Message batch {batch.id} has ended and cannot be canceled")
        if batch.cancelled_at is None:
            batch.cancelled_at = now
            batch.ends_at = now + (batch.ends_at - now) / 2
        return batch

    def page(self, limit: int, after_id: str | None, before_id: str | None) -> tuple[list[Batch], bool]:
        """Up to `limit` batches, newest first, after or before one of them, and whether there are more that way."""
        rows = list(reversed(self._batches.values()))
        ids = [batch.id for batch in rows]
        if after_id in ids:
            rows = rows[ids.index(after_id) + 1 :]
        elif before_id in ids:
            rows = rows[: ids.index(before_id)]
            return rows[-limit:], len(rows) > limit
        return rows[:limit], len(rows) > limit


def fate_of(custom_id: str, valid: bool, settings: ModelSettings) -> Fate:
    """Decided by the id's hash, so that the same batch ends the same way in every run."""
    if not valid:
        return "errored"
    roll = int.from_bytes(hashlib.sha256(custom_id.encode()).digest()[:4], "big") / 2**32
    if roll < settings.batch_errored_share:
        return "errored"
    return "expired" if roll < settings.batch_errored_share + settings.batch_expired_share else "succeeded"


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
