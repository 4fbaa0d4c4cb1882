"""Finished imports of both pipelines side by side: what they made, in figures and typed differences. Pure.

The control is the monolith's import, the candidate v2's dry run of the same export. Each side is known by figures and
shapes alone. What two imports of the control show against each other is noise. Counterparts: gateway.observe.results,
which asks for both sides; gateway.core.differences and gateway.core.noise.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Final

from gateway.core.differences import Difference, differences
from gateway.core.noise import MIN_RELATIVE, Comparisons, Finding

Json = Mapping[str, object]
TIERS: Final = ("micro", "medium", "macro")
SUCCEEDED: Final = frozenset({"complete", "degraded"})


class Better(StrEnum):
    """Which way a figure is better; a neutral one is shown and judges nothing."""

    MORE = "more"
    NEUTRAL = "neutral"


# Figure -> what it is, and which way it is better.
FIGURES: Final[Mapping[str, tuple[str, Better]]] = {
    "succeeded": ("imports that succeeded, share", Better.MORE),
    **{f"chunks_{tier}": (f"{tier} chunks", Better.NEUTRAL) for tier in TIERS},
    "conversations": ("conversations with a chunk", Better.MORE),
    "text_stored": ("text in medium chunks, share of the export's", Better.MORE),
    "embedded": ("chunks with a vector, share", Better.MORE),
    "texts_filled": ("profile texts that are filled", Better.MORE),
    "profile_characters": ("characters of the profile's texts", Better.NEUTRAL),
    "found": ("questions that found their conversation, share", Better.MORE),
    "found_others": ("the same of questions from the other side", Better.MORE),
    "first_others": ("the same, and as the first hit", Better.MORE),
    "nearest": ("similarity of the nearest hit", Better.NEUTRAL),
    "seconds": ("seconds", Better.NEUTRAL),
    "dollars": ("US dollars", Better.NEUTRAL),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One import: its figures by name (None where nobody knows), and the document whose differences are typed."""

    figures: Mapping[str, float | None]
    document: Json


@dataclass(frozen=True, slots=True)
class Observation:
    """A pair, compared. `shared` is the share of the conversations found by either side that both found."""

    name: str
    control: Side
    candidate: Side
    mismatches: Sequence[Difference]
    shared: float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over all pairs where both sides have it, means; `noise` is the control's mean distance to itself.

    `behind` says that the candidate is worse by more than noise and by more than 20 % of both together.
    """

    name: str
    control: float | None
    candidate: float | None
    noise: float | None
    behind: bool


@dataclass(slots=True)
class Report:
    """All pairs. `left_out` counts dry runs that no pair was made of, by reason."""

    observations: list[Observation] = field(default_factory=list)
    comparisons: Comparisons = field(default_factory=Comparisons)
    left_out: dict[str, int] = field(default_factory=dict)
    distances: dict[str, list[float]] = field(default_factory=dict)

    def compare(self, observation: Observation) -> None:
        """Add a pair of control and candidate."""
        self.observations.append(observation)
        self.comparisons.compare(observation.mismatches)

    def repeat(self, observation: Observation) -> None:
        """Add a pair of two imports by the control: noise."""
        self.comparisons.repeat(observation.mismatches)
        for name in FIGURES:
            one, other = observation.control.figures.get(name), observation.candidate.figures.get(name)
            if one is not None and other is not None:
                self.distances.setdefault(name, []).append(abs(one - other))

    def leave_out(self, reason: str) -> None:
        """Count a dry run that has no counterpart."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def figures(self) -> list[Figure]:
        """Every figure that either side has."""
        return [figure for name in FIGURES if (figure := self._figure(name)) is not None]

    def findings(self) -> list[Finding]:
        """Paths of typed differences, those that matter first."""
        return self.comparisons.findings()

    @property
    def behind(self) -> list[str]:
        """Figures in which the candidate is worse."""
        return [figure.name for figure in self.figures() if figure.behind]

    def _figure(self, name: str) -> Figure | None:
        sides = [(one.control.figures.get(name), one.candidate.figures.get(name)) for one in self.observations]
        both = [(control, candidate) for control, candidate in sides if control is not None and candidate is not None]
        if not both:
            alone = [candidate for _, candidate in sides if candidate is not None]
            return Figure(name, None, fmean(alone), None, behind=False) if alone else None
        control, candidate = fmean(one for one, _ in both), fmean(other for _, other in both)
        noise = fmean(self.distances[name]) if name in self.distances else None
        behind = FIGURES[name][1] is Better.MORE and is_behind(control, candidate, noise or 0.0)
        return Figure(name, control, candidate, noise, behind)


