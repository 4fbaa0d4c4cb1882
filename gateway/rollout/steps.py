"""The rollout as a state machine: where it stands, what is the case, what to do next. Pure; counterpart: `guard`.

Theory of operation. Once a second the guard looks at the flag, the evidence and the clock, and `situation` names the
one thing that matters most; `MOVES` says what follows from it in each phase. All safety lies in the order of
`Situation` and in what is absent from the table:

- A human who edits the flag always wins: the guard steps aside, and neither raises nor lowers until `resume`.
- A bad guardrail rolls back from every phase in which users are on v2, before anything else is asked.
- There is one way up, `CLEAR`, and it goes one step. After a pause of the guard it does not catch up: time counts only
  while the guard watches and evidence comes, so no monitored step and no approval is ever skipped.
- Not knowing (no data, no answer, an unclear result) holds. Nothing but a good verdict passes.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from gateway.rollout.evidence import LegacyLoad
from gateway.rollout.plan import Plan, Step
from gateway.rollout.verdict import Severity, Verdict

MAX_GAP = 60.0
"""Seconds between two looks that still count as watching."""


SPREADING = 10.0
"""Seconds in which an old percentage may still be read: an Unleash server notices its own change late."""


class Phase(StrEnum):
    """Where the rollout stands."""

    READY = "ready"
    WATCHING = "watching"
    HELD = "held"
    ASKING = "asking"
    RAMPING_DOWN = "ramping down"
    ROLLED_BACK = "rolled back"
    ASIDE = "aside"
    DONE = "done"


class Situation(StrEnum):
    """What matters most now; the first that is true, in this order."""

    EDITED = "somebody changed the flag"
    BAD = "a guardrail is bad"
    UNREADABLE = "the flag cannot be read"
    KILLED = "the local kill is engaged"
    REPLANNED = "the plan was changed"
    PAUSED = "somebody holds the rollout"
    SIGNAL = "a signal is bad"
    BLIND = "no evidence comes"
    EARLY = "the step is being watched"
    UNCLEAR = "the evidence is not good enough yet"
    CLOSED = "it is not the time to go up"
    NO_ROOM = "legacy could not take everybody back"
    UNAPPROVED = "an approval is needed"
    CLEAR = "all is well"


class Action(StrEnum):
    """What to do about it."""

    NONE = "none"
    RAISE = "raise"
    LOWER = "lower"
    FINISH = "finish"


STANDING = frozenset({Phase.READY, Phase.WATCHING, Phase.HELD, Phase.ASKING})
"""Phases in which the rollout goes on by itself."""

_FORWARD: dict[Situation, tuple[Phase, Action]] = {
    Situation.EDITED: (Phase.ASIDE, Action.NONE),
    Situation.BAD: (Phase.RAMPING_DOWN, Action.LOWER),
    Situation.UNREADABLE: (Phase.HELD, Action.NONE),
    Situation.KILLED: (Phase.HELD, Action.NONE),
    Situation.REPLANNED: (Phase.HELD, Action.NONE),
    Situation.PAUSED: (Phase.HELD, Action.NONE),
    Situation.SIGNAL: (Phase.HELD, Action.NONE),
    Situation.BLIND: (Phase.HELD, Action.NONE),
    Situation.EARLY: (Phase.WATCHING, Action.NONE),
    Situation.UNCLEAR: (Phase.HELD, Action.NONE),
    Situation.CLOSED: (Phase.HELD, Action.NONE),
    Situation.NO_ROOM: (Phase.HELD, Action.NONE),
    Situation.UNAPPROVED: (Phase.ASKING, Action.NONE),
    Situation.CLEAR: (Phase.WATCHING, Action.RAISE),
}

MOVES: dict[tuple[Phase, Situation], tuple[Phase, Action]] = {
    **{(phase, situation): move for phase in STANDING for situation, move in _FORWARD.items()},
    **{(Phase.RAMPING_DOWN, situation): (Phase.RAMPING_DOWN, Action.LOWER) for situation in Situation},
    (Phase.RAMPING_DOWN, Situation.EDITED): (Phase.ASIDE, Action.NONE),
    (Phase.RAMPING_DOWN, Situation.UNREADABLE): (Phase.RAMPING_DOWN, Action.NONE),
}
"""What is not here changes nothing: aside, rolled back and done are left by a person's `resume` alone."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the rollout stands; all that must survive a restart, but for the judge.

    step       index of the step in force, -1 before the first        entered_at  when it was entered, unix seconds
    watched    seconds of the step that were watched with evidence    seen_at     the last look
    expected   the percentage that the guard has written or found     intended    one it was about to write
    approved   indices of the steps that may be entered (one beyond the last: to retire legacy)
    replaced   the percentage before the last one written, which readers may still see for a moment
    attempt    counts the rollouts of this plan, from 1: one more after each rollback
    resumes    how many of people's `resume` orders have been carried out
    """

    phase: Phase = Phase.READY
    step: int = -1
    entered_at: float = 0.0
    watched: float = 0.0
    seen_at: float | None = None
    expected: int = 0
    intended: int | None = None
    approved: frozenset[int] = frozenset()
    held_by: str = ""
    down_since: float | None = None
    down_from: int = 0
    why: str = ""
    plan_digest: str = ""
    replaced: int | None = None
    written_at: float = 0.0
    attempt: int = 1
    resumes: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What is the case. `percentage` is None if the flag cannot be read; `now` in unix seconds.

    `verdict` is the step's, `bad` the severity of the worst rule that fired, `blind` why no evidence comes.
    """

    now: float
    percentage: int | None
    killed: bool = False
    verdict: Verdict = Verdict.NO_DATA
    bad: Severity | None = None
    because: str = ""
    blind: str = ""
    legacy: LegacyLoad | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What follows: the new progress and what to write. `percentage` is what to write for RAISE and LOWER."""

    progress: Progress
    action: Action
    situation: Situation
    percentage: int | None = None


def turn(plan: Plan, progress: Progress, look: Look) -> Turn:
    """The next state and action. Idempotent in itself: nothing happens twice unless the caller writes it."""
    seen = _time_passed(progress, look)
    situation, why = assess(plan, seen, look)
    phase, action = MOVES.get((seen.phase, situation), (seen.phase, Action.NONE))
    if action is Action.RAISE and seen.step == len(plan.steps) - 1:
        return Turn(replace(seen, phase=Phase.DONE, why="the last step is over"), Action.FINISH, situation)
    if action is Action.RAISE:
        target = plan.steps[seen.step + 1].percentage
        return Turn(replace(seen, phase=phase, why=why, intended=target), action, situation, target)
    if action is Action.LOWER:
        return _lower(plan, seen, look, situation, why)
    if phase is Phase.ASIDE and seen.phase is not Phase.ASIDE:
        why = f"the flag is at {look.percentage} %, not at {seen.expected} %: somebody changed it"
    left_alone = seen.phase not in STANDING and phase is seen.phase
    return Turn(replace(seen, phase=phase, why=seen.why if left_alone else why), action, situation)


def assess(plan: Plan, progress: Progress, look: Look) -> tuple[Situation, str]:
    """What matters most, with a sentence about it."""
    before_the_first = progress.step < 0
    following = progress.step + 1
    step = plan.steps[following] if following < len(plan.steps) else None
    blind = "" if before_the_first else look.blind
    # A plan that was changed may have fewer steps than the one that got this far.
    watch = plan.steps[progress.step].watch if 0 <= progress.step < len(plan.steps) else 0.0
    good = before_the_first or look.verdict is Verdict.GOOD
    own = {progress.expected, progress.intended}
    if look.now - progress.written_at < SPREADING:
        own.add(progress.replaced)
    checks = [
        (Situation.EDITED, look.percentage is not None and look.percentage not in own, ""),
        (Situation.BAD, look.bad is Severity.GUARDRAIL, look.because),
        (Situation.UNREADABLE, look.percentage is None, ""),
        (Situation.KILLED, look.killed, ""),
        (Situation.REPLANNED, progress.plan_digest not in ("", plan.digest), "resume to go on by the new plan"),
        (Situation.PAUSED, bool(progress.held_by), f"held by {progress.held_by}"),
        (Situation.SIGNAL, look.bad is Severity.SIGNAL, look.because),
        (Situation.BLIND, bool(blind), blind),
        (Situation.EARLY, progress.watched < watch, f"{progress.watched / 3600:.1f} of {watch / 3600:.1f} h watched"),
        (Situation.UNCLEAR, not good, look.because or look.verdict.value),
        (Situation.CLOSED, step is not None and not _open(plan, step, look.now), ""),
        (Situation.NO_ROOM, step is not None and bool(_lacking(plan, progress, look)), _lacking(plan, progress, look)),
        (Situation.UNAPPROVED, _unapproved(plan, following, progress), _question(plan, following)),
    ]
    for situation, true, sentence in checks:
        if true:
            return situation, f"{situation}: {sentence}" if sentence else situation.value
    return Situation.CLEAR, Situation.CLEAR.value


def written(plan: Plan, progress: Progress, percentage: int, now: float) -> Progress:
    """The progress after the flag was written: a step entered, or a step down made."""
    at = replace(progress, expected=percentage, intended=None, replaced=progress.expected, written_at=now)
    if progress.phase is Phase.RAMPING_DOWN:
        return replace(at, phase=Phase.ROLLED_BACK, step=-1, approved=frozenset()) if percentage == 0 else at
    return replace(at, step=progress.step + 1, entered_at=now, watched=0.0, plan_digest=plan.digest)


def retirement(plan: Plan, progress: Progress) -> float | None:
    """When legacy may be switched off at the earliest: the end of the last step; None before that step begins."""
    if progress.step != len(plan.steps) - 1 or progress.phase in (Phase.ROLLED_BACK, Phase.ASIDE, Phase.RAMPING_DOWN):
        return None
    return progress.entered_at + plan.steps[-1].watch


def _time_passed(progress: Progress, look: Look) -> Progress:
    gap = look.now - progress.seen_at if progress.seen_at is not None else 0.0
    counts = progress.step >= 0 and 0.0 < gap <= MAX_GAP and not look.blind and not look.killed
    on_step = look.percentage == progress.expected and progress.phase in STANDING
    watched = progress.watched + gap if counts and on_step else progress.watched
    return replace(progress, seen_at=look.now, watched=watched)


def _lower(plan: Plan, progress: Progress, look: Look, situation: Situation, why: str) -> Turn:
    """One step of the way down: halves over the plan's seconds, or 0 at once."""
    since = progress.down_since if progress.down_since is not None else look.now
    start = progress.down_from if progress.down_since is not None else progress.expected
    seconds, passed = plan.ramp_down.seconds, look.now - since
    target = 0
    if passed < seconds:
        # Each fifth of the time halves the users who are left.
        target = start // 2 ** (1 + int(5 * passed / seconds))
    why = progress.why if progress.phase is Phase.RAMPING_DOWN else why
    down = replace(progress, phase=Phase.RAMPING_DOWN, down_since=since, down_from=start, why=why)
    if look.percentage == target and target > 0:
        return Turn(down, Action.NONE, situation)
    return Turn(replace(down, intended=target), Action.LOWER, situation, target)


