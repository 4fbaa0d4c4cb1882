"""One repair turn for an answer that cannot be used.

Counterpart: it wraps `replies.Remembering`, which keeps and charges both turns, each once: a kill or a failure between
them loses no answer that was paid for.
"""

from __future__ import annotations

from dataclasses import replace

from v2_service.contract import ModelReply, ModelRequest, Models, Outcome, Repair


class Repairing:
    """`contract.Models` that asks a second time, once, when an answer does not obey its schema."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The answer, or what its repair came to; `usage` is that of both. Raises ModelUnavailable."""
        reply = await self._models.complete(request)
        if reply.outcome is not Outcome.INVALID or not reply.text:
            return reply
        again = replace(request, repair=Repair(reply.text, reply.detail))
        repaired = await self._models.complete(again)
        return replace(repaired, usage=reply.usage + repaired.usage)
