"""What changes are asked for with, over the ops API, and by whom. Counterpart: `api` and `guard_api`."""

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.core.stages import Stage
from gateway.ops.controls import DEFAULT_FLAG
from gateway.ops.rollback import Mode

Why = Annotated[str, Field(max_length=500, description="why; goes into the journal")]
Who = Annotated[str | None, Field(min_length=1, max_length=200, description="who; goes into the journal")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PercentageBody(_Body):
    """A new percentage; with `expected_generation` only if nobody changed the flags in between."""

    percentage: int
    why: Why = ""
    who: Who = None
    expected_generation: int | None = None


class StageBody(_Body):
    """A new stage."""

    stage: Stage = Field(strict=False, description="off, shadow, ramp, reverse-shadow or complete")
    why: Why = ""
    who: Who = None


class SwitchBody(_Body):
    """Why the kill is engaged or ended, or the guard is given an order."""

    why: Why = ""
    who: Who = None


class RollbackBody(_Body):
    """What becomes of running v2 jobs."""

    mode: Mode = Field(Mode.DRAIN, strict=False, description="drain: they run to their end; hard: they are cancelled")
    hand_back: bool = Field(False, description="they are given to legacy instead")
    why: Why = ""
    who: Who = None


class ExplainBody(_Body):
    """Any id at all, also one that does not fit into a path or should not be in an access log."""

    user_id: Annotated[str, Field(max_length=10_000)]
    flag: str = DEFAULT_FLAG


def claimed_by(claimed: str | None, request: Request) -> str:
    """One token is shared by all, so a name is a claim; the address beside it is not."""
    address = request.client.host if request.client else "unknown"
    return f"{claimed or 'somebody'} (ops API, {address})"