def _open(plan: Plan, step: Step, now: float) -> bool:
    moment = datetime.fromtimestamp(now, UTC)
    early = step.not_before is not None and moment < step.not_before
    return not early and (plan.hours is None or plan.hours.open_at(moment))


def _lacking(plan: Plan, progress: Progress, look: Look) -> str:
    """Why legacy could not take everybody back; "" if it could.

    It serves 100 - p per cent now, so all of it would be in_flight * 100 / (100 - p).
    """
    legacy, room = look.legacy, plan.headroom
    if legacy is None:
        return "its load is not known" if room.required else ""
    if not legacy.healthy:
        return "it is not healthy"
    served = 100 - progress.expected
    if served == 0:
        return ""
    whole = legacy.in_flight * 100 / served
    allowed = legacy.limit * (1.0 - room.spare)
    return "" if whole <= allowed else f"it would have {whole:.0f} requests in flight, of {legacy.limit} at most"


def _unapproved(plan: Plan, following: int, progress: Progress) -> bool:
    if following in progress.approved:
        return False
    return plan.steps[following].approval if following < len(plan.steps) else plan.retire_approval


def _question(plan: Plan, following: int) -> str:
    return f"to go to {plan.steps[following].percentage} %" if following < len(plan.steps) else "to retire legacy"
