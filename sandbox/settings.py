"""The sandbox's settings: environment variables SANDBOX_*, each of which is also an option of `sandbox serve`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from sandbox.migrate import NEIGHBOUR

DEFAULT_PORT = 54321
# Where a running sandbox notes, in its data folder, how its database is reached.
URI_FILE = "database.uri"


class SandboxSettings(BaseSettings):
    """Everything that can be set; the defaults suit one developer on one machine."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="address to listen on; loopback, for there are no real secrets")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65_535, description="port to listen on; 0 takes any free one")
    data: Path = Field(default=Path(".state/sandbox"), description="folder for the database and the stored objects")
    migrations: Path = Field(
        default=NEIGHBOUR, description="folder of .sql files applied on top of the schema at every start, by name"
    )
    jwt_secret: str = Field(
        default="sandbox-secret-that-protects-nothing-at-all",
        min_length=32,
        description="signs the API keys; the same secret always makes the same keys",
        repr=False,
    )
    max_rows: int = Field(
        default=1000, ge=0, description="rows per REST answer, as a hosted project caps them; 0: none"
    )
    stop_with_stdin: bool = Field(
        default=False, description="stop when standard input closes, so that a child never outlives who started it"
    )
    rest_end_by_preference: bool = Field(
        default=False, description="let callers end a REST transaction by `Prefer: tx=rollback`"
    )
