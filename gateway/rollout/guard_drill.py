"""Breaks v2 in a sandbox and times how long the guard takes to roll back; all is put back afterwards, whatever happens.

The guard is the real one on the real flag, with a plan and a memory of the drill's own. Counterparts:
`drill_troubles` (what is broken), `drill_sandbox`, `drill_people`, and `rollout drill guard`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from gateway.ops.errors import OpsError
from gateway.ops.reports import FlagReport
from gateway.rollout.drill_people import DrillPeople
from gateway.rollout.drill_sandbox import SandboxDesk
from gateway.rollout.drill_troubles import BROKEN_BUCKET, Trouble, drill_plan
from gateway.rollout.errors import DrillRefusedError
from gateway.rollout.evidence import EvidenceSource
from gateway.rollout.guard import Guard, Helm, Post
from gateway.rollout.judge import SETTLING
from gateway.rollout.memory import MemoryFile
from gateway.rollout.rule import Kind
from gateway.rollout.steps import Phase, Turn

WHO: Final = "guard drill"
LOOK_EVERY: Final = 1.0
WARM_SECONDS: Final = SETTLING + 5.0
PATIENCE: Final = 300.0
"""Seconds to wait for the guard to be ready to see, and again for it to see."""

HEALTHY_USERS: Final = 5
"""Imports of v2 that were judged before it is made slow: if v2 is too slow already, the drill says so."""

ENDING_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """One trouble. `seconds`: from the break to the flag at 0, None if the guard did not fire, or fired before."""

    trouble: str
    seconds: float | None
    rule: str
    why: str
    report: str


@dataclass(frozen=True, slots=True)
class DrillPost:
    """What a drill stands on. `folder` gets the guard's memory and reports; `pace` is imports a second."""

    flag: str
    controls: Helm
    source: EvidenceSource
    desk: SandboxDesk
    folder: Path
    pace: float
    tell: Callable[[str], None]


class GuardDrill:
    """One drill of one flag."""

    def __init__(self, post: DrillPost) -> None:
        self._post = post
        self._began = time.monotonic()
        self._moved = False

    async def run(self, troubles: Sequence[Trouble]) -> list[DrillOutcome]:
        """Each trouble in turn. Raises DrillRefusedError before anything was changed."""
        post = self._post
        flag = await self._flag()
        try:
            await post.desk.open()
            self._say("legacy and v2 live on the sandbox: what it refuses, they miss")
            return [await self._drill(trouble, flag) for trouble in troubles]
        finally:
            # A Ctrl-C ends the drill here too; it must not end the tidying.
            await asyncio.shield(self._put_back(flag))

    async def _flag(self) -> FlagReport:
        try:
            status = await asyncio.to_thread(self._post.controls.status)
        except (OpsError, httpx.HTTPError) as error:
            raise DrillRefusedError(f"the gateway cannot be asked: {error}") from error
        found = next((one for one in status.flags if one.name == self._post.flag), None)
        if found is None or found.percentage is None or found.group is None or not found.enabled:
            raise DrillRefusedError(f"{self._post.flag} is no enabled flag with a percentage by user id")
        if status.kill.engaged:
            raise DrillRefusedError("the kill is engaged: nobody would reach v2")
        return found

    async def _put_back(self, flag: FlagReport) -> None:
        assert flag.percentage is not None
        try:
            if self._moved:
                await self._set(flag.percentage, "as before the drill")
        finally:
            await self._post.desk.close()
        self._say(f"all is as before: the sandbox's faults, the flag at {flag.percentage} %")

    async def _set(self, percentage: int, why: str) -> None:
        post, self._moved = self._post, True
        await asyncio.to_thread(post.controls.set_percentage, post.flag, percentage, who=WHO, why=why)

    async def _drill(self, trouble: Trouble, flag: FlagReport) -> DrillOutcome:
        post = self._post
        folder = post.folder / trouble.name
        folder.mkdir(parents=True, exist_ok=True)
        flags = folder / "flags.json"
        MemoryFile(flags).forget()  # of a drill before, into the same folder: that guard has rolled back already
        await self._set(0, "guard drill")
        guard = Guard(Post(drill_plan(post.flag), flags, post.controls, post.source, time.time))
        self._say(f"{trouble.name}: bucket {BROKEN_BUCKET} goes to v2, and the guard watches")
        async with self._people(flag.group or "") as people:
            await self._watch(guard, lambda: self._sees(guard, trouble))
            if _fired(guard):
                return self._outcome(trouble, guard, None, folder)
            people.answers.clear()
            await post.desk.set_faults(trouble.faults)
            broken = time.monotonic()
            self._say(f"{trouble.name}: BROKEN. {trouble.told}")
            await self._watch(guard, lambda: _fired(guard))
            seconds = time.monotonic() - broken
            await post.desk.heal()
            answers = ", ".join(f"{side or 'nobody'} {status}: {n}" for (side, status), n in people.answers.items())
            self._say(f"{trouble.name}: answers since then: {answers}")
        return self._outcome(trouble, guard, seconds if _fired(guard) else None, folder)

    def _outcome(self, trouble: Trouble, guard: Guard, seconds: float | None, folder: Path) -> DrillOutcome:
        progress = guard.memory.progress
        report = max(folder.glob("*.guard-reports/*-rolled-back.md"), default=None)
        missed = "it fired before the break" if _fired(guard) else "the guard did not fire"
        said = missed if seconds is None else f"ROLLED BACK after {seconds:.1f} s"
        self._say(f"{trouble.name}: {said}: {progress.why}")
        return DrillOutcome(
            trouble.name,
            None if seconds is None else round(seconds, 1),
            trouble.rule,
            progress.why,
            "" if report is None else str(report),
        )

    def _sees(self, guard: Guard, trouble: Trouble) -> bool:
        """Whether the guard can tell this trouble from health by now; also true once it has fired."""
        progress = guard.memory.progress
        if _fired(guard):
            return True
        if progress.phase is not Phase.WATCHING or time.time() < progress.entered_at + WARM_SECONDS:
            return False
        if trouble.rule is not Kind.JOBS_SLOW:
            return True
        slow = next((one for one in guard.findings() if one.rule == Kind.JOBS_SLOW), None)
        return slow is not None and slow.figures["v2_users"] >= HEALTHY_USERS

    async def _watch(self, guard: Guard, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds() and time.monotonic() < deadline:
            await _to_the_end(asyncio.create_task(asyncio.to_thread(guard.look)))
            if not holds():
                await asyncio.sleep(LOOK_EVERY)

    @asynccontextmanager
    async def _people(self, group: str) -> AsyncIterator[DrillPeople]:
        """People who come as long as inside; afterwards their accounts are gone."""
        desk = self._post.desk
        people = DrillPeople(desk, group, self._post.pace)
        coming = asyncio.create_task(people.come())
        try:
            yield people
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await coming
            await asyncio.shield(self._send_home(people))

    async def _send_home(self, people: DrillPeople) -> None:
        await self._post.desk.heal()
        await self._post.desk.until_idle(ENDING_SECONDS)
        for user in people.users:
            await self._post.desk.remove_user(user)

    def _say(self, text: str) -> None:
        self._post.tell(f"{time.monotonic() - self._began:6.1f} s  {text}")


async def _to_the_end(look: asyncio.Task[Turn]) -> None:
    """A look that has begun may write the flag: whoever is stopped waits for it before putting the flag back."""
    try:
        await asyncio.shield(look)
    except asyncio.CancelledError:
        await look
        raise


def _fired(guard: Guard) -> bool:
    return guard.memory.progress.phase is Phase.ROLLED_BACK
