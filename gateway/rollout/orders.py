"""What people tell the guard: approve, hold, resume. A small file of theirs; the guard only reads it.

Two files, two writers: people write orders, the guard writes its memory, so neither can undo the other.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gateway.rollout.atomic_file import write_json
from gateway.rollout.errors import MisplacedCommandError, OrderFailedError, StateUnreadableError
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

    def approve(self, attempt: int, step: int) -> None:
        """Agree to a step of an attempt; see `approvable`. Raises OrderFailedError, as the others do."""
        with self._changing() as orders:
            self._write(replace(orders, approvals=(*orders.approvals, (attempt, step))))

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
        lock = self.path.with_name(self.path.name + ".lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield self.read()
            finally:
                os.close(descriptor)
        except OSError as error:
            raise OrderFailedError(f"{self.path.name} cannot be written: {error.strerror}") from error


def approvable(progress: Progress, gates: Sequence[bool]) -> int:
    """The step that may be approved now. `gates`: which steps need it, and after the last one the end of legacy.

    Raises MisplacedCommandError if none does.
    """
    following = progress.step + 1
    if progress.phase not in STANDING or following >= len(gates):
        raise MisplacedCommandError(f"nothing can be approved: the rollout is {progress.phase}")
    if not gates[following]:
        raise MisplacedCommandError("the next step needs no approval")
    return following


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
