"""The variables that point a service at the sandbox instead of at the real world."""

from __future__ import annotations

from pathlib import Path

from sandbox.keys import Keys

SITE = Path(__file__).parent / "site"


def variables(url: str, keys: Keys) -> dict[str, str]:
    """Name to value. The model keys are made up: the stand-ins take any."""
    return {
        "SUPABASE_URL": url,
        "SUPABASE_SERVICE_KEY": keys.service,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        "ANTHROPIC_API_KEY": "sandbox",
        "ANTHROPIC_BASE_URL": url,
        "VERCEL_API_URL": url,
        "RLM_API_KEY": "sandbox",
        "NO_PROXY": "127.0.0.1,localhost",
        # Holds a stand-in for the memory library that the monolith probes by import.
        "PYTHONPATH": str(SITE),
    }
