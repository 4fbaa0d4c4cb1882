"""Settings of `rollout plan` and `rollout guard`, beside those of `rollout`: environment, overruled by options."""

from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GuardSettings(BaseSettings):
    """Where the plan and the evidence are. The guard's memory stands beside the flag file."""

    model_config = SettingsConfigDict(env_prefix="ROLLOUT_", frozen=True, env_ignore_empty=True)

    plan: Path = Field(Path("rollout.toml"), description="the plan, in TOML")
    evidence: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:9090"), description="ops API of the gateway whose evidence the guard reads"
    )
    prometheus: AnyHttpUrl | None = Field(
        None,
        validation_alias="PROMETHEUS_URL",
        description="Prometheus to read users by cohort from instead; `--evidence` beats it",
    )
    gateways: int = Field(1, ge=1, le=64, description="gateways that this Prometheus must know, no more and no fewer")
    token: SecretStr | None = Field(None, description="bearer token of that ops API")
