"""What the ops port says of evidence and pipelines: `GET /evidence` and `GET /ops/pipelines`, without the ops API.

The guard asks once a second, so these are answered at the port's door. Counterparts: gateway.observe.observation, and
whoever follows the evidence by its sequence numbers.
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.observe.errors import EvidenceUnusable
from gateway.observe.headroom import Headroom
from gateway.ops.errors import EvidenceOffError, OpsQueryError
from gateway.ops.fleet_port import FleetPort

if TYPE_CHECKING:
    from gateway.observe.observation import Observation  # brings the database, for who keeps evidence

MAX_RECORDS: Final = 5000
RECORDS: Final = 1000
OFF: Final = "no evidence is kept: GATEWAY_STATE_DIR is not set"
_METRICS_OFF: Final = b"""# HELP gateway_evidence_up 1 while the evidence can be written.
# TYPE gateway_evidence_up gauge
gateway_evidence_up 0.0
# HELP gateway_jobs_followers Pipelines whose jobs are to be followed.
# TYPE gateway_jobs_followers gauge
gateway_jobs_followers 0.0
"""


class Reply(NamedTuple):
    """A page's answer."""

    media_type: str
    body: bytes


class EvidencePages:
    """The pages by path. `observation` None: no evidence is kept, and every page says so."""

    def __init__(self, observation: "Observation | None", fleet: FleetPort, headroom: Headroom) -> None:
        self._observation = observation
        self._fleet = fleet
        self._headroom = headroom
        self.pages = {"/evidence": self.evidence, "/ops/pipelines": self.pipelines}

    async def evidence(self, query: Mapping[str, str]) -> Reply:
        """Records behind `after`, at most `limit` (1000, at most 5000), legacy's headroom, and how far jobs are told.

        Raises OpsQueryError and EvidenceOffError.
        """
        after, limit = _number(query, "after", 0, 2**62), _number(query, "limit", RECORDS, MAX_RECORDS)
        observation = self._observing()
        settled_at = observation.settled_at()  # before the page: what it vouches for must be in there
        try:
            page = await observation.evidence.page(after, limit)
        except EvidenceUnusable as error:
            raise EvidenceOffError(str(error)) from None
        envelope: dict[str, object] = {
            "epoch": page.epoch,
            "oldest": page.oldest,
            "newest": page.newest,
            "next": page.next,
        }
        if observation.pipelines is not None:
            envelope["settled_at"] = settled_at
        legacy = self._headroom.look(await self._fleet.snapshots(), time.monotonic())
        if legacy is not None:
            envelope["legacy"] = legacy
        head = json.dumps(envelope, separators=(",", ":"))
        return _json(f'{head[:-1]},"records":[{",".join(page.records)}]}}')

    async def pipelines(self, _: Mapping[str, str]) -> Reply:
        """Whether evidence is kept and jobs are followed, what is wrong, and how many jobs run."""
        if self._observation is None:
            return _json(json.dumps({"evidence": {"problem": OFF}, "following": {}, "not_following": OFF}))
        return _json(json.dumps(self._observation.status() | {"running": dict(self._observation.running())}))

    def exposition(self) -> bytes:
        """Metrics of evidence and jobs in Prometheus' text format; zeros where no evidence is kept."""
        return _METRICS_OFF if self._observation is None else self._observation.exposition()

    def _observing(self) -> "Observation":
        if self._observation is None:
            raise EvidenceOffError(OFF)
        if self._observation.problem is not None:
            raise EvidenceOffError(self._observation.problem)
        return self._observation


def _json(text: str) -> Reply:
    return Reply("application/json", text.encode())


def _number(query: Mapping[str, str], name: str, default: int, largest: int) -> int:
    given = query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and int(given) <= largest):
        raise OpsQueryError(f"'{name}' must be a whole number from 0 to {largest}")
    return int(given)
