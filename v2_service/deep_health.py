"""/health-deep: asks everybody that an import needs, each within a few seconds, and audits the schema (S-60, S-80).

Nothing asked here is paid for, and nobody is told anything: who has no free question is only connected to.
Counterpart: `health.py` looks at this process alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from v2_service.adapters.embeddings import DIMENSIONS
from v2_service.contract import JsonValue
from v2_service.errors import ServiceFailed, StoreRefused
from v2_service.jobs.services import Services
from v2_service.observe import say
from v2_service.schema_audit import problems

SECONDS = 5.0
PORTS = {"http": 80, "https": 443}
OK = "ok"
REACHABLE = "reachable; it has no free question"
UNSET = "not set"
WELL = (OK, REACHABLE, UNSET)


async def examine(services: Services) -> tuple[bool, dict[str, JsonValue]]:
    """Whether all is well, and each part's finding: "ok", or what is wrong with it."""
    asked: Mapping[str, Callable[[], Awaitable[JsonValue]]] = {
        "database": lambda: _database(services),
        "schema": lambda: _schema(services),
        "storage": lambda: _storage(services),
        "model": lambda: _model(services),
        "embeddings": lambda: _reachable(_bedrock(services)),
        "web_app": lambda: _reachable(services.settings.web_app_url),
        "monolith": lambda: _reachable(services.settings.hand_back_url),
    }
    found = await asyncio.gather(*(_within(part) for part in asked.values()))
    parts: dict[str, JsonValue] = dict(zip(asked, found, strict=True))
    return all(part in WELL for part in parts.values()), parts


async def look_round(services: Services) -> None:
    """Once, at the start: a target that is not there is told in the log and in the metrics, not by work that vanishes.

    The service goes on: what is away now may be back before the first import (L-08).
    """
    _, parts = await examine(services)
    for name, finding in parts.items():
        services.process.dependency_up.labels(name).set(finding in WELL)
        if finding not in WELL:
            say("a dependency is missing", {"dependency": name, "finding": finding}, logging.WARNING)


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
        return await _reachable(_bedrock(services))
    await services.models.known()
    return OK


def _bedrock(services: Services) -> str:
    settings = services.settings
    return settings.bedrock_endpoint or f"https://bedrock-runtime.{settings.aws_region}.amazonaws.com"


async def _reachable(url: str | None) -> JsonValue:
    """Whether somebody takes a connection there."""
    if url is None:
        return UNSET
    parts = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or PORTS[parts.scheme])
    except OSError as error:
        return f"{parts.hostname} cannot be reached ({type(error).__name__})"
    writer.close()
    return REACHABLE
