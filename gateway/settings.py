"""The gateway's settings: environment variables GATEWAY_*, overruled by options; one frozen, checked value."""

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from gateway.config import GatewayConfig
from gateway.core.force import MIN_KEY_BYTES
from gateway.core.routes import RouteTableError, parse_routes
from gateway.ops.access import is_loopback
from gateway.proxy.address import client_tls, parse_listen, parse_upstream
from gateway.proxy.config import WorkerConfig
from gateway.token_settings import TokenSettings, revealed
from gateway.variables import PREFIX, unknown

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class GatewaySettings(TokenSettings):
    """Everything the gateway can be told, apart from its routes and its flags."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", frozen=True, env_ignore_empty=True, dotenv_filtering="only_existing"
    )

    listen: str = Field(default="127.0.0.1:8080", description="public address, HOST:PORT; port 0 takes a free one")
    ops: str = Field(default="127.0.0.1:9090", description="address of metrics and ops API, HOST:PORT; never public")
    ops_token: SecretStr | None = Field(
        default=None, description="bearer token of the ops API; needed unless on loopback"
    )
    legacy: str = Field(
        default="http://127.0.0.1:10000", description="the monolith: http://HOST:PORT, https://HOST or unix:/PATH"
    )
    v2: str = Field(default="http://127.0.0.1:8002", description="the new service, in the same forms")
    v2_key: SecretStr | None = Field(
        default=None,
        description="service key by which v2 knows the gateway: sent as X-Service-Key with every request to v2, beside "
        "whatever Authorization the client sends",
    )
    pins_max_age: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="seconds that users of running v2 jobs stay on v2 after v2 last listed its jobs; 0 pins nobody",
    )
    flags: Path = Field(default=Path("flags/features.json"), description="flag file; followed while it changes")
    unleash_url: AnyHttpUrl | None = Field(
        default=None,
        validation_alias="UNLEASH_URL",
        description="URL of an Unleash server that holds the flags; then the flag file is not read, but the kill and "
        "the last good flags stay beside it",
    )
    unleash_token: SecretStr | None = Field(
        default=None, validation_alias="UNLEASH_TOKEN", description="client token of that server"
    )
    unleash_admin_token: SecretStr | None = Field(
        default=None,
        validation_alias="UNLEASH_ADMIN_TOKEN",
        description="admin token of that server, for changes by the ops API",
    )
    unleash_project: str = Field(
        default="default", validation_alias="UNLEASH_PROJECT", description="project of the flags"
    )
    unleash_environment: str = Field(
        default="development",
        validation_alias="UNLEASH_ENVIRONMENT",
        description="environment whose percentage is changed",
    )
    flags_max_age: float | None = Field(
        default=None,
        gt=0,
        description="seconds after which the flags of a silent Unleash server are given up; never if unset",
    )
    build: str = Field(
        default="dev", pattern=r"^[!-~]{1,100}$", description="build id shown by the metrics (gateway_build_info)"
    )
    state_dir: Path | None = Field(
        default=None,
        description="folder for the evidence: outcomes of flagged requests and of jobs, by pseudonym; none is kept if "
        "unset",
    )
    supabase_url: AnyHttpUrl | None = Field(
        default=None,
        description="URL of the Supabase project that both pipelines write to; then their jobs are followed, which "
        "needs state_dir",
    )
    supabase_service_key: SecretStr | None = Field(
        default=None, description="service key of that project, or a key of the role banyan_gateway"
    )
    supabase_anon_key: SecretStr | None = Field(
        default=None,
        description="the project's public key; needed if supabase_service_key is a key of the role banyan_gateway",
    )
    stuck_seconds: float = Field(
        default=1800.0,
        ge=60,
        le=86_400,
        description="seconds of silence after which an unfinished job counts as stuck",
    )
    follow_requests: float = Field(
        default=10.0,
        gt=0,
        le=1000,
        description="requests a second, at most, with which the jobs are followed; an ended job costs seven",
    )
    force_key: SecretStr | None = Field(
        default=None,
        min_length=MIN_KEY_BYTES,
        description="key that checks X-Gateway-Force headers; without it none has effect",
    )
    routes: Path | None = Field(default=None, description="route table (TOML); the one that is shipped if unset")
    env_file: Path | None = Field(
        default=None,
        description="file of variables, for what neither an option nor the environment says; SIGHUP reads it again",
    )
    hang_seconds: float = Field(
        default=10.0, ge=2, le=3600, description="seconds without an answer after which a worker is replaced"
    )
    ready_seconds: float = Field(
        default=20.0, ge=2, le=3600, description="seconds that a worker has to become ready; then it is replaced"
    )
    workers: int = Field(default=0, ge=0, le=256, description="proxy processes; 0 means one per processor")
    name: str = Field(
        default="banyan",
        pattern=r"^[A-Za-z0-9._-]{1,63}$",
        description="own name in Via; two gateways in a row need two names",
    )
    trusted_hops: int = Field(
        default=0, ge=0, le=16, description="proxies in front of the gateway whose forwarding headers are believed"
    )
    access_log: bool = Field(
        default=True, description="one JSON line per request on standard error; holds no paths and no ids"
    )
    api_key: SecretStr | None = Field(
        default=None, description="key that routes with api_key = true ask for (bearer token)"
    )
    ca_file: Path | None = Field(
        default=None, description="certificate authorities (PEM) for https backends, instead of the system's"
    )
    head_bytes: int = Field(default=65_536, ge=1024, le=1_048_576, description="largest request head; beyond it 431")
    target_bytes: int = Field(default=16_384, ge=256, le=65_536, description="longest request line; beyond it 414")
    head_timeout: Seconds = Field(default=15.0, description="seconds for a whole request head; beyond it 408")
    body_timeout: Seconds = Field(
        default=30.0, description="seconds between two pieces of a request body; beyond it 408"
    )
    keep_alive: Seconds = Field(default=75.0, description="seconds that an idle client connection stays open")
    max_clients: int = Field(default=20_000, ge=1, description="client connections per worker; beyond it 503")
    upstream_connections: int = Field(default=1024, ge=1, description="connections per worker and backend")
    upstream_waiting: int = Field(default=1024, ge=0, description="requests per worker that may wait for a connection")
    upstream_idle: Seconds = Field(
        default=4.0,
        description="seconds that an unused backend connection is kept; must be less than the backend's own limit",
    )
    drain_seconds: Seconds = Field(
        default=25.0, description="seconds that running requests have when the gateway stops"
    )
    shadow_concurrency: int = Field(
        default=4, ge=1, le=64, description="copies of requests (shadow in the route table) under way per worker"
    )
    shadow_waiting: int = Field(
        default=100, ge=1, le=10_000, description="copies per worker that may wait for their turn; more are dropped"
    )
    shadow_bytes: int = Field(
        default=8_388_608, ge=65_536, le=1_073_741_824, description="bytes per worker that copies may hold"
    )
    shadow_seconds: float = Field(
        default=10.0, gt=0, le=600, description="seconds that a copy has, from the answer to the client to its own"
    )
    shadow_lag: float = Field(
        default=0.1, gt=0, le=10, description="seconds by which a worker may be late without dropping copies"
    )

    @field_validator("listen", "ops")
    @classmethod
    def _address(cls, value: str) -> str:
        parse_listen(value)
        return value

    @field_validator("legacy", "v2")
    @classmethod
    def _upstream(cls, value: str) -> str:
        parse_upstream(value)
        return value

    @field_validator("v2_key")
    @classmethod
    def _visible(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]{16,512}", value.get_secret_value()):
            raise ValueError("must be 16 to 512 visible ASCII characters")
        return value

    @field_validator("env_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("is no file")
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: Path | None) -> Path | None:
        try:
            client_tls(str(value or ""))
        except OSError as error:
            raise ValueError(f"cannot be used: {error.strerror or error}") from None
        return value

    @field_validator("routes")
    @classmethod
    def _routes(cls, value: Path | None) -> Path | None:
        try:
            parse_routes(read_routes(value))
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        except RouteTableError as error:
            raise ValueError("; ".join(error.problems)) from None
        return value

    @model_validator(mode="after")
    def _guarded(self) -> "GatewaySettings":
        if not self.ops_token and not is_loopback(parse_listen(self.ops).host):
            raise ValueError("ops is not on loopback, so ops_token (GATEWAY_OPS_TOKEN) must be set")
        table = parse_routes(read_routes(self.routes))
        if any(route.api_key for route in (*table.routes, table.unmatched)) and not self.api_key:
            raise ValueError("a route asks for an API key, so api_key (GATEWAY_API_KEY) must be set")
        if any(route.jwt for route in (*table.routes, table.unmatched)):
            self.check_tokens()
        if self.unleash_url and not self.unleash_token:
            raise ValueError("unleash_url is set, so unleash_token (UNLEASH_TOKEN) must be set")
        if self.supabase_url and not (self.supabase_service_key and self.state_dir):
            raise ValueError(
                "supabase_url is set, so supabase_service_key (GATEWAY_SUPABASE_SERVICE_KEY) and state_dir "
                "(GATEWAY_STATE_DIR) must be set"
            )
        return self

    def plain(self) -> dict[str, object]:
        """All of it as JSON values, by name; secrets are revealed."""
        return {name: _plain(getattr(self, name)) for name in type(self).model_fields}

    def config(self, options: dict[str, object]) -> GatewayConfig:
        """What the supervisor needs of it. `options` came from the command line."""
        return GatewayConfig(
            worker=self.worker_config(),
            listen=self.listen,
            ops=self.ops,
            flags=str(self.flags.absolute()),
            ops_token=revealed(self.ops_token),
            hang_seconds=self.hang_seconds,
            ready_seconds=self.ready_seconds,
            unleash_admin_token=revealed(self.unleash_admin_token),
            unleash_project=self.unleash_project,
            unleash_environment=self.unleash_environment,
            state_dir=str(self.state_dir.absolute()) if self.state_dir else "",
            supabase_url=str(self.supabase_url or ""),
            supabase_service_key=revealed(self.supabase_service_key),
            supabase_anon_key=revealed(self.supabase_anon_key),
            stuck_seconds=self.stuck_seconds,
            jwt_jwks=self.jwt_jwks or "",
            jwt_jwks_seconds=self.jwt_jwks_seconds,
            follow_requests=self.follow_requests,
            settings=self.plain(),
            options={name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
        )

    def worker_config(self) -> WorkerConfig:
        """What the proxy processes need of it."""
        return WorkerConfig(
            legacy=self.legacy,
            v2=self.v2,
            flags_path=str(self.flags.absolute()),
            routes=read_routes(self.routes),
            name=self.name,
            trusted_hops=self.trusted_hops,
            access_log=self.access_log,
            head_bytes=self.head_bytes,
            target_bytes=self.target_bytes,
            head_timeout=self.head_timeout,
            body_timeout=self.body_timeout,
            keep_alive=self.keep_alive,
            max_clients=self.max_clients,
            upstream_connections=self.upstream_connections,
            upstream_waiting=self.upstream_waiting,
            upstream_idle=self.upstream_idle,
            drain_seconds=self.drain_seconds,
            shadow_concurrency=self.shadow_concurrency,
            shadow_waiting=self.shadow_waiting,
            shadow_bytes=self.shadow_bytes,
            shadow_seconds=self.shadow_seconds,
            shadow_lag=self.shadow_lag,
            api_key=revealed(self.api_key),
            **self.token_options(),
            ca_file=str(self.ca_file.absolute()) if self.ca_file else "",
            unleash_url=str(self.unleash_url or ""),
            unleash_token=revealed(self.unleash_token),
            flags_max_age=self.flags_max_age,
            force_key=revealed(self.force_key),
            v2_key=revealed(self.v2_key),
            pins_max_age=self.pins_max_age,
            evidence=self.state_dir is not None,
            build=self.build,
        )


class InvalidSettingsError(ValueError):
    """The settings cannot be used; `problems` are all of them, each `name: sentence`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_settings(**options: object) -> GatewaySettings:
    """Options first (None: not given), then the environment, then the file that `env_file` names.

    A variable that begins with GATEWAY_ and is no setting is a problem too. Raises InvalidSettingsError.
    """
    given = {name: value for name, value in options.items() if value is not None}
    file = given.get("env_file") or os.environ.get("GATEWAY_ENV_FILE") or None
    in_file = _variables(Path(str(file))) if file else {}
    problems = unknown({**in_file, **os.environ}, map(variable, GatewaySettings.model_fields))
    try:
        settings = GatewaySettings(_env_file=file, **given)  # type: ignore[arg-type,call-arg]  # the class itself checks
    except ValidationError as invalid:
        raise InvalidSettingsError([*_sentences(invalid), *problems]) from None
    if problems:
        raise InvalidSettingsError(problems)
    return settings


def _variables(file: Path) -> dict[str, str | None]:
    """What an env file says; nothing if there is none. Raises InvalidSettingsError for what is no text."""
    try:
        return dotenv_values(file) if file.is_file() else {}
    except OSError as error:
        raise InvalidSettingsError([f"env_file: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise InvalidSettingsError(["env_file: is not UTF-8"]) from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return str(GatewaySettings.model_fields[name].validation_alias or f"{PREFIX}{name}").upper()


def _sentences(invalid: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in invalid.errors()
    ]


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return revealed(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def read_routes(path: Path | None) -> str:
    """The text of the route table. Raises OSError."""
    if path is None:
        return files("gateway").joinpath("routes.toml").read_text(encoding="utf-8")
    return path.read_text(encoding="utf-8")
