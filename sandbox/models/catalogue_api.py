"""GET /v1/models and /v1/models/{id}, as the Anthropic SDK asks them."""

from __future__ import annotations

from typing import TypedDict

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from sandbox.models.catalogue import MODELS, Model

router = APIRouter()


class ModelRow(TypedDict):
    """One model on the wire."""

    type: str
    id: str
    display_name: str
    created_at: str
    lifecycle: str
    max_input_tokens: int
    max_tokens: int


def row(model: Model) -> ModelRow:
    """A model as the SDK's `ModelInfo` reads it."""
    return ModelRow(
        type="model",
        id=model.id,
        display_name=f"{model.display_name} [sandbox]",
        created_at=model.created_at,
        lifecycle="active",
        max_input_tokens=model.max_input_tokens,
        max_tokens=model.max_output_tokens,
    )


@router.get("/v1/models")
async def list_models() -> JSONResponse:
    """All models on one page."""
    rows = [row(model) for model in MODELS]
    return JSONResponse({"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]})
