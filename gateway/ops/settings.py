"""Settings of the `rollout` command line: environment variables, overruled by options of the same name."""

from getpass import getuser
from pathlib import Path
from socket import gethostname

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.ops.controls import DEFAULT_FLAG


def _whoami() -> str:
    try:
        return f"{getuser()}@{gethostname()}"
    except (KeyError, OSError):
        return gethostname()


class RolloutSettings(BaseSettings):
    """Where the flags are and who is asking."""

    model_config = SettingsConfigDict(env_prefix="ROLLOUT_", frozen=True, env_ignore_empty=True)

    flags: Path = Field(Path("flags/features.json"), description="flag file to work on, when no ops API is given")
    ops: AnyHttpUrl | None = Field(None, description="URL of a gateway's ops API to work on, instead of a flag file")
    token: SecretStr | None = Field(None, description="bearer token of the ops API")
    flag: str = Field(DEFAULT_FLAG, description="flag that `explain` and `preview` ask about")
    who: str = Field(default_factory=_whoami, description="your name in the journal; user and machine if unset")

    @field_validator("flag", "who")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        return value
