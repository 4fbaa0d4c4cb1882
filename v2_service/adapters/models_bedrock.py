"""The same model through Bedrock, and the one place that decides which of the two is used (S-39, S-98)."""

from __future__ import annotations

import anthropic

from v2_service.adapters.limiter import Limiter, PacedHttp
from v2_service.adapters.models_anthropic import AnthropicModels, new_direct_client
from v2_service.adapters.models_batches import MessageBatches
from v2_service.settings import Settings


def new_bedrock_client(settings: Settings, limiter: Limiter) -> anthropic.AsyncAnthropicBedrock:
    """The SDK's Bedrock client; without keys in the settings it looks where boto3 does."""
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    return anthropic.AsyncAnthropicBedrock(
        aws_region=settings.aws_region,
        aws_access_key=key.get_secret_value() if key else None,
        aws_secret_key=secret.get_secret_value() if secret else None,
        base_url=settings.bedrock_endpoint,
        timeout=settings.model_timeout_seconds,
        max_retries=settings.model_retries,
        http_client=PacedHttp(limiter),
    )


def new_models(settings: Settings, limiter: Limiter) -> AnthropicModels:
    """The language model that the settings ask for."""
    client = new_bedrock_client(settings, limiter) if settings.use_bedrock else new_direct_client(settings, limiter)
    return AnthropicModels(client, settings.model_name)


def new_batches(models: AnthropicModels) -> MessageBatches | None:
    """The model's Message Batches; None on Bedrock, which has none."""
    if isinstance(models.client, anthropic.AsyncAnthropicBedrock):
        return None
    return MessageBatches(models.client, models.model)
