"""The services of an import, exchanged for those of a dry run: the same steps, and other places for what they write.

Counterparts: `adapters/shadow.py` is the door to the shadow area; `v2_service/shadow.py` decides what is let in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from v2_service.adapters.chunks import Chunks
from v2_service.adapters.costs import Costs
from v2_service.adapters.hand_backs import HandBacks
from v2_service.adapters.limiter import behind_imports
from v2_service.adapters.shadow import ShadowRuns
from v2_service.adapters.submissions import Submissions
from v2_service.contract import JsonValue, ModelReply, ModelRequest, Provider
from v2_service.errors import CallbackFailed
from v2_service.jobs.services import PIPELINE_VERSION, Services


class Behind:
    """`contract.Provider` whose calls take a slot only when no import wants it."""

    def __init__(self, models: Provider) -> None:
        self._models = models

    async def complete(self, request: ModelRequest) -> ModelReply:
        with behind_imports():
            return await self._models.complete(request)

    async def known(self) -> None:
        await self._models.known()


class Silent:
    """`contract.Notifier` of a dry run: nobody is told."""

    async def import_complete(self, user_id: str, run_id: str, seconds: float) -> Mapping[str, JsonValue]:
        raise CallbackFailed("A dry run tells nobody.")


def shadow_of(services: Services) -> tuple[Services, ShadowRuns]:
    """Services for dry runs, and their runs. Batches are left out: a dry run's answers come from single calls."""
    rest, settings = services.shadow_rest, services.settings
    own = settings.model_copy(
        update={"web_app_url": None, "hand_back_url": None, "budget_per_day": settings.shadow_budget_per_day}
    )
    runs = ShadowRuns(rest, own, PIPELINE_VERSION, services.runs)
    return replace(
        services,
        settings=own,
        rest=rest,
        runs=runs,
        chunks=Chunks(rest),
        costs=Costs(rest),
        models=Behind(services.models),
        embeddings=services.shadow_embeddings,
        notifier=Silent(),
        hand_backs=HandBacks(rest, own),
        metrics=services.process.shadow,
        submissions=Submissions(rest),
        batches=None,
    ), runs
