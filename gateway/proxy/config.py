"""What a worker is told when it starts: plain values, so that the worker needs no settings library."""

import json
from dataclasses import asdict, dataclass, field
from typing import Final

LIVE: Final = frozenset(
    [
        "routes",
        "trusted_hops",
        "access_log",
        "api_key",
        "jwt_issuer",
        "jwt_audience",
        "jwt_algorithms",
        "jwt_secrets",
        "jwt_leeway",
        "force_key",
        "v2_key",
        "head_bytes",
        "target_bytes",
        "head_timeout",
        "body_timeout",
        "keep_alive",
        "max_clients",
        "upstream_connections",
        "upstream_waiting",
        "upstream_idle",
        "drain_seconds",
        "shadow_concurrency",
        "shadow_waiting",
        "shadow_bytes",
        "shadow_seconds",
        "shadow_lag",
    ]
)
"""What may change while a worker runs; the rest needs a new process."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Times in seconds, sizes in bytes. The counterpart is gateway.settings, which fills it from the environment."""

    legacy: str
    v2: str
    flags_path: str
    routes: str  # the route table as TOML
    name: str = "banyan"  # our pseudonym in Via and Proxy-Status
    trusted_hops: int = 0
    access_log: bool = True
    head_bytes: int = 65_536
    target_bytes: int = 16_384
    head_timeout: float = 15.0
    body_timeout: float = 30.0
    keep_alive: float = 75.0
    max_clients: int = 20_000
    upstream_connections: int = 1024
    upstream_waiting: int = 1024
    upstream_idle: float = 4.0
    drain_seconds: float = 25.0
    api_key: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_algorithms: str = ""  # with commas, as are the secrets
    jwt_secrets: str = ""
    jwt_leeway: float = 5.0
    token_keys: str = ""  # a JSON Web Key Set; the supervisor follows its source
    ca_file: str = ""  # empty: the system's certificate authorities
    unleash_url: str = ""  # empty: the flag file
    unleash_token: str = ""
    flags_max_age: float | None = None
    force_key: str = ""  # empty: force headers have no effect
    v2_key: str = ""  # empty: v2 asks for none
    pins_max_age: float = 600.0
    retirements: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """When legacy's side of a flag is deprecated and when it ends, Unix seconds; the supervisor follows a file."""
    shadow_concurrency: int = 4
    shadow_waiting: int = 100
    shadow_bytes: int = 8 * 1024 * 1024
    shadow_seconds: float = 10.0
    shadow_lag: float = 0.1
    build: str = "dev"
    evidence: bool = False  # whether finished exchanges of flagged routes are kept for the supervisor

    def to_json(self) -> str:
        """For the worker's standard input."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "WorkerConfig":
        """The counterpart of to_json."""
        return cls(**json.loads(text))
