"""Tells an Unleash server who uses its flags and how often: the two posts of the client API that SDKs make.

Not the SDK's own reporter, because that counts only what the SDK itself evaluates, and here the workers do.
Counterpart: Unleash's pages about applications and usage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flags.errors import SourceUnavailableError
from flags.unleash_source import UnleashOptions
from flags.unleash_wire import UnleashWire

REGISTER_PATH = "/api/client/register"
METRICS_PATH = "/api/client/metrics"
STRATEGIES = ("default", "userWithId", "flexibleRollout", "gradualRolloutUserId")
SDK = "banyan-gateway:1"


@dataclass(frozen=True, slots=True)
class Uses:
    """How often a flag was asked for."""

    on: int = 0
    off: int = 0


class UnleashUsage:
    """One application's reports to one server. Not safe to use from two threads at once."""

    def __init__(self, options: UnleashOptions, *, interval: float) -> None:
        """`interval` is how often `send` will be called, in seconds; the server shows it."""
        self._options = options
        self._interval = interval
        self._wire = UnleashWire(options.url, options.headers(), deadline=options.deadline * 2)

    def register(self, started: datetime) -> None:
        """Make the application known. Raises SourceUnavailableError."""
        content = {**self._who(), "strategies": STRATEGIES, "started": started.isoformat(), "sdkVersion": SDK}
        self._post(REGISTER_PATH, {**content, "interval": int(self._interval)})

    def send(self, uses: Mapping[str, Uses], since: datetime, until: datetime) -> None:
        """Report what was asked for between two moments. Raises SourceUnavailableError; then nothing was counted."""
        toggles = {flag: {"yes": found.on, "no": found.off, "variants": {}} for flag, found in uses.items()}
        bucket = {"start": since.isoformat(), "stop": until.isoformat(), "toggles": toggles}
        self._post(METRICS_PATH, {**self._who(), "bucket": bucket})

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _who(self) -> dict[str, object]:
        return {"appName": self._options.app_name, "instanceId": self._options.instance_id}

    def _post(self, path: str, content: Mapping[str, object]) -> None:
        answer = self._wire.exchange("POST", path, content)
        if answer.status >= 300:
            raise SourceUnavailableError(f"Unleash answered {answer.status} to {path}")
