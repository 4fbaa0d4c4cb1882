"""Copies of answered requests on their way to the other backend, in the background and within bounds.

Nobody waits for a copy, and nothing that happens to one is seen by a client, the breaker, the evidence or the figures
per backend. Each has a connection of its own, is sent once, and is dropped rather than waited for; what became of it is
counted. Counterparts: core.shadowing, which says whose requests; proxy.shadowed, which hands them over.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flags.model import CompiledFeature
from gateway.core.allowance import Allowance
from gateway.core.breaker import State
from gateway.core.comparison import Seen, compare
from gateway.core.decide import Backend, Decision
from gateway.core.framing import Framing
from gateway.core.shadowing import Outcome, Shadowing, has_copies, is_comparable, wants_dry_run
from gateway.proxy.compose import idempotency_key
from gateway.proxy.copies import AnswerCopy, Copy, seen_answer
from gateway.proxy.question import Questions, Unanswered

if TYPE_CHECKING:
    from gateway.core.routes import Route
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.service import Service

_NO_BODY = Framing.NONE


class Shadows:
    """The copies of one worker. `held` counts the bytes of all that wait or are under way."""

    __slots__ = ("_lag", "_proven", "_running", "_service", "_shares", "_stopped", "_waiting", "allowance", "held")

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._waiting: deque[Copy] = deque()
        self._running: dict[asyncio.Task[Outcome], Copy] = {}
        self._shares: dict[tuple[str, str], float] = defaultdict(float)
        self._lag = 0.0
        self._proven = False  # v2 has answered a copy as one
        self._stopped = False  # v2 has taken a copy for the real thing
        self.allowance = Allowance()
        self.held = 0

    # What exchanges hand over: a defect in here must not reach them ---------------------------------------------------

    def watch(self, exchange: "Exchange", lines: bytes) -> AnswerCopy | None:
        """Where to keep an answer that begins now, if it is one that will be compared."""
        try:
            return AnswerCopy(exchange.status, lines) if self._is_compared(exchange) else None
        except Exception as defect:  # noqa: BLE001 -- whatever it is, it must not reach the client
            self._service.defect(defect)
            return None

    def see(self, answer: AnswerCopy, piece: bytes) -> None:
        """The next piece of a watched answer."""
        self.held -= answer.size
        answer.add(piece, self._service.config.shadow_bytes - self.held)
        self.held += answer.size

    def forget(self, answer: AnswerCopy) -> None:
        """The exchange failed: there is nothing to compare."""
        self.held -= answer.size

    def compare(self, exchange: "Exchange", answer: AnswerCopy) -> None:
        """A watched answer is whole."""
        self.forget(answer)
        try:
            known = answer.seen()
            problem = answer.problem or (Outcome.INCOMPARABLE if known is None else None)
            self._take(exchange, b"", known, problem)
        except Exception as defect:  # noqa: BLE001 -- as above
            self._service.defect(defect)

    def dry_run(self, exchange: "Exchange", decision: Decision, body: Sequence[bytes] | None) -> None:
        """A request of a flagged route is answered; `body` is None if it was too long to be kept."""
        try:
            shadow, taken = exchange.route.shadow, 200 <= exchange.status < 300
            if shadow is None or not taken or exchange.backend is not Backend.LEGACY:
                return
            if wants_dry_run(shadow, decision, self._feature(exchange.route.flag)):
                self._take(exchange, b"".join(body or ()), None, Outcome.TOO_LARGE if body is None else None)
        except Exception as defect:  # noqa: BLE001 -- as above
            self._service.defect(defect)

    # Bounds ----------------------------------------------------------------------------------------------------------

    def sweep(self, lag: float) -> None:
        """How late the event loop was last, in seconds; called by the sweeper. A kill ends all copies."""
        self._lag = lag
        if (self._waiting or self._running) and self._service.kill.engaged:
            self.stop()

    def stop(self) -> None:
        """Give up all copies, those under way too: for the kill, and for the drain."""
        while self._waiting:
            self._end(self._waiting.popleft(), Outcome.STOPPED)
        for task in self._running:
            if task is not asyncio.current_task():
                task.cancel()

    def trust(self) -> None:
        """After a reload v2 may be another: it may be given copies again, and has to show that it knows them."""
        self._stopped = self._proven = False

    def snapshot(self) -> dict[str, object]:
        """For the supervisor."""
        return {
            "running": len(self._running),
            "waiting": len(self._waiting),
            "bytes": self.held,
            "stopped": self._stopped,
        }

    def _take(self, exchange: "Exchange", body: bytes, answer: Seen | None, problem: Outcome | None) -> None:
        service, route = self._service, exchange.route
        until = service.clock.now + service.config.shadow_seconds
        backend = exchange.backend or Backend.LEGACY
        copy = Copy(
            route, exchange.request, exchange.request_id, backend, until, idempotency_key(exchange), body, answer
        )
        problem = problem or self._objection(copy)
        if problem is not None:
            service.meters.shadows.add(route.name, problem)
            return
        self.held += copy.size
        self._waiting.append(copy)
        self._start()

    def _objection(self, copy: Copy) -> Outcome | None:
        service = self._service
        config = service.config
        if service.draining or self._stopped or service.kill.engaged:
            return Outcome.STOPPED
        if service.breaker.state is not State.CLOSED:
            return Outcome.EJECTED
        if self._lag > config.shadow_lag:
            return Outcome.BUSY
        if len(self._waiting) >= config.shadow_waiting or self.held + copy.size > config.shadow_bytes:
            return Outcome.NO_ROOM
        per_day = 0 if copy.route.shadow is None else copy.route.shadow.per_day
        if not self.allowance.take(copy.route.name, per_day, today()):
            return Outcome.DAY_OVER
        return None

    def _is_compared(self, exchange: "Exchange") -> bool:
        route, facts = exchange.route, exchange.request.facts
        shadow, backend = route.shadow, exchange.backend
        if shadow is None or backend is None or facts.framing is not _NO_BODY or facts.upgrade:
            return False
        if not is_comparable(exchange.status) or self._service.kill.engaged:
            return False
        return has_copies(self._feature(shadow.flag), backend) and self._is_due(route, "copy", shadow.percent)

    def _feature(self, flag: str | None) -> CompiledFeature | None:
        snapshot = self._service.flags.snapshot
        return None if snapshot is None or flag is None else snapshot.features.get(flag)

    def _is_due(self, route: "Route", what: str, percent: float) -> bool:
        """True for `percent` of the calls, spread evenly."""
        share = self._shares[route.name, what] + percent
        self._shares[route.name, what] = share % 100
        return share >= 100

    # Sending ---------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        service = self._service
        while self._waiting and len(self._running) < service.config.shadow_concurrency and self._may_start():
            copy = self._waiting.popleft()
            if copy.until <= time.monotonic():
                self._end(copy, Outcome.EXPIRED)
            elif not self._is_wanted(copy):
                self._end(copy, Outcome.STOPPED)
            else:
                task = service.loop.create_task(self._send(copy))
                self._running[task] = copy
                task.add_done_callback(self._sent)

    def _is_wanted(self, copy: Copy) -> bool:
        """Whether the flag still says so: it may have been turned off while the copy waited."""
        shadow = copy.route.shadow
        flag = copy.route.flag or (shadow.flag if shadow else None)
        return has_copies(self._feature(flag), copy.answered)

    def _may_start(self) -> bool:
        """Dry runs go one at a time until v2 has shown that it knows them: the first mistake is the last."""
        dry = (copy.answer is None for copy in self._running.values())
        return self._proven or self._waiting[0].answer is not None or not any(dry)

    def _sent(self, task: "asyncio.Task[Outcome]") -> None:
        copy = self._running.pop(task)
        self._end(copy, Outcome.STOPPED if task.cancelled() else task.result())
        self._start()

    async def _send(self, copy: Copy) -> Outcome:
        try:
            async with asyncio.timeout(copy.until - time.monotonic()):
                return await (self._run_dry(copy) if copy.answer is None else self._compare(copy, copy.answer))
        except (Unanswered, TimeoutError):
            return Outcome.FAILED
        except Exception as defect:  # noqa: BLE001 -- as above
            self._service.defect(defect)
            return Outcome.FAILED

    async def _run_dry(self, copy: Copy) -> Outcome:
        v2 = self._questions(Backend.V2)
        answer = await v2.send(copy.for_v2(self._service.name, v2.fields))
        if answer.status == 503:
            return Outcome.REFUSED
        if not 200 <= answer.status < 300:
            return Outcome.FAILED
        if _is_dry(answer.body):
            self._proven = True
            return Outcome.SENT
        self._stopped = True
        self.stop()
        sys.stderr.write(f"{copy.route.name}: v2 took a copy for a request; no other is sent until a reload\n")
        return Outcome.NOT_DRY

    async def _compare(self, copy: Copy, answer: Seen) -> Outcome:
        """Ask the backend that did not answer; now and then legacy once more, to learn what it varies by itself."""
        shadow = copy.route.shadow or Shadowing(100)
        forward = copy.answered is Backend.LEGACY
        asked = await self._ask(copy, Backend.V2 if forward else Backend.LEGACY)
        control, candidate = (answer, asked) if forward else (asked, answer)
        again = None
        if self._is_due(copy.route, "repeat", shadow.repeat):
            again = await self._ask(copy, Backend.LEGACY)
        if control is None or candidate is None:
            return Outcome.INCOMPARABLE
        meters, name = self._service.meters, copy.route.name
        # In a thread: a large answer takes milliseconds, which the event loop has not.
        meters.compared(name, await asyncio.to_thread(compare, control, candidate, shadow.ignore))
        if again is not None:
            meters.repeated(name, await asyncio.to_thread(compare, control, again, shadow.ignore))
        return Outcome.SENT

    async def _ask(self, copy: Copy, backend: Backend) -> Seen | None:
        questions = self._questions(backend)
        to_v2 = backend is Backend.V2
        written = copy.for_v2(self._service.name, questions.fields) if to_v2 else copy.for_legacy()
        return seen_answer(await questions.send(written))

    def _questions(self, backend: Backend) -> Questions:
        service = self._service
        pool = service.pools[backend]
        key = service.config.v2_key if backend is Backend.V2 else ""
        return Questions(pool.address, pool.tls, key, service.config.shadow_seconds)

    def _end(self, copy: Copy, outcome: Outcome) -> None:
        """A copy is over."""
        self.held -= copy.size
        self._service.meters.shadows.add(copy.route.name, outcome)


def today() -> int:
    """The number of the day, in UTC."""
    return int(time.time()) // 86_400


def _is_dry(body: bytes) -> bool:
    """Whether v2 says that it took the request for a copy."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("shadow") is True
