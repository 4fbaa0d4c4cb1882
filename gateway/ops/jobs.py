"""v2's jobs as ops see them: which run, and how one of them is stopped. Counterpart: v2's `/jobs`.

The standard library alone: the supervisor asks once a second, and carries no more for it than it must.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from gateway.core.pins import MAX_PINS
from gateway.ops.errors import JobsUnavailableError
from gateway.proxy.question import Answer, Questions, Unanswered

PAGE = 500
"""Jobs asked for at a time, the most that v2 gives."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """One job that is not over. `user_id` is exactly what the import was asked for with."""

    job_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Jobs that are not over, newest first. `running` counts all of them; `jobs` holds at most MAX_PINS."""

    jobs: tuple[RunningJob, ...]
    running: int


class Ended(StrEnum):
    """What became of the wish to end a job. The values are those of reports."""

    CANCELLED = "cancelled"
    HANDED_BACK = "handed-back"
    OVER = "over"  # it had ended by itself
    FAILED = "failed"


class V2Jobs:
    """v2's jobs over HTTP. Methods raise JobsUnavailableError if v2 is away or does not know such questions."""

    def __init__(self, questions: Callable[[], Questions]) -> None:
        """`questions` is asked each time, because the key may change while the gateway runs."""
        self._questions = questions

    async def listing(self) -> Listing:
        """All jobs that are not over, page by page."""
        found: list[RunningJob] = []
        more = ""
        while True:
            jobs, after, running = _page(await self._get(f"status=running&limit={PAGE}{more}"))
            found += jobs
            if after is None or len(found) >= MAX_PINS:
                return Listing(tuple(found[:MAX_PINS]), running)
            if not jobs:
                raise JobsUnavailableError("v2's list of jobs does not end")
            more = f"&after={quote(after, safe='')}"

    async def running(self) -> int:
        """How many jobs are not over."""
        return _page(await self._get("status=running&limit=1"))[2]

    async def runs_for(self, user_id: str) -> bool:
        """Whether a job of this user is not over. An id that v2 could not have is False."""
        answer = await self._ask("GET", f"/jobs?status=running&limit=1&user_id={quote(user_id, safe='')}")
        return bool(_page(answer)[0]) if answer.status not in (400, 422) else False

    async def cancel(self, job_id: str) -> tuple[Ended, str]:
        """Stop a job between two steps; what became of it, and why not."""
        answer = await self._ask("POST", f"/jobs/{quote(job_id, safe='')}/cancel")
        content = _content(answer)
        if answer.status != 200:
            return Ended.FAILED, _why(answer, content)
        return (Ended.CANCELLED if content.get("status") == "cancelled" else Ended.OVER), ""

    async def hand_back(self, job_id: str) -> tuple[Ended, str]:
        """Have v2 stop a job and give it to legacy, once; what became of the wish, and why not."""
        answer = await self._ask("POST", f"/jobs/{quote(job_id, safe='')}/hand-back")
        content = _content(answer)
        if answer.status in (200, 202) and content.get("status") != "failed":
            return Ended.HANDED_BACK, ""
        if answer.status == 409 and content.get("code") == "already_over":
            return Ended.OVER, ""
        return Ended.FAILED, _why(answer, content)

    async def _get(self, query: str) -> Answer:
        answer = await self._ask("GET", f"/jobs?{query}")
        if answer.status in (401, 403):
            raise JobsUnavailableError("v2 refuses the gateway's key (GATEWAY_V2_KEY)")
        if answer.status != 200:
            raise JobsUnavailableError(f"v2 answered {answer.status} when asked for its jobs")
        return answer

    async def _ask(self, method: str, target: str) -> Answer:
        try:
            return await self._questions().ask(method, target, b"" if method == "POST" else None)
        except Unanswered as error:
            raise JobsUnavailableError(f"v2 {error}") from error


def _page(answer: Answer) -> tuple[list[RunningJob], str | None, int]:
    """Jobs, cursor of the next page, and how many run in all."""
    content = _content(answer)
    jobs, after, running = content.get("jobs"), content.get("next"), content.get("running")
    if not isinstance(jobs, list) or not isinstance(after, str | None) or not isinstance(running, int):
        raise JobsUnavailableError("v2 does not list its jobs")
    try:
        return [RunningJob(str(job["job_id"]), str(job["user_id"])) for job in jobs], after, running
    except (KeyError, TypeError) as error:
        raise JobsUnavailableError("v2 lists something that is no job") from error


def _content(answer: Answer) -> dict[str, object]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _why(answer: Answer, content: dict[str, object]) -> str:
    return str(content.get("detail") or content.get("message") or f"v2 answered {answer.status}")[:300]
