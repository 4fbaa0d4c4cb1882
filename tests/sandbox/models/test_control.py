"""The models' control routes."""

from __future__ import annotations

import httpx

from tests.sandbox.models.conftest import CLAUDE, Models


async def test_settings_can_be_read_and_replaced_and_counters_forgotten(models: Models) -> None:
    async with httpx.AsyncClient(base_url=models.url, headers={"x-api-key": "any"}, trust_env=False) as client:
        assert (await client.get("/_sandbox/models/settings")).json()["batch_seconds"] == 0
        replaced = await client.put("/_sandbox/models/settings", json={"batch_seconds": 2.5})
        assert replaced.json()["batch_seconds"] == 2.5
        assert models.desk.settings.batch_seconds == 2.5
        assert (await client.put("/_sandbox/models/settings", json={"colour": 1})).status_code == 422
        asked = {"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        await client.post("/v1/messages", json=asked)
        assert (await client.get("/_sandbox/models")).json()["models"][CLAUDE]["requests"] == 1
        assert (await client.post("/_sandbox/models/reset")).json() == {"models": {}, "batches": 0}
