"""/health-deep: asks everybody that an import needs, each within a few seconds, and audits the schema (S-60, S-80).

Nothing asked here is paid for. Counterpart: `health.py` looks at this process alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from v2_service.adapters.embeddings import DIMENSIONS
from v2_service.contract import JsonValue
from v2_service.errors import ServiceFailed, StoreRefused
from v2_service.jobs.services import Services
from v2_service.schema_audit import problems

SECONDS = 5.0
OK = "ok"
NOT_ASKED = "not asked: it has no free question"


async def examine(services: Services) -> tuple[bool, dict[str, JsonValue]]:
    """Whether all is well, and each part's finding: "ok", or what is wrong with it."""
    asked: Mapping[str, Callable[[], Awaitable[JsonValue]]] = {
        "database": lambda: _database(services),
        "schema": lambda: _schema(services),
        "storage": lambda: _storage(services),
        "model": lambda: _model(services),
    }
    found = await asyncio.gather(*(_within(part) for part in asked.values()))
    parts: dict[str, JsonValue] = dict(zip(asked, found, strict=True))
    healthy = all(part in (OK, NOT_ASKED) for part in parts.values())
    return healthy, {**parts, "embeddings": NOT_ASKED}


async def _within(part: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    try:
        async with asyncio.timeout(SECONDS):
            return await part()
    except TimeoutError:
        return f"no answer within {SECONDS:.0f} s"
    except ServiceFailed as error:
        return error.sentence


async def _database(services: Services) -> JsonValue:
    await services.rest.select("pipeline_runs", {"select": "id", "limit": "1"})
    return OK


async def _schema(services: Services) -> JsonValue:
    found = await services.rest.call("v2_schema", {})
    if not isinstance(found, dict):
        raise StoreRefused("The database told no schema.")
    lines: list[JsonValue] = list(problems(found, DIMENSIONS))
    return lines or OK


async def _storage(services: Services) -> JsonValue:
    bucket = services.settings.buckets[0]
    return OK if await services.storage.bucket_exists(bucket) else f"the bucket {bucket} is missing"


async def _model(services: Services) -> JsonValue:
    if services.settings.use_bedrock:
        return NOT_ASKED
    await services.models.known()
    return OK
