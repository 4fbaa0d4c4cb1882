"""Tells one story: the stack, the guard, the crowd, the break; then counts. Counterpart: `stories`."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.places import REPOSITORY
from bench.rollout.crowd import Crowd
from bench.rollout.reckoning import reckon
from bench.rollout.scene import PLAN, Scene, busy, stage
from bench.rollout.stories import Story
from gateway.rollout.memory import MemoryFile

SAMPLES = REPOSITORY / "tests" / "data"
PACE = {0: 8.0, 10: 8.0, 50: 3.0, 100: 2.0}
"""Arrivals a second by percentage: what v2 gets, it and everything beside it must do on one machine's processors."""

COMPARED = {0: 20, 10: 20}
"""The highest bucket that the plan compares, by percentage: with an equal control, 1 to 10 with 11 to 20."""

MOST_SECONDS = 3600.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to show of a run. `timeline` holds seconds since the first step was entered, and what happened."""

    story: str
    holds: bool
    phase: str
    reckoning: dict[str, object]
    timeline: list[tuple[float, str]]
    minutes: float
    load: float
    detected_after: float | None
    reports: list[str]


def tell(story: Story, state: Path, kept: Path, say: Tell, plan: Path = PLAN) -> Told:
    """Run it. The guard's reports are copied to `kept`."""
    began = time.monotonic()
    with stage(state) as scene:
        say(f"{story.name}: the stack is up, public {scene.layout.gateway_url}, ops {scene.layout.ops_url}")
        with scene.guard(plan) as guard:
            crowd = Crowd(scene.addresses, SAMPLES)
            asyncio.run(_act(story, scene, guard, crowd, say))
        phase = MemoryFile(scene.layout.flags).read().progress.phase
        scene.break_v2({})
        say(f"{story.name}: {phase}; waiting for {len(crowd.people)} people's imports to end")
        reckoning = reckon(scene, crowd.people)
        reports = _copied(scene, kept)
        moves = scene.moves()
        entered = next((at for at, percentage, _, _ in moves if percentage), time.time())
        for at, percentage, who, why in moves:
            scene.timeline.note(f"flag: {percentage} %, by {who}: {why}" if why else f"flag: {percentage} %", at)
        timeline = [(round(at - entered, 1), text) for at, text in sorted(scene.timeline.events)]
    broken = next((at for at, text in timeline if text.startswith("v2 breaks")), None)
    back = next((at for at, text in timeline if text.startswith("flag: 0 %") and at > 0), None)
    return Told(
        story=story.name,
        holds=reckoning.holds and phase is story.ends and bool(reports),
        phase=phase,
        reckoning={**asdict(reckoning), "holds": reckoning.holds},
        timeline=timeline,
        minutes=round((time.monotonic() - began) / 60, 1),
        load=busy(),
        detected_after=None if broken is None or back is None else round(back - broken, 1),
        reports=reports,
    )


async def _act(story: Story, scene: Scene, guard: subprocess.Popen[str], crowd: Crowd, say: Tell) -> None:
    resting = asyncio.Event()
    coming = asyncio.create_task(
        crowd.come(
            lambda: PACE.get(scene.percentage(), 2.0),
            lambda: COMPARED.get(scene.percentage(), 100),
            lambda: not resting.is_set(),
        )
    )
    try:
        await _direct(story, scene, guard, crowd, say)
    finally:
        resting.set()
        await coming


async def _direct(story: Story, scene: Scene, guard: subprocess.Popen[str], crowd: Crowd, say: Tell) -> None:
    """Break v2 at its time, say how it goes, and end a little after the guard has."""
    began, broken, said = time.monotonic(), not story.faults, 0
    while guard.poll() is None and time.monotonic() < began + MOST_SECONDS:
        await asyncio.sleep(0.5)
        scene.processes.check_alive()
        if not broken and time.monotonic() > began + story.healthy:
            broken = True
            await asyncio.to_thread(scene.break_v2, story.faults)
            scene.timeline.note(f"v2 breaks: {story.told}")
        if len(scene.timeline.events) > said or int(time.monotonic() - began) % 60 == 0:
            said = len(scene.timeline.events)
            last = scene.timeline.events[-1][1] if scene.timeline.events else ""
            people = f"{scene.percentage():3} %, {len(crowd.people)} people"
            say(f"{story.name}: {time.monotonic() - began:4.0f} s, {people}; {last}")
    await asyncio.sleep(story.afterwards)


def _copied(scene: Scene, kept: Path) -> list[str]:
    """The guard's reports with their pictures under names that stay the same from run to run."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    names = []
    for number, report in enumerate(scene.reports, 1):
        kind = report.stem.split("-", 1)[1]
        name = f"{number}-{kind}"
        text = report.read_text().replace(report.stem, name)
        (kept / f"{name}.md").write_text(text)
        for picture in report.parent.glob(f"{report.stem}-*.svg"):
            shutil.copyfile(picture, kept / picture.name.replace(report.stem, name))
        names.append(f"{name}.md")
    return names
