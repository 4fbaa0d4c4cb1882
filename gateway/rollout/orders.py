"""What people tell the guard: approve, hold, resume. A small file of theirs; the guard only reads it.

Two files, two writers: people write orders, the guard writes its memory, so neither can undo the other.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gateway.rollout.atomic_file import write_json
from gateway.rollout.errors import MisplacedCommandError, StateUnreadableError
from gateway.rollout.plan import Plan
from gateway.rollout.steps import STANDING, Phase, Progress

VERSION = 1


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything people have said. `approvals` are (attempt, step) pairs; `resumes` counts."""

    approvals: tuple[tuple[int, int], ...] = ()
    held_by: str = ""
    resumes: int = 0


class OrdersFile:
    """`<flags>.guard-orders`. Safe to write from many processes at once."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".guard-orders")

    def read(self) -> Orders:
        """The orders; none if there is no file. Raises StateUnreadableError."""
        try:
            content = json.loads(self.path.read_bytes())
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}")
            pairs = tuple((int(attempt), int(step)) for attempt, step in content["approvals"])
            return Orders(pairs, str(content["held_by"]), int(content["resumes"]))
        except FileNotFoundError:
            return Orders()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateUnreadableError(f"{self.path.name} cannot be used: {error}") from error

    def approve(self, progress: Progress, plan: Plan) -> int:
        """Agree to the step that is next; returns its index. Raises MisplacedCommandError if none needs it."""
        following = progress.step + 1
        needed = plan.steps[following].approval if following < len(plan.steps) else plan.retire_approval
        if progress.phase not in STANDING or following > len(plan.steps):
            raise MisplacedCommandError(f"nothing can be approved: the rollout is {progress.phase}")
        if not needed:
            raise MisplacedCommandError("the next step needs no approval")
        with self._changing() as orders:
            self._write(replace(orders, approvals=(*orders.approvals, (progress.attempt, following))))
        return following

    def hold(self, who: str) -> None:
        """Keep the rollout where it is, until `resume`. A bad guardrail still rolls back."""
        with self._changing() as orders:
            self._write(replace(orders, held_by=who))

    def resume(self) -> None:
        """End the hold, and everything else that waits for a person; see `resumed`."""
        with self._changing() as orders:
            self._write(replace(orders, held_by="", resumes=orders.resumes + 1))

    def _write(self, orders: Orders) -> None:
        write_json(self.path, {"version": VERSION, **asdict(orders)})

    @contextmanager
    def _changing(self) -> Iterator[Orders]:
        descriptor = os.open(
            self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self.read()
        finally:
            os.close(descriptor)


def obeyed(progress: Progress, orders: Orders) -> Progress:
    """The progress with approvals and hold as people want them."""
    approved = frozenset(step for attempt, step in orders.approvals if attempt == progress.attempt)
    return replace(progress, approved=approved, held_by=orders.held_by)


def resumed(
    plan: Plan, progress: Progress, percentage: int | None, orders: Orders, now: float
) -> tuple[Progress, bool]:
    """The progress after a `resume`, and whether the step begins anew (with a new judge).

    A rollout that only waited goes on. One that stood aside, was rolled back or has another plan now takes up what the
    flag says: 0 is before the first step, a step's percentage is that step, watched from its beginning.
    """
    if orders.resumes <= progress.resumes or percentage is None:
        return progress, False
    heard = replace(progress, resumes=orders.resumes)
    if progress.phase in STANDING and progress.plan_digest in ("", plan.digest) and percentage == progress.expected:
        return heard, False
    found = [index for index, step in enumerate(plan.steps) if step.percentage == percentage]
    if percentage and not found:
        return replace(heard, why=f"resume: the flag is at {percentage} %, which is no step of the plan"), False
    again = progress.phase in (Phase.ROLLED_BACK, Phase.DONE)
    step = found[0] if percentage else -1
    fresh = Progress(
        phase=Phase.WATCHING if percentage else Phase.READY,
        step=step,
        entered_at=now,
        seen_at=now,
        expected=percentage,
        plan_digest=plan.digest,
        attempt=progress.attempt + again,
        resumes=orders.resumes,
        why="resumed",
    )
    return fresh, True
