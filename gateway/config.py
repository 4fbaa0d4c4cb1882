"""What the supervisor is told when it starts: plain values, so that it needs no settings library.

Counterparts: gateway.settings, which checks and fills it, and gateway.proxy.config, the workers' part of it.
"""

import json
from dataclasses import asdict, dataclass, field

from gateway.proxy.config import WorkerConfig


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Times in seconds; an empty text means that there is none. Holds secrets: it is passed on in memory only."""

    worker: WorkerConfig
    listen: str
    ops: str
    flags: str
    ops_token: str = ""
    hang_seconds: float = 10.0
    ready_seconds: float = 20.0
    unleash_admin_token: str = ""
    unleash_project: str = "default"
    unleash_environment: str = "development"
    state_dir: str = ""
    supabase_url: str = ""
    supabase_service_key: str = ""
    supabase_anon_key: str = ""
    stuck_seconds: float = 1800.0
    jwt_jwks: str = ""  # path or URL
    jwt_jwks_seconds: float = 60.0
    follow_requests: float = 10.0
    settings: dict[str, object] = field(default_factory=dict)
    """All settings as plain values, by name: what SIGHUP compares with."""
    options: dict[str, object] = field(default_factory=dict)
    """What the command line said, which also beats the environment when settings are read again."""

    def to_json(self) -> str:
        """For the supervisor's process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "GatewayConfig":
        """The counterpart of to_json."""
        plain = json.loads(text)
        return cls(**plain | {"worker": WorkerConfig(**plain["worker"])})
