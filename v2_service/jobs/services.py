"""Everything a run needs from outside, made once from the settings and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from v2_service.adapters.arrivals import Arrivals
from v2_service.adapters.chunks import Chunks
from v2_service.adapters.costs import Costs
from v2_service.adapters.embeddings import BedrockEmbeddings, new_runtime
from v2_service.adapters.hand_backs import HandBacks
from v2_service.adapters.limiter import Limiter, new_limiter
from v2_service.adapters.models_batches import MessageBatches
from v2_service.adapters.models_bedrock import new_batches, new_models
from v2_service.adapters.monolith import Monolith
from v2_service.adapters.runs import Runs
from v2_service.adapters.shadow import ShadowRest
from v2_service.adapters.storage import Storage
from v2_service.adapters.submissions import Submissions
from v2_service.adapters.supabase import Rest, new_client
from v2_service.adapters.web_app import WebApp, new_web_client
from v2_service.contract import Embeddings, Notifier, Provider
from v2_service.jobs.readers import Readers
from v2_service.observe import Metrics, RunMetrics
from v2_service.settings import Settings

# Names the order and meaning of the steps. A change gives unfinished runs a fresh start under the new order, with their
# paid answers kept; without a change a resumed run would meet steps that it does not know.
PIPELINE_VERSION = "2.1"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """The ports and stores of one process."""

    settings: Settings
    rest: Rest
    runs: Runs
    chunks: Chunks
    costs: Costs
    storage: Storage
    models: Provider
    embeddings: Embeddings
    notifier: Notifier
    hand_backs: HandBacks
    monolith: Monolith
    metrics: RunMetrics
    process: Metrics
    limiter: Limiter
    submissions: Submissions
    batches: MessageBatches | None
    shadow_rest: ShadowRest
    shadow_embeddings: Embeddings
    readers: Readers
    now: Callable[[], datetime] = utc_now

    @property
    def exports_folder(self) -> Path:
        return self.settings.state_dir / "spool"

    @property
    def arrivals_folder(self) -> Path:
        return self.settings.state_dir / "arrivals"

    def spooled(self, run_id: str) -> Path:
        """Where a run's export lies on disk while it is read."""
        return self.exports_folder / run_id

    def arrivals(self, run_id: str, kind: Literal["answers", "vectors"]) -> Arrivals:
        """What came for a run and is on its way to the database."""
        return Arrivals(self.arrivals_folder / f"{run_id}.{kind}")

    def forget_on_disk(self, run_id: str) -> None:
        """Delete what this disk holds of a run. Blocks."""
        self.spooled(run_id).unlink(missing_ok=True)
        self.arrivals(run_id, "answers").clear()
        self.arrivals(run_id, "vectors").clear()


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Services over the real adapters; connections close on leaving."""
    async with AsyncExitStack() as stack:
        supabase = await stack.enter_async_context(new_client(settings))
        web = await stack.enter_async_context(new_web_client())
        metrics = Metrics(settings.build, PIPELINE_VERSION)
        limiter = new_limiter(settings, metrics)
        models = new_models(settings, limiter)
        stack.push_async_callback(models.close)
        runtime = new_runtime(settings)
        embeddings = BedrockEmbeddings(runtime, settings.embedding_model, settings.embedding_concurrency)
        stack.callback(embeddings.close)
        # One thread of its own: imports never wait for it.
        shadow_embeddings = BedrockEmbeddings(runtime, settings.embedding_model, 1)
        stack.callback(shadow_embeddings.close)
        rest = Rest(supabase)
        yield Services(
            settings=settings,
            rest=rest,
            runs=Runs(rest, settings, PIPELINE_VERSION),
            chunks=Chunks(rest),
            costs=Costs(rest),
            storage=Storage(supabase, settings.max_export_bytes),
            models=models,
            embeddings=embeddings,
            notifier=WebApp(web, settings),
            hand_backs=HandBacks(rest, settings),
            monolith=Monolith(web, settings),
            metrics=metrics,
            process=metrics,
            limiter=limiter,
            submissions=Submissions(rest),
            batches=new_batches(models),
            shadow_rest=ShadowRest(supabase),
            shadow_embeddings=shadow_embeddings,
            readers=Readers(settings.reading_processes),
        )
