"""One router with every model stand-in; the sandbox server includes it beside its database front."""

from __future__ import annotations

from fastapi import APIRouter

from sandbox.models.anthropic_api import router as anthropic_router
from sandbox.models.batches_api import router as batches_router
from sandbox.models.bedrock_api import router as bedrock_router
from sandbox.models.control_api import router as control_router

router = APIRouter()
for part in (batches_router, anthropic_router, bedrock_router, control_router):
    router.include_router(part)
