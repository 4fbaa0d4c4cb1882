"""The stages of a migration and the legal moves between them. Pure.

    off -> shadow -> ramp -> reverse-shadow -> complete          one step forward or back; from everywhere to off

off             nobody is served by v2
shadow          nobody is served by v2; v2 may be given copies of what legacy answers
ramp            the flag decides: its lists and its percentage; copies as in shadow
reverse-shadow  the flag decides, at 100 %; on routes declared safe legacy may be given copies of what v2 answers too.
                Never of flagged requests: legacy has no dry run, so a copy would import the user once more
complete        the flag decides, at 100 %; no copies: legacy can be switched off

A stage only takes away: at 0 % nobody is on v2 in any stage, so `rollout set FLAG 0` is a rollback whatever the stage.
A flag without a stage is treated as in `ramp`; one whose stage is not one of these is treated as `off`. Counterparts:
`decide`, `shadowing` and `rollout stage`.
"""

from enum import StrEnum


class Stage(StrEnum):
    """How far the migration is. The values are stored with the flag."""

    OFF = "off"
    SHADOW = "shadow"
    RAMP = "ramp"
    REVERSE_SHADOW = "reverse-shadow"
    COMPLETE = "complete"


MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.OFF: frozenset({Stage.SHADOW}),
    Stage.SHADOW: frozenset({Stage.OFF, Stage.RAMP}),
    Stage.RAMP: frozenset({Stage.OFF, Stage.SHADOW, Stage.REVERSE_SHADOW}),
    Stage.REVERSE_SHADOW: frozenset({Stage.OFF, Stage.RAMP, Stage.COMPLETE}),
    Stage.COMPLETE: frozenset({Stage.OFF, Stage.REVERSE_SHADOW}),
}

SERVING = frozenset({Stage.RAMP, Stage.REVERSE_SHADOW, Stage.COMPLETE})
"""Stages in which v2 may answer."""

COPIED: dict[Stage, frozenset[str]] = {
    Stage.OFF: frozenset(),
    Stage.SHADOW: frozenset({"legacy"}),
    Stage.RAMP: frozenset({"legacy"}),
    Stage.REVERSE_SHADOW: frozenset({"legacy", "v2"}),
    Stage.COMPLETE: frozenset(),
}
"""Whose answers may be followed by a copy of the request to the other backend."""

NEEDS_EVERYBODY = frozenset({Stage.REVERSE_SHADOW, Stage.COMPLETE})
"""Stages that can be entered at 100 % only."""


def stage_of(text: str | None) -> Stage:
    """The stage that a flag's stored text means."""
    if text is None:
        return Stage.RAMP
    try:
        return Stage(text)
    except ValueError:
        return Stage.OFF


def objection(text: str | None, to: Stage, percentage: int | None) -> str | None:
    """Why a flag whose stored stage is `text` must not move to `to` now; None if it may.

    Writing down the stage that a flag without one is in already is no move.
    """
    now = stage_of(text)
    if to is now and text is None:
        return None
    if to is now:
        return f"the flag is in stage {now} already"
    if to not in MOVES[now]:
        legal = ", ".join(stage for stage in Stage if stage in MOVES[now])
        return f"from stage {now} the flag can move to {legal}, not to {to}"
    if to in NEEDS_EVERYBODY and percentage != 100:
        return f"stage {to} begins at 100 %, not at {percentage} %"
    return None
