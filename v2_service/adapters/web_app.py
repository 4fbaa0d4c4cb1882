"""The web app's completion callback. Counterpart: `contract.Notifier`; its receiver sends an e-mail on every call."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import CallbackFailed
from v2_service.settings import Settings

TIMEOUT_SECONDS = 30.0
PATH = "/api/import/complete"
# Only a call that cannot have arrived is made again.
ATTEMPTS = 3


class WebApp:
    """POST {VERCEL_API_URL}/api/import/complete with a bearer key (S-29, S-42)."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._url = settings.web_app_url
        self._key = settings.web_app_key

    async def import_complete(self, user_id: str, run_id: str, seconds: float) -> Mapping[str, JsonValue]:
        """Say that the user's import is complete; {} when no web app is configured. Raises CallbackFailed."""
        if self._url is None:
            return {}
        body: JsonObject = {
            "user_id": user_id,
            "soulprint_ready": True,
            "memory_building": False,
            "processing_time": seconds,
            "status": "complete",
            "run_id": run_id,
        }
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}
        answer = await self._post(body, headers)
        if not answer.is_success:
            raise CallbackFailed(f"The web app answered {answer.status_code}.")
        try:
            said = answer.json()
        except ValueError:
            said = None
        return said if isinstance(said, dict) else {}

    async def _post(self, body: JsonObject, headers: Mapping[str, str]) -> httpx.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._client.post(f"{self._url}{PATH}", json=body, headers=dict(headers))
            except httpx.ConnectError as error:
                if attempt == ATTEMPTS:
                    raise CallbackFailed("The web app cannot be reached.") from error
            except httpx.HTTPError as error:
                raise CallbackFailed(f"The web app did not answer ({type(error).__name__}).") from error
        raise CallbackFailed("The web app cannot be reached.")


def new_web_client() -> httpx.AsyncClient:
    """A client without our database key."""
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
