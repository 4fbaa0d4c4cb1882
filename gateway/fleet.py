"""The supervisor's side of the workers: starts them, restarts them, asks them; the counterpart is gateway.proxy.worker.

Each worker has a listening socket of its own on the public address (SO_REUSEPORT). The supervisor keeps these open, so
that connections which the kernel accepted for a worker that died wait for the next one.
"""

import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.core.routes import parse_routes
from gateway.core.shadowing import Shadowing
from gateway.gossip import news_for
from gateway.listeners import withdrawn
from gateway.observe.exposition import Exposition
from gateway.observe.log_relay import LogRelay
from gateway.observe.totals import Totals
from gateway.proxy.config import WorkerConfig
from gateway.proxy.control import MAX_LINE, hears
from gateway.proxy.pinning import Listed, confirmation, parts

ASK_TIMEOUT = 1.0
KEEP_INTERVAL = 1.0
"""Seconds between two looks at the counters, so that those of a worker that dies are not lost."""
MAX_BACKOFF = 10.0
MAX_LEFT = 64
"""Answers with finished exchanges that came when nobody waited for them: late, or as a worker's last words."""
WORKER: Final = (sys.executable, "-m", "gateway.proxy.worker")

Snapshot = dict[str, object]
Plain = dict[str, tuple[float | None, float | None]]
"""Dates by flag: deprecated and sunset, Unix seconds."""


@dataclass(slots=True)
class WorkerProcess:
    """One slot of the fleet: its socket stays, its process may be replaced."""

    number: int
    listener: socket.socket
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last: Snapshot | None = None
    restarts: int = 0
    late: int = 0  # starts that were given up because it did not become ready
    answers: dict[int, asyncio.Future[Snapshot]] = field(default_factory=dict)
    told: WorkerConfig | None = None
    missed: int = 0  # looks in a row that it did not answer


