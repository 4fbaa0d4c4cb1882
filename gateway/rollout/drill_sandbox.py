"""The sandbox's control plane as a drill uses it: break v2's own database functions, make people, prove what it is.

Counterpart: `sandbox.control` and the sandbox's accounts and Storage, over HTTP: nothing of it is imported.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx

from gateway.ops.access import is_loopback
from gateway.rollout.errors import DrillRefusedError

BUCKET: Final = "user-imports"
PATIENCE: Final = 15.0
LOOK_EVERY: Final = 0.2
WELL: Final = "ok"
NO_DATABASE: Final = {"rest": {"error_rate": 1, "error_status": 503}}

Json = Mapping[str, object]


class SandboxDesk:
    """One sandbox, with the public port and the ops port of the gateway before it. Raises DrillRefusedError."""

    def __init__(self, sandbox: str, public: str, ops: httpx.AsyncClient) -> None:
        for address in (sandbox, public, str(ops.base_url)):
            if not is_loopback(httpx.URL(address).host):
                raise DrillRefusedError(f"{address} is not on this machine: a drill is for a sandbox alone")
        self._sandbox = httpx.AsyncClient(base_url=sandbox, trust_env=False, timeout=30)
        self.public = httpx.AsyncClient(base_url=public, trust_env=False, timeout=60)
        self._ops = ops
        self._key = ""
        self._before: Json | None = None

    async def open(self) -> None:
        """Prove that this is a sandbox, and that legacy and v2 behind the gateway live on it."""
        self._before = await self._told("/_sandbox/faults")
        environment = await self._told("/_sandbox/environment")
        self._key = str(environment.get("SUPABASE_SERVICE_KEY", ""))
        if await self._legacy() != WELL:
            raise DrillRefusedError("legacy does not find its database even now")
        if await self._v2() is not None:
            raise DrillRefusedError("the gateway does not hear from v2 which jobs run: is v2 up?")
        await self.set_faults(NO_DATABASE)
        try:
            await _until(self._legacy, lambda told: told != WELL, "the gateway's legacy does not live on this sandbox")
            await _until(self._v2, lambda error: error is not None, "the gateway's v2 does not live on this sandbox")
        finally:
            await self.heal()
        await _until(self._legacy, lambda told: told == WELL, "legacy did not come back after the proof")
        await _until(self._v2, lambda error: error is None, "v2 did not come back after the proof")

    async def close(self) -> None:
        """As it was before, and hang up."""
        try:
            if self._before is not None:
                await self.set_faults(self._before)
        finally:
            await self._sandbox.aclose()
            await self.public.aclose()

    async def heal(self) -> None:
        """The faults that were in force before."""
        await self.set_faults(self._before or {})

    async def set_faults(self, faults: Json) -> None:
        """Replace all faults."""
        (await self._sandbox.put("/_sandbox/faults", json=dict(faults))).raise_for_status()

    async def make_user(self, user: str, export: bytes) -> str:
        """An account with an uploaded export; returns its storage path."""
        headers = {"apikey": self._key, "authorization": f"Bearer {self._key}", "content-type": "application/json"}
        account = {"id": user, "email": f"{user}@example.test"}
        (await self._sandbox.post("/auth/v1/admin/users", json=account, headers=headers)).raise_for_status()
        path = f"{BUCKET}/{user}/drill.json"
        stored = await self._sandbox.post(f"/storage/v1/object/{path}", content=export, headers=headers)
        stored.raise_for_status()
        return path

    async def remove_user(self, user: str) -> None:
        """The account and all rows that hang on it."""
        headers = {"apikey": self._key, "authorization": f"Bearer {self._key}"}
        await self._sandbox.delete(f"/auth/v1/admin/users/{user}", headers=headers)

    async def until_idle(self, seconds: float) -> None:
        """Wait until v2 runs no job any more, so long at most."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            jobs = (await self._ops.get("/ops/status")).raise_for_status().json().get("jobs")
            if isinstance(jobs, dict) and jobs.get("v2") == 0:
                return
            await asyncio.sleep(1.0)

    async def _told(self, path: str) -> Json:
        try:
            answer = await self._sandbox.get(path)
            content = answer.json() if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise DrillRefusedError(f"{self._sandbox.base_url} is no sandbox: it has no control plane ({path})")
        return content

    async def _legacy(self) -> object:
        """How legacy finds its database."""
        answer = await self.public.get("/health-deep")
        return answer.json()["checks"]["db_connection"]["status"] if answer.status_code == httpx.codes.OK else None

    async def _v2(self) -> object:
        """Why v2 does not tell the gateway which jobs run; None if it does, for which it reads the database."""
        answer = (await self._ops.get("/ops/status")).raise_for_status().json()
        jobs = answer.get("jobs")
        return jobs.get("error") if isinstance(jobs, dict) else "nobody asks"


async def _until(ask: Callable[[], Awaitable[object]], holds: Callable[[object], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds(await ask()):
        if time.monotonic() > deadline:
            raise DrillRefusedError(otherwise)
        await asyncio.sleep(LOOK_EVERY)
