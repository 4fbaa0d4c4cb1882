"""Settings, leases and chunks for tests that need no running service."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sandbox.running import RunningSandbox
from v2_service.adapters.runs import Lease
from v2_service.contract import Chunk, Tier
from v2_service.settings import Settings

BASE = "http://supabase.test"


def settings(**given: object) -> Settings:
    """Valid settings that reach nobody."""
    values: dict[str, object] = {
        "supabase_url": BASE,
        "supabase_service_key": "service-hidden",
        "anthropic_api_key": "anthropic-hidden",
        "web_app_url": "http://web.test",
        "web_app_key": "web-hidden",
        **given,
    }
    return Settings.model_validate(values)


def sandbox_settings(sandbox: RunningSandbox, state: Path, **given: object) -> Settings:
    """Settings for the real adapters over a sandbox."""
    env = sandbox.env
    return settings(
        supabase_url=env["SUPABASE_URL"],
        supabase_service_key=env["SUPABASE_SERVICE_KEY"],
        anthropic_api_key=env["ANTHROPIC_API_KEY"],
        anthropic_base_url=env["ANTHROPIC_BASE_URL"],
        bedrock_endpoint=env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        web_app_url=env["VERCEL_API_URL"],
        web_app_key=env["RLM_API_KEY"],
        state_dir=state,
        **given,
    )


def lease(run_id: str = "r", user_id: str = "u", fence: int = 1, storage_path: str | None = "b/u/x.json") -> Lease:
    """A lease that nobody granted."""
    accepted = datetime(2024, 6, 1, tzinfo=UTC)
    return Lease(run_id, user_id, fence, storage_path, previous={}, counts={}, switched=False, accepted_at=accepted)


def chunk(position: int, text: str = "", tier: Tier = Tier.MEDIUM) -> Chunk:
    """One chunk."""
    content = text or f"# Garden\nUser: I prefer tea {position}."
    return Chunk(
        conversation_id=f"c{position}",
        title="Garden",
        content=content,
        tier=tier,
        position=position,
        chunk_index=0,
        total_chunks=1,
        token_count=10,
        message_count=1,
        created_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
        new_characters=len(content),
    )
