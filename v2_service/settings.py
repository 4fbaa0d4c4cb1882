"""Environment -> one frozen value, checked whole: every missing or invalid variable is named in one error.

Counterpart: nothing else in this room reads the environment.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from v2_service.errors import SettingsInvalid

MIB = 1024 * 1024
SHORTEST_KEY = 16
PREFIX = "V2_"
# Options of the command line that have a variable.
READ_BY_COMMANDS = {"V2_SERVICE_KEY"}


class Settings(BaseSettings):
    """Everything v2 can be told. Names without `V2_` are shared with the monolith or with an SDK."""

    # Platforms hand over every variable that a file names: an empty one is not set.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    supabase_url: str = Field(
        validation_alias="SUPABASE_URL", description="base of PostgREST and Storage, for example https://x.supabase.co"
    )
    supabase_service_key: SecretStr = Field(
        validation_alias="SUPABASE_SERVICE_KEY",
        min_length=1,
        description="service-role key of that project, or a key of the role banyan_v2",
    )
    supabase_anon_key: SecretStr | None = Field(
        default=None,
        validation_alias="SUPABASE_ANON_KEY",
        description="the project's public key; needed if SUPABASE_SERVICE_KEY is a key of the role banyan_v2",
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="ANTHROPIC_API_KEY",
        description="key of the language model; needed unless USE_BEDROCK is set",
    )
    anthropic_base_url: str | None = Field(
        default=None, validation_alias="ANTHROPIC_BASE_URL", description="another address for the Messages API"
    )
    use_bedrock: bool = Field(
        default=False,
        validation_alias="USE_BEDROCK",
        description="ask the language model through Bedrock instead of directly",
    )
    aws_region: str = Field(default="us-east-1", validation_alias="AWS_REGION", description="Bedrock region")
    aws_access_key_id: SecretStr | None = Field(
        default=None,
        validation_alias="AWS_ACCESS_KEY_ID",
        description="Bedrock credentials; without both, boto3 looks in its other places (role, profile)",
    )
    aws_secret_access_key: SecretStr | None = Field(
        default=None, validation_alias="AWS_SECRET_ACCESS_KEY", description="Bedrock credentials"
    )
    bedrock_endpoint: str | None = Field(
        default=None, validation_alias="AWS_ENDPOINT_URL_BEDROCK_RUNTIME", description="another address for Bedrock"
    )
    embedding_model: str = Field(
        default="amazon.titan-embed-text-v2:0",
        validation_alias="BEDROCK_EMBEDDING_MODEL_ID",
        min_length=1,
        description="embedding model; the monolith's search must use the same one",
    )
    web_app_url: str | None = Field(
        default=None,
        validation_alias="VERCEL_API_URL",
        description="base of the web app's completion callback; unset means no callback",
    )
    web_app_key: SecretStr | None = Field(
        default=None, validation_alias="RLM_API_KEY", description="bearer key sent with that callback"
    )
    port: int = Field(default=8002, validation_alias="PORT", ge=0, le=65535, description="port to listen on; 0 is any")
    extraction_concurrency: int = Field(
        default=3,
        validation_alias="FACT_EXTRACTION_CONCURRENCY",
        ge=1,
        le=50,
        description="language model calls at once, for all imports of this process together; fewer while the model "
        "throttles or memory is short (3 for 512 MB, 5 for 2 GB)",
    )
    memory_limit_mb: int | None = Field(
        default=None,
        validation_alias="MEMORY_LIMIT_MB",
        ge=64,
        description="memory this process may use, in MiB; unset means the container's limit, if it has one",
    )
    system_database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DBOS_SYSTEM_DATABASE_URL",
        description="PostgreSQL for the checkpoints of jobs; unset means SQLite under V2_STATE_DIR",
    )

    host: str = Field(default="127.0.0.1", description="address to listen on")
    service_keys: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="bearer keys by calling service, as a JSON object of names and keys (16 characters or more); "
        "everything but /health, /ready and /metrics then asks for one",
    )
    allow_no_keys: bool = Field(
        default=False, description="serve without keys on an address that others can reach, in a closed network"
    )
    metrics_need_key: bool = Field(default=False, description="whether /metrics asks for a key too")
    event_streams: int = Field(default=200, ge=1, description="open /jobs/{id}/events streams; more get 503")
    state_dir: Path = Field(
        default=Path(".state/v2"),
        description="folder for checkpoints, exports while they are read, and answers until they are stored",
    )
    build: str = Field(default="dev", description="build id shown by /health, /metrics and every run")
    executor_id: str = Field(
        default="v2",
        min_length=1,
        description="this worker's name: keep it over restarts, give each worker on one database another",
    )
    full_pass_min_conversations: int = Field(
        default=50, ge=0, description="imports with fewer conversations get no full pass (facts, MEMORY)"
    )
    model: str = Field(default="claude-haiku-4-5-20251001", min_length=1, description="language model, asked directly")
    bedrock_model: str = Field(
        default="us.anthropic.claude-haiku-4-5-20251001-v1:0",
        min_length=1,
        description="language model's id on Bedrock",
    )
    model_timeout_seconds: float = Field(default=60.0, gt=0, description="limit of one model or embedding call")
    model_retries: int = Field(
        default=4, ge=0, le=10, description="the SDK's own retries of one call (429, 529, 5xx, no connection)"
    )
    model_batches: Literal["never", "always", "auto"] = Field(
        default="never",
        description="ask for facts in Message Batches, at half the price, within minutes to hours: never, always, or "
        "auto (from V2_MODEL_BATCH_FROM chunks on); Bedrock has none, so there auto means never",
    )
    model_batch_from: int = Field(default=500, ge=1, description="chunks of an import from which auto takes batches")
    model_batch_requests: int = Field(default=1000, ge=10, le=100_000, description="most questions in one batch")
    model_batch_wait_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="longest wait for an import's batches; what they have not answered then is asked by single calls",
    )
    model_batch_poll_seconds: float = Field(
        default=60.0, gt=0, description="longest time between two looks at a batch; the first ones are closer together"
    )
    model_batch_doubt_seconds: float = Field(
        default=60.0, ge=0, description="how long a batch is looked for whose submission was never answered"
    )
    memory_headroom_mb: int = Field(
        default=256, ge=0, description="MiB that stay free: with less, one model call runs at a time"
    )
    memory_per_call_mb: int = Field(default=20, ge=1, description="MiB that one more model call is reckoned at")
    price_input: float = Field(default=1.0, ge=0, description="US dollars per million input tokens")
    price_output: float = Field(default=5.0, ge=0, description="US dollars per million output tokens")
    price_embedding: float = Field(default=0.02, ge=0, description="US dollars per million embedded tokens")
    price_batch_share: float = Field(default=0.5, ge=0, le=1, description="share of these prices that a batch costs")
    prices_as_of: str = Field(default="2026-11-22", description="day on which these prices were looked up")
    budget_per_job: float = Field(
        default=0.0, ge=0, description="US dollars after which an import pays for nothing more and fails; 0 is no limit"
    )
    budget_per_day: float = Field(
        default=0.0, ge=0, description="US dollars that all imports together may spend on one day (UTC); 0 is no limit"
    )
    shadow_runs_per_day: int = Field(
        default=20, ge=0, description="dry runs accepted on one day (UTC), of all workers together; 0 lets none in"
    )
    shadow_budget_per_day: float = Field(
        default=10.0,
        gt=0,
        description="US dollars that all dry runs together may spend on one day (UTC), apart from V2_BUDGET_PER_DAY",
    )
    shadow_at_once: int = Field(
        default=1, ge=1, le=20, description="dry runs at once, of all workers together; more are refused, none waits"
    )
    shadow_days: float = Field(
        default=7.0, gt=0, description="days after which ended dry runs are deleted, with all that they made"
    )
    running_imports: int = Field(default=5, ge=1, le=100, description="imports that run at once; others wait")
    reading_processes: int = Field(
        default=2,
        ge=1,
        le=100,
        description="exports that are read at once, each in a process of its own of about 30 MiB; others wait",
    )
    embedding_concurrency: int = Field(
        default=5, ge=1, le=50, description="embedding calls at once, for all imports of this process together"
    )
    request_timeout_seconds: float = Field(default=60.0, gt=0, description="limit of one database or Storage request")
    max_export_bytes: int = Field(default=5 * 1024 * MIB, ge=1, description="largest export that is downloaded")
    max_body_bytes: int = Field(
        default=64 * MIB, ge=1, description="largest request body (inline conversations); larger ones get 413"
    )
    buckets: tuple[str, ...] = Field(
        default=("user-imports", "imports"),
        min_length=1,
        description="buckets from which exports may be read, as a JSON list; inline ones are stored in the first",
    )
    legacy_import_minutes: float = Field(
        default=30.0,
        ge=0,
        description="a running import of the monolith that was silent for no longer keeps v2 from starting one of the "
        "same user; 0 looks for none",
    )
    hand_back_url: str | None = Field(
        default=None,
        description="base address of the monolith, to which running imports can be given back; unset means they cannot",
    )
    hand_back_key: SecretStr | None = Field(
        default=None, description="bearer key sent with that request, if it asks for one"
    )
    hand_back_timeout_seconds: float = Field(default=30.0, gt=0, description="limit of that request")
    hand_back_settle_seconds: float = Field(
        default=15.0,
        ge=0,
        description="how much longer its job row is waited for after a lost answer, before it is asked again",
    )
    step_attempts: int = Field(
        default=5, ge=1, le=20, description="how often a step is tried when a service it needs is away"
    )
    step_retry_seconds: float = Field(
        default=1.0, ge=0, description="wait before a step's second try; doubled for each further one"
    )
    checkpoint_hours: float = Field(
        default=24.0, ge=0, description="checkpoints of ended runs, which hold people's facts, are deleted after this"
    )
    lease_seconds: int = Field(
        default=120, ge=5, description="a run whose worker was silent for so long is taken up again"
    )
    shutdown_seconds: float = Field(
        default=25.0, ge=0, description="time for running steps to finish after SIGTERM; runs resume at the next start"
    )

    @field_validator("supabase_url", "anthropic_base_url", "bedrock_endpoint", "web_app_url", "hand_back_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/") if value is not None else None

    @field_validator("service_keys")
    @classmethod
    def _are_keys(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        keys = [key.get_secret_value() for key in value.values()]
        if any(len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key for key in keys):
            raise ValueError(f"each key must be {SHORTEST_KEY} or more visible ASCII characters")
        if len(set(keys)) != len(keys):
            raise ValueError("two services must not have the same key")
        return value

    @model_validator(mode="after")
    def _has_a_model(self) -> Self:
        if not self.use_bedrock and not (self.anthropic_api_key and self.anthropic_api_key.get_secret_value()):
            raise ValueError("ANTHROPIC_API_KEY: is needed unless USE_BEDROCK is set")
        return self

    @model_validator(mode="after")
    def _has_batches(self) -> Self:
        if self.use_bedrock and self.model_batches == "always":
            raise ValueError("V2_MODEL_BATCHES: Bedrock has no Message Batches; choose never, or auto for both")
        return self

    @property
    def legacy_import_seconds(self) -> int:
        """How long the monolith's import may be silent and still counts as running."""
        return round(self.legacy_import_minutes * 60)

    @property
    def checkpoints_url(self) -> str:
        """Where DBOS keeps its checkpoints."""
        if self.system_database_url is not None:
            return self.system_database_url.get_secret_value()
        return f"sqlite:///{self.state_dir.resolve() / 'jobs.sqlite'}"

    @property
    def model_name(self) -> str:
        """The model id that requests carry, and that the run's cost record names."""
        return self.bedrock_model if self.use_bedrock else self.model


def load_settings() -> Settings:
    """Settings from the environment. Raises SettingsInvalid naming every problem, never a value."""
    found = unknown_variables(os.environ)
    try:
        settings = Settings()  # type: ignore[call-arg]  # values come from the environment
    except ValidationError as error:
        found = [*problems(error), *found]
    if found:
        raise SettingsInvalid("\n".join(found))
    return settings


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """One line for each `V2_*` variable that nobody reads: a name that is misspelt would set nothing, silently."""
    known = {PREFIX + name.upper() for name, info in Settings.model_fields.items() if info.validation_alias is None}
    known |= READ_BY_COMMANDS
    lines = []
    for name in sorted(name for name in environment if name.startswith(PREFIX) and name not in known):
        close = difflib.get_close_matches(name, known, 1)
        lines.append(f"{name}: there is no such setting" + (f"; is {close[0]} meant?" if close else ""))
    return lines


def problems(error: ValidationError) -> list[str]:
    """One line per problem: the variable and what is wrong with it."""
    return [
        f"{_variable(problem['loc'])}{problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return ""
    name = str(location[0])
    return f"{name if name.isupper() else PREFIX + name.upper()}: "
