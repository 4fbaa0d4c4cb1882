"""The models that the stand-in offers by name. Any other name that looks like a model of theirs answers too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Vendor = Literal["anthropic", "nova", "titan"]

# Bedrock puts a region ("us.") and the vendor before the name and a version (":0") after it.
_BEDROCK_CLAUDE = re.compile(r"(?:[a-z]{2,6}\.)?anthropic\.claude-[\w.:-]+")
_NOVA = re.compile(r"(?:[a-z]{2,6}\.)?amazon\.nova-[\w.:-]+")
_TITAN = re.compile(r"amazon\.titan-embed-text-[\w.:-]+")
_CLAUDE = re.compile(r"claude-[\w.-]+")


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of GET /v1/models; the token limits are those of the real model's documentation."""

    id: str
    display_name: str
    created_at: str
    max_input_tokens: int = 200_000
    max_output_tokens: int = 64_000


MODELS: tuple[Model, ...] = (
    Model("claude-haiku-5-5", "Claude Haiku 5.5", "2026-06-01T00:00:00Z"),
    Model("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15T00:00:00Z"),
    Model("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29T00:00:00Z"),
)


def claude(name: str) -> bool:
    """Whether the Messages API knows a model of this name."""
    return _CLAUDE.fullmatch(name) is not None


def bedrock_vendor(model_id: str) -> Vendor | None:
    """Whose model a Bedrock id names; None for one that nobody offers."""
    if _BEDROCK_CLAUDE.fullmatch(model_id):
        return "anthropic"
    if _NOVA.fullmatch(model_id):
        return "nova"
    return "titan" if _TITAN.fullmatch(model_id) else None
