"""A generation that is being embedded when its user is erased: what threads still bring is written nowhere."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import chunk, sandbox_settings
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.embeddings import DIMENSIONS, BedrockEmbeddings
from v2_service.adapters.runs import Request
from v2_service.jobs import generation
from v2_service.jobs.budget import Budget
from v2_service.jobs.services import open_services


class Held:
    """Bedrock, whose answers come once somebody lets them."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()

    def invoke_model(self, *, modelId: str, body: str, contentType: str, accept: str) -> dict[str, object]:  # noqa: N803 -- the SDK's names
        self.asked.set()
        self.let.wait()
        return {"body": io.BytesIO(json.dumps({"embedding": [0.0] * DIMENSIONS}).encode())}


async def heard(_: int) -> None:
    """Nobody watches."""


async def test_a_vector_that_comes_after_the_erasure_leaves_no_file(
    sandbox: RunningSandbox, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedrock, threads, arrivals = Held(), ThreadPoolExecutor(1), tmp_path / "arrivals"
    embeddings = BedrockEmbeddings(bedrock, "titan", 1)
    monkeypatch.setattr(embeddings, "_threads", threads)
    async with open_services(sandbox_settings(sandbox, tmp_path)) as opened:
        services = replace(opened, embeddings=embeddings)
        run_id = (await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))).run_id
        lease = await services.runs.take(run_id)
        assert lease is not None
        await services.chunks.stage(lease, rows_of([chunk(0)], datetime(2024, 6, 1, tzinfo=UTC)))
        budget = Budget(services.costs, services.settings, run_id)
        work = asyncio.create_task(generation.embed(services, lease, budget, heard))
        try:
            await asyncio.to_thread(bedrock.asked.wait)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            services.forget_on_disk(run_id)
        finally:
            bedrock.let.set()
            await asyncio.to_thread(threads.shutdown)
        assert not arrivals.exists()
