"""One router with every model stand-in; the sandbox server includes it beside its database front."""

from __future__ import annotations

from fastapi import APIRouter

from sandbox.models.catalogue_api import router as catalogue_router

router = APIRouter()
router.include_router(catalogue_router)