class Fleet:
    """All workers of this gateway; what the ops plane calls its FleetPort."""

    def __init__(
        self,
        config: WorkerConfig,
        listeners: list[socket.socket],
        log: LogRelay,
        *,
        hang_seconds: float = 10.0,
        ready_seconds: float = 20.0,
        command: Sequence[str] = WORKER,
    ) -> None:
        self.config = config
        self.ready_seconds = ready_seconds
        self._command = command
        # Looks are counted, not seconds: if the whole machine stood still, no worker is to blame.
        self._max_missed = max(1, round(hang_seconds / (KEEP_INTERVAL + ASK_TIMEOUT)))
        self._slots = [WorkerProcess(number, listener) for number, listener in enumerate(listeners)]
        self._log = log
        self._ids = itertools.count(1)
        self._exposition = Exposition(config.build)
        self._left: deque[Snapshot] = deque(maxlen=MAX_LEFT)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all workers. Raises TimeoutError if one does not come up."""
        self._tasks = [asyncio.create_task(self._keep_running(slot)) for slot in self._slots]
        try:
            async with asyncio.timeout(self.ready_seconds):
                for slot in self._slots:
                    await slot.ready.wait()
        except TimeoutError:
            await self.stop()
            raise
        self._tasks.append(asyncio.create_task(self._keep_counters()))

    async def stop(self) -> bool:
        """Drain all workers; True if none had to cut off a request."""
        self._stopping.set()
        for slot in self._slots:
            # As long as any process holds it, the kernel goes on giving it connections that nobody accepts.
            slot.listener.close()
        serving = [slot for slot in self._slots if slot.ready.is_set()]
        for slot in self._slots:
            if slot not in serving:
                _end(slot)  # it has no requests to finish
        await asyncio.gather(*(self._ask(slot, {"op": "drain"}) for slot in serving))
        codes = await asyncio.gather(*(self._await_end(slot) for slot in serving))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return all(code == 0 for code in codes)

    async def reload(self, config: WorkerConfig) -> list[str]:
        """Give all workers the LIVE values of `config`, whose route table is checked. Returns what went wrong.

        A worker that is just starting gets them when it is ready.
        """
        self.config = config
        ready = [slot for slot in self._slots if slot.ready.is_set()]
        answers = await asyncio.gather(*(self._ask(slot, _reload(config)) for slot in ready))
        problems: list[str] = []
        for slot, answer in zip(ready, answers, strict=True):
            slot.told = config
            if answer is None or "error" in answer:
                problems.append(f"worker {slot.number}: {'no answer' if answer is None else answer['error']}")
        return problems

    async def retire(self, retirements: Plain) -> list[str]:
        """Let all workers say when legacy's side of flags ends. Returns what went wrong."""
        return await self.reload(replace(self.config, retirements=retirements))

    async def know_keys(self, token_keys: str) -> list[str]:
        """Let all workers check tokens by this key set. Returns what went wrong."""
        return await self.reload(replace(self.config, token_keys=token_keys))

    # FleetPort -------------------------------------------------------------------------------------------------------

    async def snapshots(self) -> list[dict[str, object]]:
        """One JSON object per worker: what it has in force and what it has counted."""
        ready = [slot.ready.is_set() for slot in self._slots]  # as of the question, which the answer belongs to
        found = await asyncio.gather(*(self._look(slot) for slot in self._slots))
        return [
            {
                "worker": slot.number,
                "restarts": slot.restarts,
                "late": slot.late,
                "ready": was_ready,
                **(seen or {}),
            }
            for slot, was_ready, seen in zip(self._slots, ready, found, strict=True)
        ]

    async def exposition(self, *, openly: bool = False) -> bytes:
        """All metrics, summed over the workers, in Prometheus' text format, or as OpenMetrics with exemplars."""
        return self._exposition.render(await self.snapshots(), openly=openly)

    def totals(self, snapshots: list[dict[str, object]]) -> Totals:
        """The sums over these workers and those that ended."""
        return self._exposition.totals(snapshots)

    def shadowings(self) -> dict[str, Shadowing]:
        """The routes of the table that are shadowed, by name."""
        table = parse_routes(self.config.routes)
        return {route.name: route.shadow for route in table.routes if route.shadow is not None}

    async def fetch_decided(self) -> list[Snapshot]:
        """What the workers have kept of finished exchanges since they were last asked (gateway.observe.decided)."""
        answers = await asyncio.gather(*(self._ask(slot, {"op": "decided"}) for slot in self._slots))
        left = [*self._left]
        self._left.clear()
        return [*left, *(answer for answer in answers if answer is not None)]

    def workers_ready(self) -> tuple[int, int]:
        """How many workers are ready, of how many."""
        return sum(slot.ready.is_set() for slot in self._slots), len(self._slots)

    async def ready(self) -> bool:
        """Whether the public port answers with at least one worker, and is meant to."""
        return not self._stopping.is_set() and any(slot.ready.is_set() for slot in self._slots)

    async def pin(self, listed: Listed) -> None:
        """Let all workers keep these users on v2; who has this listing already is told that it still stands."""
        await asyncio.gather(*(self._pin(slot, listed) for slot in self._slots))

    async def pinned(self, user_id: str) -> bool:
        """Whether a worker keeps this user on v2."""
        asking = (self._ask(slot, {"op": "pinned", "user": user_id}) for slot in self._slots)
        return any(answer is not None and answer.get("pinned") for answer in await asyncio.gather(*asking))

    async def _pin(self, slot: WorkerProcess, listed: Listed) -> None:
        answer = await self._ask(slot, confirmation(listed))
        if answer is None or answer.get("version") == listed.version:
            return
        for part in parts(listed):
            if await self._ask(slot, part) is None:
                return  # its next answer will be another version, and then it gets all of it again

    def _spread(self, source: WorkerProcess, user: object) -> None:
        """Tell the other workers of a user whom one has just pinned; who does not read hears it from the listing."""
        for slot in self._slots:
            if slot is not source and slot.ready.is_set() and slot.writer is not None and hears(slot.writer):
                slot.writer.write(json.dumps({"op": "pin", "user": user, "id": 0}).encode() + b"\n")

    # Processes -------------------------------------------------------------------------------------------------------

    async def _keep_running(self, slot: WorkerProcess) -> None:
        backoff = 0.1
        while True:
            began = time.monotonic()
            served = await self._run_once(slot)
            if self._stopping.is_set():
                return
            self._retire(slot)
            slot.restarts += 1
            code = None if slot.process is None else slot.process.returncode
            sys.stderr.write(f"proxy worker {slot.number} ended with code {code} and is started again\n")
            lived = served and time.monotonic() - began > MAX_BACKOFF
            backoff = 0.1 if lived else min(MAX_BACKOFF, backoff * 2)
            await asyncio.sleep(backoff)
            if self._stopping.is_set():
                return

    async def _run_once(self, slot: WorkerProcess) -> bool:
        """Run a worker until it ends; whether it ever was ready."""
        ours, theirs = socket.socketpair()
        slot.told, slot.missed = self.config, 0
        passed = slot.listener.fileno(), theirs.fileno(), self._log.open()
        try:
            slot.process = await asyncio.create_subprocess_exec(
                *self._command, *map(str, passed), stdin=asyncio.subprocess.PIPE, pass_fds=passed
            )
        finally:
            theirs.close()
            os.close(passed[2])
        stdin = slot.process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.write(slot.told.to_json().encode())
                await stdin.drain()
            stdin.close()
        reader, slot.writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
        patience = asyncio.get_running_loop().call_later(self.ready_seconds, self._give_up, slot, slot.process)
        try:
            await self._listen(slot, reader)
        finally:
            patience.cancel()
            served = slot.ready.is_set()
            slot.ready.clear()
            slot.writer.close()
        await slot.process.wait()
        return served

    def _give_up(self, slot: WorkerProcess, process: asyncio.subprocess.Process) -> None:
        """Its time to become ready is over. Whoever waits at its listener is better served by the others."""
        if slot.ready.is_set() or process.returncode is not None or self._stopping.is_set():
            return
        sys.stderr.write(f"proxy worker {slot.number} is not ready after {self.ready_seconds:g} s and is killed\n")
        slot.late += 1
        slot.listener = withdrawn(slot.listener)
        process.kill()

    async def _listen(self, slot: WorkerProcess, reader: asyncio.StreamReader) -> None:
        """Hear what the worker says until its end of the channel closes."""
        try:
            while line := await reader.readline():
                message: Snapshot = json.loads(line)
                if message.get("event") == "ready":
                    slot.ready.set()
                    if slot.told is not self.config and slot.writer is not None:
                        slot.told = self.config
                        slot.writer.write(json.dumps(_reload(self.config) | {"id": 0}).encode() + b"\n")
                elif message.get("event") == "pinned":
                    self._spread(slot, message.get("user"))
                elif isinstance(last := message.get("snapshot"), dict):
                    slot.last = last
                    self._left.append(message)
                elif (waiting := slot.answers.pop(int(str(message.get("id") or 0)), None)) and not waiting.done():
                    waiting.set_result(message)
                elif "decided" in message:
                    self._left.append(message)
        except (ConnectionError, ValueError):
            pass  # a worker that was killed in the middle of a line
        for waiting in slot.answers.values():
            waiting.cancel()
        slot.answers.clear()

    async def _await_end(self, slot: WorkerProcess) -> int:
        process = slot.process
        if process is None:
            return 0
        try:
            return await asyncio.wait_for(process.wait(), self.config.drain_seconds + 5)
        except TimeoutError:
            process.kill()
            return await process.wait()

    # Counters --------------------------------------------------------------------------------------------------------

    async def _keep_counters(self) -> None:
        while True:
            await asyncio.sleep(KEEP_INTERVAL)
            await asyncio.gather(*(self._watch(slot) for slot in self._slots))
            await self._gossip()

    async def _gossip(self) -> None:
        """Tell each worker what the others have found out in the last second."""
        answers = await asyncio.gather(*(self._ask(slot, {"op": "gossip"}) for slot in self._slots))
        for number, slot in enumerate(self._slots):
            news = news_for(number, answers)
            if news is not None and slot.ready.is_set() and slot.writer is not None:
                slot.writer.write(json.dumps(news | {"id": 0}).encode() + b"\n")

    async def _watch(self, slot: WorkerProcess) -> None:
        """Look at the counters, and replace a worker that has not answered for too long: it serves nobody either."""
        if not slot.ready.is_set():
            return
        process = slot.process
        answered = await self._ask(slot, {"op": "snapshot"})
        if answered is not None:
            slot.last, slot.missed = answered, 0
            return
        slot.missed += 1
        hangs = slot.missed >= self._max_missed and slot.ready.is_set() and not self._stopping.is_set()
        if hangs and process is not None and process is slot.process and process.returncode is None:
            sys.stderr.write(f"proxy worker {slot.number} does not answer and is killed\n")
            process.kill()

    async def _look(self, slot: WorkerProcess) -> Snapshot | None:
        seen = await self._ask(slot, {"op": "snapshot"})
        if seen is not None:
            slot.last = seen
        return slot.last

    def _retire(self, slot: WorkerProcess) -> None:
        if slot.last is not None:
            self._exposition.retire(slot.last)
            slot.last = None

    async def _ask(self, slot: WorkerProcess, request: Snapshot) -> Snapshot | None:
        """The worker's answer, or None if it does not come."""
        if slot.writer is None or not slot.ready.is_set():
            return None
        number = next(self._ids)
        waiting = slot.answers[number] = asyncio.get_running_loop().create_future()
        slot.writer.write(json.dumps(request | {"id": number}).encode() + b"\n")
        try:
            return await asyncio.wait_for(waiting, ASK_TIMEOUT)
        except (TimeoutError, asyncio.CancelledError):
            slot.answers.pop(number, None)
            return None


def _end(slot: WorkerProcess) -> None:
    if slot.process is not None and slot.process.returncode is None:
        slot.process.kill()


def _reload(config: WorkerConfig) -> Snapshot:
    return {"op": "reload", "config": config.to_json()}
