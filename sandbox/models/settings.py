"""How the stand-in models behave when nothing goes wrong. Environment first, then the control route at run time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# The real API documents a text of its own for testing refusals; this one is the sandbox's.
REFUSED_TEXT = "SANDBOX-REFUSE-THIS-REQUEST"


class ModelSettings(BaseSettings):
    """Behaviour of the model stand-ins; each field is also an environment variable with the prefix SANDBOX_MODELS_."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_MODELS_", frozen=True, extra="forbid")

    context_window_tokens: int = Field(default=200_000, ge=1, description="tokens of input and output together")
    over_long_input: Literal["error", "stop"] = Field(
        default="error",
        description="input over the window: a 400, or an empty answer with model_context_window_exceeded",
    )
    refused_texts: tuple[str, ...] = Field(
        default=(REFUSED_TEXT,), description="a request that holds one of these texts is refused"
    )
    strict_schemas: bool = Field(
        default=True, description="refuse JSON schemas that the real structured outputs refuse"
    )
    anthropic_key: str = Field(default="", description="the only key accepted; empty accepts any")
    largest_body_bytes: int = Field(default=32_000_000, ge=1, description="a larger message request is a 413")
    largest_batch_bytes: int = Field(default=64_000_000, ge=1, description="a larger batch is a 413")
    batch_seconds: float = Field(default=0.0, ge=0, description="how long a batch stays in_progress, in seconds")
    batches_kept: int = Field(default=50, ge=1, description="the oldest ended batch makes room for a new one")
    batch_errored_share: float = Field(default=0.0, ge=0, le=1, description="share of batch results that are errored")
    batch_expired_share: float = Field(default=0.0, ge=0, le=1, description="share of batch results that are expired")