def is_behind(control: float, candidate: float, noise: float) -> bool:
    """Whether a figure of which more is better fell by more than noise, and by more than 20 % of both together."""
    loss = control - candidate
    return loss > noise and loss / (control + candidate) > MIN_RELATIVE


def observe(
    name: str,
    control: tuple[Json, Json],
    candidate: tuple[Json, Json],
    asked: Sequence[Json],
    ignored: Collection[str] = (),
) -> Observation:
    """Compare a pair. Each side is what its job says and what it made; `asked` are the questions put to both."""
    if control[0].get("status") in SUCCEEDED and candidate[0].get("status") in SUCCEEDED:
        characters = _number(_json(candidate[0].get("counts")).get("characters"))
        one, other = (
            _side(job, made, asked, which, characters)
            for (job, made), which in ((control, "control"), (candidate, "candidate"))
        )
    else:
        # What a failed import left behind is a matter of how it failed.
        asked = ()
        one, other = (Side(_outcome(job), {"status": job.get("status")}) for job in (control[0], candidate[0]))
    shared = [number for question in asked if (number := _number(question.get("shared"))) is not None]
    mismatches = differences(one.document, other.document, ignored)
    return Observation(name, one, other, mismatches, fmean(shared) if shared else None)


def _outcome(job: Json) -> dict[str, float | None]:
    return {
        "succeeded": 1.0 if job.get("status") in SUCCEEDED else 0.0,
        "seconds": _number(job.get("seconds")),
        "dollars": _number(job.get("dollars")),
    }


def _side(job: Json, made: Json, asked: Sequence[Json], which: str, characters: float | None) -> Side:
    tiers = {name: _json(tier) for name, tier in _json(made.get("tiers")).items()}
    chunks = sum(_number(tier.get("chunks")) or 0 for tier in tiers.values())
    embedded = sum(_number(tier.get("embedded")) or 0 for tier in tiers.values())
    texts = {name: _json(text) for name, text in _json(_json(made.get("profile")).get("texts")).items()}
    medium = _number(tiers.get("medium", {}).get("characters")) or 0.0
    hits = [_json(one.get(which)) for one in asked]
    others = [hit for one, hit in zip(asked, hits, strict=True) if one.get("origin") != which]
    figures = {
        **_outcome(job),
        **{f"chunks_{tier}": _number(tiers.get(tier, {}).get("chunks")) or 0.0 for tier in TIERS},
        "conversations": _number(made.get("conversations")),
        "text_stored": min(1.0, medium / characters) if characters else None,
        "embedded": embedded / chunks if chunks else None,
        "texts_filled": float(sum(text.get("filled") is True for text in texts.values())),
        "profile_characters": sum(_number(text.get("characters")) or 0.0 for text in texts.values()),
        "found": _share(hits),
        "found_others": _share(others),
        "first_others": sum(hit.get("rank") == 1 for hit in others) / len(others) if others else None,
        "nearest": fmean(_number(hit.get("nearest")) or 0.0 for hit in hits) if hits else None,
    }
    return Side(figures, _document(job, made, tiers, texts, chunks))


def _document(job: Json, made: Json, tiers: Mapping[str, Json], texts: Mapping[str, Json], chunks: float) -> Json:
    """What is compared place by place. Lengths of texts are figures; here they would differ in every pair."""
    profile = _json(made.get("profile"))
    plain = ("import_status", "embedding_status", "memory_status", "archetype", "soulprint")
    return {
        "status": job.get("status"),
        "tiers": {
            name: {
                "chunks": tier.get("chunks"),
                "all_embedded": tier.get("embedded") == tier.get("chunks"),
                "twice": tier.get("twice"),
            }
            for name, tier in tiers.items()
        },
        "conversations": made.get("conversations"),
        "profile": {
            **{name: profile.get(name) for name in plain},
            "counts_its_chunks": profile.get("total_chunks") == chunks,
            "texts": {name: {"headings": text.get("headings")} for name, text in texts.items() if text.get("filled")},
        },
    }


def _share(hits: Sequence[Json]) -> float | None:
    return sum(hit.get("found") is True for hit in hits) / len(hits) if hits else None


def _json(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
