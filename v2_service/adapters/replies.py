"""Answers that were paid for, kept by the hash of the question: a resumed run asks the model only what is missing.

Counterparts: any `contract.Models`, which this wraps, and `arrivals.py`, where an answer is until the database has it.
Kept for the time of the run, in the database, beside its chunks.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import weakref
from collections.abc import Mapping
from dataclasses import asdict

from v2_service.adapters.arrivals import Arrivals
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject, JsonValue, ModelReply, ModelRequest, Models, Outcome, Usage
from v2_service.errors import StaleRun
from v2_service.prices import Prices
from v2_service.text import storable_json

PAGE = 500


def request_hash(request: ModelRequest) -> str:
    """SHA-256 over all that shapes the answer."""
    shape = asdict(request)
    if request.repair is None:
        # Questions had no repair turn of their own once; answers that were kept then stay known.
        del shape["repair"]
    text = json.dumps(shape, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Remembering:
    """`contract.Models` that looks into the run's replies first."""

    def __init__(self, models: Models, rest: Rest, run_id: str, prices: Prices, arrivals: Arrivals) -> None:
        self._models = models
        self._prices = prices
        self._rest = rest
        self._run_id = run_id
        self._arrivals = arrivals
        self._known: set[str] = set()
        # Answers whose write failed, or was never confirmed; the database knows whether they are kept.
        self._unsure: dict[str, ModelReply] = {}
        self._over = False
        self._asking: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def recall(self) -> int:
        """Learn which questions earlier executions of this run have asked; returns how many."""
        after = ""
        while True:
            query = {
                "run_id": f"eq.{self._run_id}",
                "request_hash": f"gt.{after}",
                "select": "request_hash",
                "order": "request_hash",
                "limit": str(PAGE),
            }
            rows = await self._rest.select("pipeline_replies", query)
            self._known.update(str(row["request_hash"]) for row in rows)
            if not rows:
                break
            after = str(rows[-1]["request_hash"])
        await self._settle()
        return len(self._known)

    async def _settle(self) -> None:
        """Keep and charge what had come when an earlier process was killed."""
        for key, content in self._arrivals.found().items():
            if key not in self._known and key not in self._unsure:
                arrived = json.loads(content)
                await self._keep(key, arrived["step"], reply_from_json(arrived["reply"]))
                self._known.add(key)
        self._clear()

    def knows(self, request_hash: str) -> bool:
        """Whether an answer is kept."""
        return request_hash in self._known

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The kept answer, or a new one, which is kept and charged before anybody sees it.

        Raises ModelUnavailable, or StaleRun once an answer has shown that the run was stopped meanwhile.

        Equal questions wait for each other: a long message can give equal chunks, and both would be paid for.
        """
        key = request_hash(request)
        async with self._asking.setdefault(key, asyncio.Lock()):
            return await self._kept_or_paid(key, request)

    async def _kept_or_paid(self, key: str, request: ModelRequest) -> ModelReply:
        if key in self._known or key in self._unsure:
            query = {"run_id": f"eq.{self._run_id}", "request_hash": f"eq.{key}", "select": "reply"}
            rows = await self._rest.select("pipeline_replies", query)
            if rows and isinstance(rows[0]["reply"], dict):
                self._is_kept(key)
                return reply_from_json(rows[0]["reply"])
        if self._over:
            raise StaleRun("The run was stopped: nothing more is paid for it.")
        reply = self._unsure.get(key)
        if reply is None:
            stored = reply_to_json(await self._models.complete(request))
            # As a later life will read it: a question that is made of it must be the same then.
            reply = reply_from_json(stored)
            # The process may be killed before the database has the answer, or the write may fail while it lives: then
            # the next life, or the next try of the step, writes it.
            arrived = {"step": request.step, "reply": stored}
            self._arrivals.add(key, json.dumps(arrived).encode())
            self._unsure[key] = reply
        await self._keep(key, request.step, reply)
        self._is_kept(key)
        return reply

    def _is_kept(self, key: str) -> None:
        self._known.add(key)
        self._unsure.pop(key, None)
        self._clear()

    async def _keep(self, key: str, step: str, reply: ModelReply) -> None:
        paid = {
            "p_run": self._run_id,
            "p_hash": key,
            "p_step": step,
            "p_reply": reply_to_json(reply),
            "p_dollars": self._prices.of(reply.usage),
        }
        self._over = await self._rest.call("v2_keep_reply", paid) is False

    def _clear(self) -> None:
        if not self._unsure:
            self._arrivals.clear()


def reply_to_json(reply: ModelReply) -> JsonObject:
    """A reply as one JSON object, as PostgreSQL can store it."""
    written = storable_json({**asdict(reply), "outcome": str(reply.outcome)})
    assert isinstance(written, dict)
    return written


def reply_from_json(value: Mapping[str, JsonValue]) -> ModelReply:
    """The reply that `reply_to_json` wrote."""
    data, usage = value["data"], value["usage"]
    counts = usage if isinstance(usage, dict) else {}
    return ModelReply(
        outcome=Outcome(str(value["outcome"])),
        data=data if isinstance(data, dict) else None,
        usage=Usage(**{name: count for name, count in counts.items() if isinstance(count, int)}),
        detail=str(value["detail"]),
        text=str(value.get("text", "")),
    )
