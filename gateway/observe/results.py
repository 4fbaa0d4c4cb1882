"""Asks the database for finished pairs and for what each side made. Figures and shapes come out of it, no text of a
person does. Counterparts: `0092_compare.sql` of v2's migrations, gateway.observe.side_by_side.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.observe.errors import SourceRefused
from gateway.observe.side_by_side import Json, Observation, Report, observe
from gateway.observe.stored import iso

MAX_PAIRS: Final = 200
QUESTIONS: Final = 16
"""Half of them from either side."""
HITS: Final = 5
THRESHOLD: Final = 0.3
"""The monolith's own: a chunk that is less similar is no hit."""


class Functions(Protocol):
    """What is needed of gateway.observe.supabase."""

    async def call(self, function: str, arguments: Mapping[str, object]) -> object:
        """The result of a function that writes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Import:
    """One side of a pair: a user's import by the monolith, or with `run` a dry run. `job` is what its row says."""

    user: str
    job: Json
    run: str | None = None


async def compare_pairs(
    source: Functions, report: Report, since: float, *, user: str | None, limit: int, ignored: Collection[str] = ()
) -> None:
    """Add every finished pair since a moment (Unix time) to the report; three requests each.

    Raises SourceUnavailable or SourceRefused.
    """
    arguments = {"p_since": iso(since), "p_user": user, "p_limit": limit}
    for pair in await _listed(source, "banyan_compare_pairs", arguments):
        candidate, control = pair.get("candidate"), pair.get("control")
        if not isinstance(candidate, dict) or not isinstance(control, dict):
            report.leave_out("no import by the control")
        elif control.get("status") not in ("complete", "failed"):
            report.leave_out("the control is not over")
        elif pair.get("overtaken"):
            report.leave_out("the user was imported again")
        else:
            owner, run = str(pair["user_id"]), str(pair["run_id"])
            sides = Import(owner, control), Import(owner, candidate, run)
            report.compare(await compare_two(source, run, *sides, ignored))


async def compare_two(
    source: Functions, name: str, control: Import, candidate: Import, ignored: Collection[str] = ()
) -> Observation:
    """One pair: both sides, and the same questions to both."""
    asked = await _listed(
        source,
        "banyan_compare_search",
        {
            "p_control": control.user,
            "p_user": candidate.user if candidate.run is None else None,
            "p_run": candidate.run,
            "p_questions": QUESTIONS,
            "p_count": HITS,
            "p_threshold": THRESHOLD,
        },
    )
    one, other = await _made(source, control), await _made(source, candidate)
    return observe(name, (control.job, one), (candidate.job, other), asked, ignored)


async def _made(source: Functions, side: Import) -> Json:
    arguments = {"p_user": side.user if side.run is None else None, "p_run": side.run}
    made = await source.call("banyan_compare_result", arguments)
    if not isinstance(made, dict):
        raise SourceRefused("banyan_compare_result: the answer is no object")
    return made


async def _listed(source: Functions, function: str, arguments: Mapping[str, object]) -> Sequence[Json]:
    rows = await source.call(function, arguments)
    if not isinstance(rows, list):
        raise SourceRefused(f"{function}: the answer is no list")
    return [row for row in rows if isinstance(row, dict)]
