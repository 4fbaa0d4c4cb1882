"""Changes a percentage or a stage through Unleash's Admin API. Counterpart: `flags.unleash_source`.

The Admin API has no compare-and-set. So the revision is compared just before the change, and the strategy is read back
after it: two people in the same few milliseconds are noticed, not prevented.
"""

import json
import time
from dataclasses import dataclass
from urllib.parse import quote

from flags.compile import parse_percentage
from flags.document import read_document
from flags.errors import (
    ChangeRefusedError,
    GenerationConflictError,
    InvalidPercentageError,
    NoPercentageError,
    SourceUnavailableError,
    StoreFailedError,
    UnknownFlagError,
)
from flags.file_store import ROLLOUT_PARAMETER, PercentageChange, StageChange
from flags.pinning import write_suspended
from flags.stage import read_stage, stage_variants
from flags.unleash_source import FEATURES_PATH, UnleashOptions
from flags.unleash_wire import Answer, UnleashWire

_WRITABLE = ("name", "title", "constraints", "parameters", "variants", "segments", "sortOrder", "disabled")
"""Members of a strategy that a change sends back as they were."""

REWRITTEN = "rewritten"
"""Parameter that says when a strategy was written again as it was. Without a difference the server counts no revision
up, and a drill would wait for one in vain. SDKs ignore it; the next real change takes it away."""


@dataclass(frozen=True, slots=True)
class UnleashAdmin:
    """Where and as whom to write. `token` is an admin or personal access token."""

    token: str
    project: str = "default"
    environment: str = "development"


class UnleashStore:
    """One project and environment of one Unleash server, for writing."""

    def __init__(self, options: UnleashOptions, admin: UnleashAdmin) -> None:
        self._client = UnleashWire(options.url, options.headers(), deadline=options.deadline)
        self._admin = UnleashWire(options.url, {"authorization": admin.token}, deadline=options.deadline * 2)
        self._place = f"/api/admin/projects/{quote(admin.project, safe='')}/features"
        self._environment = quote(admin.environment, safe="")

    def set_percentage(
        self,
        flag: str,
        percentage: int,
        *,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> PercentageChange:
        """Set one flag's percentage (0 to 100). The generation in the answer is None: the server counts it up later.

        `suspend_pins` as in `flags.pinning`.
        Raises SourceUnavailableError, StoreFailedError or a ChangeRefusedError.
        """
        if isinstance(percentage, bool) or not isinstance(percentage, int) or not 0 <= percentage <= 100:
            raise InvalidPercentageError(f"a percentage is a whole number from 0 to 100, not {percentage!r}")
        try:
            if expected_generation is not None:
                self._compare(expected_generation)
            strategies = self._strategies(flag)
            strategy, key = self._only_rollout(flag, strategies)
            before = parse_percentage(_parameters(strategy).get(key))
            parameters = _rewritten(_parameters(strategy), key, percentage, suspend_pins)
            changed = {**strategy, "parameters": parameters}
            self._expect(flag, self._admin.exchange("PUT", f"{strategies}/{strategy['id']}", _writable(changed)))
            now, key = self._only_rollout(flag, strategies)
            if _parameters(now).get(key) != str(percentage):
                raise _overtaken(flag)
        finally:
            self._client.close()
            self._admin.close()
        return PercentageChange(flag, before, percentage, None)

    def set_stage(self, flag: str, stage: str, *, expected_generation: int | None = None) -> StageChange:
        """Write a flag's stage. Raises as `set_percentage` does."""
        try:
            if expected_generation is not None:
                self._compare(expected_generation)
            strategies = self._strategies(flag)
            strategy, _ = self._only_rollout(flag, strategies)
            changed = {**strategy, "variants": stage_variants(flag, strategy, stage)}
            self._expect(flag, self._admin.exchange("PUT", f"{strategies}/{strategy['id']}", _writable(changed)))
            now, _ = self._only_rollout(flag, strategies)
            if read_stage([now]) != stage:
                raise _overtaken(flag)
        finally:
            self._client.close()
            self._admin.close()
        return StageChange(flag, read_stage([strategy]), stage, None)

    def _strategies(self, flag: str) -> str:
        return f"{self._place}/{quote(flag, safe='')}/environments/{self._environment}/strategies"

    def _compare(self, expected: int) -> None:
        answer = self._client.exchange("GET", FEATURES_PATH)
        if answer.status != 200:
            raise SourceUnavailableError(f"Unleash answered {answer.status} to the client token")
        actual = read_document(answer.body).generation
        if actual != expected:
            raise GenerationConflictError(expected, actual)

    def _only_rollout(self, flag: str, strategies: str) -> tuple[dict[str, object], str]:
        listed = self._expect(flag, self._admin.exchange("GET", strategies))
        found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        rollouts = [item for item in found if item.get("name") in ROLLOUT_PARAMETER and "id" in item]
        if len(rollouts) != 1:
            raise NoPercentageError(f"flag {flag!r} has {len(rollouts)} percentage strategies; exactly one can be set")
        return rollouts[0], ROLLOUT_PARAMETER[rollouts[0]["name"]]

    def _expect(self, flag: str, answer: Answer) -> object:
        """The JSON of a successful answer."""
        if answer.status in (401, 403):
            raise ChangeRefusedError("Unleash refuses the admin token, or wants this change approved")
        if answer.status == 404:
            raise UnknownFlagError(flag, ())
        if answer.status >= 300:
            raise StoreFailedError(f"Unleash answered {answer.status}")
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise StoreFailedError("Unleash did not answer in JSON") from error


def _overtaken(flag: str) -> ChangeRefusedError:
    return ChangeRefusedError(f"flag {flag!r} was changed by somebody else at the same moment; look again")


def _writable(strategy: dict[str, object]) -> dict[str, object]:
    return {name: strategy[name] for name in _WRITABLE if strategy.get(name) is not None}


def _rewritten(old: dict[str, str], key: str, percentage: int, suspend_pins: bool | None) -> dict[str, str]:
    """The parameters with this percentage, different from the old ones in any case."""
    plain = {name: value for name, value in old.items() if name != REWRITTEN}
    parameters = {**plain, key: str(percentage)}
    write_suspended(parameters, percentage, suspend_pins)
    return parameters if parameters != plain else {**parameters, REWRITTEN: str(time.time_ns())}


def _parameters(strategy: dict[str, object]) -> dict[str, str]:
    found = strategy.get("parameters")
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
