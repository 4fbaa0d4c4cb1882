"""What keeps a configuration from working, all at once, before anybody imports. Counterpart: the command `v2 check`."""

from __future__ import annotations

from v2_service.access import exposed
from v2_service.deep_health import WELL, examine
from v2_service.health import import_problems
from v2_service.jobs.services import open_services
from v2_service.settings import Settings

MIGRATE = "have the migrations been applied (`v2 migrate --print`)?"


async def everything_wrong(settings: Settings | None) -> list[str]:
    """One line per problem beside the settings' own; without settings only this checkout can be looked at."""
    lines = [f"{name}: {state}" for name, state in import_problems().items() if state != "ok"]
    if settings is None:
        return lines
    problem = exposed(settings)
    lines += [problem] if problem else []
    async with open_services(settings) as services:
        _, parts = await examine(services)
    for name, finding in parts.items():
        if finding in WELL:
            continue
        found = finding if isinstance(finding, list) else [finding]
        lines += [f"{name}: {one}" for one in found]
    if parts["schema"] not in WELL:
        lines.append(MIGRATE)
    return lines
