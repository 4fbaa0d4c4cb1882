"""Settings of the `rollout` command line: environment variables, overruled by options of the same name."""

from getpass import getuser
from pathlib import Path
from socket import gethostname

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.core.force import MIN_KEY_BYTES
from gateway.ops.controls import DEFAULT_FLAG
from gateway.proxy.address import parse_upstream


def _whoami() -> str:
    try:
        return f"{getuser()}@{gethostname()}"
    except (KeyError, OSError):
        return gethostname()


class RolloutSettings(BaseSettings):
    """Where the flags are and who is asking.

    An ops API comes first, then an Unleash server, then the file; an option on the command line beats any variable.
    """

    model_config = SettingsConfigDict(env_prefix="ROLLOUT_", frozen=True, env_ignore_empty=True)

    flags: Path = Field(Path("flags/features.json"), description="flag file to work on, when no ops API is given")
    ops: AnyHttpUrl | None = Field(None, description="URL of a gateway's ops API to work on, instead of a flag file")
    token: SecretStr | None = Field(None, description="bearer token of the ops API")
    unleash_url: AnyHttpUrl | None = Field(
        None, validation_alias="UNLEASH_URL", description="URL of an Unleash server that holds the flags"
    )
    unleash_token: SecretStr | None = Field(
        None, validation_alias="UNLEASH_TOKEN", description="client token of that server"
    )
    unleash_admin_token: SecretStr | None = Field(
        None, validation_alias="UNLEASH_ADMIN_TOKEN", description="admin token of that server, needed for `set` alone"
    )
    unleash_project: str = Field("default", validation_alias="UNLEASH_PROJECT", description="project of the flags")
    unleash_environment: str = Field(
        "development", validation_alias="UNLEASH_ENVIRONMENT", description="environment whose percentage `set` changes"
    )
    force_key: SecretStr | None = Field(
        None,
        validation_alias="GATEWAY_FORCE_KEY",
        min_length=MIN_KEY_BYTES,
        description="key that the gateway checks force headers with; needed for `force-header` alone",
    )
    v2: str | None = Field(
        None,
        validation_alias="GATEWAY_V2",
        description="the new service, as the gateway knows it; needed on a flag file to see, cancel or hand back jobs",
    )
    v2_key: SecretStr | None = Field(
        None, validation_alias="GATEWAY_V2_KEY", description="service key by which v2 knows the gateway"
    )
    ca_file: str = Field(
        "", validation_alias="GATEWAY_CA_FILE", description="certificate authorities (PEM) for v2 by https"
    )
    supabase_url: AnyHttpUrl | None = Field(
        None,
        validation_alias="GATEWAY_SUPABASE_URL",
        description="the database that both pipelines write to, as the gateway knows it; needed for `compare` alone",
    )
    supabase_service_key: SecretStr | None = Field(
        None,
        validation_alias="GATEWAY_SUPABASE_SERVICE_KEY",
        description="service-role key of that database, or a key of the role banyan_gateway",
    )
    supabase_anon_key: SecretStr | None = Field(
        None, validation_alias="GATEWAY_SUPABASE_ANON_KEY", description="the public key of that database's project"
    )
    flag: str = Field(DEFAULT_FLAG, description="flag that `explain` and `preview` ask about")
    who: str = Field(default_factory=_whoami, description="your name in the journal; user and machine if unset")

    @field_validator("v2")
    @classmethod
    def _upstream(cls, value: str | None) -> str | None:
        if value is not None:
            parse_upstream(value)
        return value

    @field_validator("flag", "who", "unleash_project", "unleash_environment")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value
