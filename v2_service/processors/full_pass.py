"""The whole pipeline as data: which steps, in which order, and what proves that a run is complete.

Theory of operation. A run does the steps of `STEPS` in order. The first ones give every person chunks, embeddings and a
quick profile; those marked `full` follow only from 50 conversations on (S-28), because less has nothing to summarise.
Nothing is called complete because the last step was reached: `prove` looks at what is really stored (L-02, L-61).
Counterpart: jobs/ executes the steps; each is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from v2_service.contract import Chunk, Tier


class Step(StrEnum):
    """The steps of a run; the value is what `current step` shows."""

    DOWNLOAD = "download"
    QUICK_PROFILE = "quick_pass"
    CHUNK = "chunk"
    EMBED = "embed"
    SWITCH = "switch"
    EXTRACT = "extract"
    CONSOLIDATE = "consolidate"
    REDUCE = "reduce"
    MEMORY = "memory"
    SAVE_MEMORY = "save_memory"
    SECTIONS = "sections"
    SAVE_SECTIONS = "save_sections"
    PROVE = "prove"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class StepInfo:
    """`progress` is the percentage once the step is done; `full` steps belong to the full pass only."""

    step: Step
    progress: int
    label: str
    full: bool = False


STEPS: tuple[StepInfo, ...] = (
    StepInfo(Step.DOWNLOAD, 5, "Fetching your export"),
    StepInfo(Step.QUICK_PROFILE, 15, "Getting a first impression"),
    StepInfo(Step.CHUNK, 25, "Reading your conversations"),
    StepInfo(Step.EMBED, 45, "Making them searchable"),
    StepInfo(Step.SWITCH, 48, "Switching to the new memory"),
    StepInfo(Step.EXTRACT, 80, "Finding what matters to you", full=True),
    StepInfo(Step.CONSOLIDATE, 82, "Putting facts together", full=True),
    StepInfo(Step.REDUCE, 85, "Keeping the essential", full=True),
    StepInfo(Step.MEMORY, 89, "Writing your memory", full=True),
    StepInfo(Step.SAVE_MEMORY, 90, "Saving your memory", full=True),
    StepInfo(Step.SECTIONS, 95, "Refining your profile", full=True),
    StepInfo(Step.SAVE_SECTIONS, 96, "Saving your profile", full=True),
    StepInfo(Step.PROVE, 99, "Checking the result"),
    StepInfo(Step.CALLBACK, 100, "Done"),
)
_INFO = {info.step: info for info in STEPS}


@dataclass(frozen=True, slots=True)
class FullPassSettings:
    """Thresholds. Coverage is the share of active-path text that reached the model with a usable answer, 0 to 1."""

    min_conversations: int = 50
    complete_coverage: float = 0.95
    failed_coverage: float = 0.5


class RunOutcome(StrEnum):
    """How a run ended: all proven; usable but less than asked for; or not usable."""

    COMPLETE = "complete"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was counted in the stores after the last write, never what the steps believe they wrote."""

    full: bool
    chunks_made: int
    chunks_stored: int
    chunks_embedded: int
    profile_saved: bool
    characters_total: int
    characters_read: int = 0
    memory_fallback: bool = False
    sections_regenerated: bool = False

    @property
    def coverage(self) -> float:
        """Share of the text that reached the model, 0 to 1."""
        return self.characters_read / self.characters_total if self.characters_total else 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, the rule that decided it, and every finding in plain words."""

    outcome: RunOutcome
    rule: str
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """All findings in one line; empty for a complete run."""
        return "; ".join(self.reasons)


def wants_full_pass(conversations: int, settings: FullPassSettings) -> bool:
    """Whether an export is large enough for the full pass."""
    return conversations >= settings.min_conversations


def plan_steps(*, full: bool) -> tuple[Step, ...]:
    """The steps of a run in order."""
    return tuple(info.step for info in STEPS if full or not info.full)


def next_step(done: Collection[Step], *, full: bool) -> Step | None:
    """The first step that is not done; None at the end."""
    return next((step for step in plan_steps(full=full) if step not in done), None)


def progress_after(step: Step) -> int:
    """Percentage once `step` is done; it only grows along `STEPS` (L-31)."""
    return _INFO[step].progress


def progress_within(step: Step, done: int, total: int) -> int:
    """Percentage while `step` has done `done` of `total` equal parts."""
    at = list(_INFO).index(step)
    before = STEPS[at - 1].progress if at else 0
    share = min(max(done, 0), total) / total if total > 0 else 1.0
    return before + int((_INFO[step].progress - before) * share)


def label_of(step: Step) -> str:
    """What a person reads while `step` runs."""
    return _INFO[step].label


def characters_read(answered: Iterable[Chunk]) -> int:
    """Characters of active-path text in the chunks that got a usable answer: the numerator of coverage."""
    return sum(chunk.new_characters for chunk in answered if chunk.tier is Tier.MEDIUM)


def prove(evidence: Evidence, settings: FullPassSettings) -> Verdict:
    """Judge a run by its evidence. The gravest finding decides; all are listed."""
    findings = [*_failures(evidence, settings), *_degradations(evidence, settings)]
    if not findings:
        return Verdict(RunOutcome.COMPLETE, "all_proven", ())
    outcome, rule, _ = findings[0]
    return Verdict(outcome, rule, tuple(reason for _, _, reason in findings))


Finding = tuple[RunOutcome, str, str]


def _failures(evidence: Evidence, settings: FullPassSettings) -> list[Finding]:
    e = evidence
    checks = (
        (e.chunks_made == 0, "no_chunks", "the export gave no text to search"),
        (
            e.chunks_stored != e.chunks_made,
            "chunks_missing",
            f"{e.chunks_stored} of {e.chunks_made} pieces of text are stored",
        ),
        (
            e.chunks_embedded == 0 < e.chunks_stored,
            "nothing_embedded",
            "none of the stored text is searchable by meaning",
        ),
        (not e.profile_saved, "profile_not_saved", "the profile in the database is not the one that was written"),
        (
            e.full and e.coverage < settings.failed_coverage,
            "coverage_too_low",
            f"only {e.coverage:.0%} of the text could be read by the model",
        ),
    )
    return [(RunOutcome.FAILED, rule, reason) for broken, rule, reason in checks if broken]


def _degradations(evidence: Evidence, settings: FullPassSettings) -> list[Finding]:
    e = evidence
    low = settings.failed_coverage <= e.coverage < settings.complete_coverage
    checks = (
        (
            0 < e.chunks_embedded < e.chunks_stored,
            "embeddings_missing",
            f"{e.chunks_embedded} of {e.chunks_stored} stored pieces are searchable by meaning",
        ),
        (e.full and low, "coverage_low", f"{e.coverage:.0%} of the text was read by the model"),
        (e.full and e.memory_fallback, "memory_fallback", "the memory lists facts without a summary"),
        (
            e.full and not e.sections_regenerated,
            "sections_not_regenerated",
            "the profile is the first impression: its refinement failed",
        ),
    )
    return [(RunOutcome.DEGRADED, rule, reason) for broken, rule, reason in checks if broken]
