"""The shapes of requests and answers, as OpenAPI shows them. Counterparts: `api.py`, `overview.py`, `operations.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal  # FastAPI's own type of described answers

from fastapi import Header, Path, Query
from pydantic import BaseModel, Field

UUID_TEXT = {"format": "uuid"}
# Shown only: what breaks the form is refused where it is used, with the monolith's status.
KEY_FORM = {"pattern": "^[!-~]{1,255}$"}

JobId = Annotated[str, Path(json_schema_extra=UUID_TEXT)]
UserId = Annotated[str, Path(json_schema_extra=UUID_TEXT)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", json_schema_extra=KEY_FORM)]
AskedKey = Annotated[str, Query(max_length=255, json_schema_extra=KEY_FORM)]
Cohort = Annotated[str | None, Header(alias="X-Gateway-Cohort")]
Shadow = Annotated[str | None, Header(alias="X-Shadow", json_schema_extra={"pattern": "^1$"})]
# What the runs' table can hold; v1 takes negative counts too.
Count = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class Problem(BaseModel):
    """What went wrong, for people; and for programs a `code`, where one status has several causes."""

    detail: str
    code: str | None = None
    bound: str | None = Field(default=None, description="with the code shadow_refused: what keeps a dry run out")


REASONS = {
    400: "Something in the request has a form that cannot be",
    401: "A service key is needed",
    404: "There is no such job or user",
    409: "The state of things forbids it; `code` says which",
    413: "The body is too large",
    503: "Somebody that this needs is away, or with a `code` a bound is reached; try again",
}


STREAM = {"description": "Server-sent events", "content": {"text/event-stream": {}}}
TEXT = {"description": "Prometheus text", "content": {"text/plain": {}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that a route may give beside its own: those named, 401 and 503."""
    return {status: {"model": Problem, "description": REASONS[status]} for status in sorted({*statuses, 401, 503})}


class ProcessFullRequest(BaseModel):
    """Body of the import. Unknown fields are ignored, numbers may be text, as in v1."""

    user_id: Annotated[str, Field(json_schema_extra=UUID_TEXT)]
    storage_path: str | None = None
    conversation_count: Count | None = None
    message_count: Count | None = None
    conversations: list[dict[str, object]] | None = None


class ProcessFullAnswer(BaseModel):
    """v1's five fields, and which pipeline does it: legacy when the monolith is importing for this user already."""

    status: str = "processing"
    message: str
    user_id: str
    conversation_count: int | None
    job_id: str
    version: str = "v2"
    pipeline: str = "v2"


class ShadowAnswer(ProcessFullAnswer):
    """The same of a dry run, whose job writes nothing that the user could see."""

    shadow: Literal[True] = True


class HandBackAnswer(BaseModel):
    """`status` is handing_back until the monolith has the import, then handed_back, or failed when it would not."""

    job_id: str
    status: str
    message: str
    legacy_job_id: str | None


class JobLine(BaseModel):
    """One job of a list. `status` is accepted, running or handing_back while it is not over."""

    job_id: str
    user_id: str
    status: str
    stage: str
    progress_percent: int
    started_at: datetime | None
    updated_at: datetime


class JobPage(BaseModel):
    """Jobs, the cursor of the page after them, and how many jobs of everybody are not over."""

    jobs: list[JobLine]
    next: str | None
    running: int
