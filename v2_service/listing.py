"""Pages of jobs, newest first, under a cursor that new jobs do not shift: pure. Counterpart: `adapters/job_list.py`."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from v2_service.adapters.runs import ACTIVE
from v2_service.errors import CursorInvalid
from v2_service.processors import Step, label_of

MOST = 500
WAITING = "Waiting"


class Wanted(StrEnum):
    """Which jobs a page shows. `running` is every job that is not over, waiting and handed-over-soon ones included."""

    ALL = "all"
    RUNNING = "running"
    COMPLETE = "complete"
    DEGRADED = "degraded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"


ENDED_STATUSES = ("complete", "degraded", "failed", "cancelled", "handed_back")


def statuses(wanted: Wanted) -> tuple[str, ...]:
    """Statuses of the runs that are wanted."""
    if wanted is Wanted.ALL:
        return (*ACTIVE, *ENDED_STATUSES)
    return ACTIVE if wanted is Wanted.RUNNING else (str(wanted),)


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the order: what comes after it is older."""

    created_at: datetime
    job_id: str

    def cursor(self) -> str:
        """The place as text for a URL."""
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()}|{self.job_id}".encode()).decode().rstrip("=")


def place(cursor: str) -> Place:
    """The place that a cursor names. Raises CursorInvalid."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        moment, _, job = text.partition("|")
        created_at = datetime.fromisoformat(moment)
        found = Place(created_at, str(uuid.UUID(job)))
    except (ValueError, binascii.Error):
        raise CursorInvalid("`after` must be the `next` of an earlier page.") from None
    if created_at.tzinfo is None:
        raise CursorInvalid("`after` must be the `next` of an earlier page.")
    return found


def stage_of(status: str, step: str) -> str:
    """What a person reads of a job: the label of its step, or that it waits."""
    known = {str(one): one for one in Step}
    if status == "handing_back":
        return "Going back to the former service"
    return label_of(known[step]) if step in known else WAITING
