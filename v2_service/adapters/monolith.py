"""Asks the monolith to import: one call, never repeated here. Counterpart: `jobs/hand_back.py` decides on more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import httpx

from v2_service.settings import Settings

PATH = "/process-full"
TOO_MANY = 429


class Heard(StrEnum):
    """What a call means. Only DOUBTFUL leaves open whether an import has begun."""

    STARTED = "started"
    NOT_REACHED = "not_reached"
    REFUSED = "refused"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Reply:
    """`job_id` is the monolith's own; it has none when its job row was refused. `reason` is for people."""

    heard: Heard
    job_id: str | None = None
    reason: str = ""


class Monolith:
    """POST {V2_HAND_BACK_URL}/process-full."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._url = settings.hand_back_url
        self._key = settings.hand_back_key
        self._timeout = settings.hand_back_timeout_seconds

    async def start(
        self, user_id: str, storage_path: str | None, conversations: int | None, messages: int | None
    ) -> Reply:
        """Ask once. Never raises."""
        body = {
            "user_id": user_id,
            "storage_path": storage_path,
            "conversation_count": conversations,
            "message_count": messages,
        }
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}
        try:
            answer = await self._client.post(f"{self._url}{PATH}", json=body, headers=headers, timeout=self._timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Reply(Heard.NOT_REACHED, reason="it cannot be reached")
        except httpx.HTTPError as error:
            return Reply(Heard.DOUBTFUL, reason=f"it did not answer ({type(error).__name__})")
        return heard(answer)


def heard(answer: httpx.Response) -> Reply:
    """What an answer means: a 5xx may come after the import's row was made, a 4xx comes before."""
    reason = f"it answered {answer.status_code}"
    if answer.status_code == TOO_MANY:
        return Reply(Heard.NOT_REACHED, reason=reason)
    if answer.is_client_error or answer.is_redirect:
        return Reply(Heard.REFUSED, reason=reason)
    if not answer.is_success:
        return Reply(Heard.DOUBTFUL, reason=reason)
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("status") != "processing":
        return Reply(Heard.DOUBTFUL, reason="its answer is not the monolith's")
    job = said.get("job_id")
    return Reply(Heard.STARTED, job if isinstance(job, str) else None)
