"""Reads users by cohort from Prometheus, gateway by gateway. Counterpart: `gateway.observe.cohort_counts`.

Missing scrapes, old samples and gateways that are not there are no evidence, and no evidence holds: nothing here ever
stands for a zero.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import httpx

from gateway.rollout.errors import EvidenceUnavailableError
from gateway.rollout.evidence import Batch, CohortTally
from gateway.rollout.plan import Plan

TIMEOUT_SECONDS: Final = 5.0
FRESH_SECONDS: Final = 90.0
"""A scrape that is older is missing: three of the usual intervals, and some."""

EPOCH: Final = "prometheus"
_GAUGES: Final = ("began_seconds", "heard_seconds", "users", "failed_users", "first_failures", "side_users")

Sample = tuple[dict[str, str], float, float]
"""Labels, value, and the Unix time of the scrape."""


def tallied(plan: Plan, gateways: int) -> Plan:
    """The plan, judged by counts: to its guard another plan, so that one begun by records is not gone on with."""
    return replace(plan, tallied=gateways, digest=f"{plan.digest} tallied by {gateways}")


class PrometheusEvidence:
    """The `EvidenceSource` behind one Prometheus, for one flag and the given number of gateways.

    Each reading is the whole state, so the guard's place in a stream has no meaning here: it counts readings.
    """

    def __init__(
        self,
        url: str,
        flag: str,
        gateways: int,
        *,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, transport=transport)
        self._flag = flag
        self._gateways = gateways
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self, after: int) -> Batch:
        found = {name: self._ask(f'gateway_cohort_{name}{{flag="{self._flag}"}}') for name in _GAUGES}
        instances = sorted({labels.get("instance", "") for labels, _, _ in found["began_seconds"]})
        if len(instances) != self._gateways:
            raise EvidenceUnavailableError(f"Prometheus knows {len(instances)} gateways of {self._gateways}")
        records = [self._tally(after + 1, instance, found) for instance in instances]
        if len({record.percentage for record in records}) > 1:
            raise EvidenceUnavailableError("the gateways are not all at one percentage")
        return Batch(EPOCH, tuple(records), after + 1)

    def _tally(self, seq: int, instance: str, found: dict[str, list[Sample]]) -> CohortTally:
        own = {
            name: [one for one in samples if one[0].get("instance", "") == instance] for name, samples in found.items()
        }
        percentages = {labels["percentage"] for samples in own.values() for labels, _, _ in samples}
        if len(percentages) != 1 or any(not samples for samples in own.values()):
            raise EvidenceUnavailableError(f"the scrape of {instance} is not whole")

        def by(label: str, name: str) -> dict[str, int]:
            return {labels[label]: int(value) for labels, value, _ in own[name]}

        return CohortTally(
            seq=seq,
            at=own["heard_seconds"][0][1],
            instance=instance,
            began_at=own["began_seconds"][0][1],
            percentage=int(percentages.pop()),
            users=by("cohort", "users"),
            failed=by("cohort", "failed_users"),
            first_failures=by("cohort", "first_failures"),
            sides=by("backend", "side_users"),
        )

    def _ask(self, expression: str) -> list[Sample]:
        """The newest samples, with the moment of their scrape; old ones are left out."""
        values, moments = self._vector(expression), self._vector(f"timestamp({expression})")
        scraped = {_key(labels): value for labels, value in moments}
        oldest = self._clock() - FRESH_SECONDS
        whole = [(labels, value, scraped.get(_key(labels), 0.0)) for labels, value in values]
        return [one for one in whole if one[2] >= oldest]

    def _vector(self, expression: str) -> list[tuple[dict[str, str], float]]:
        try:
            answer = self._client.get("/api/v1/query", params={"query": expression})
        except httpx.HTTPError as error:
            raise EvidenceUnavailableError(f"Prometheus cannot be asked: {error or type(error).__name__}") from error
        try:
            content = answer.json()
            if answer.status_code != httpx.codes.OK or content["status"] != "success":
                raise EvidenceUnavailableError(f"Prometheus answered {answer.status_code}")
            return [(dict(one["metric"]), float(one["value"][1])) for one in content["data"]["result"]]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise EvidenceUnavailableError(f"Prometheus' answer cannot be read: {error!r}") from error


def _key(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name != "__name__")
