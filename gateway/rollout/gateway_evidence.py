"""Reads the evidence stream of a running gateway over its ops API. Counterpart: `GET /evidence` there."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

from gateway.rollout.errors import EvidenceUnavailableError
from gateway.rollout.evidence import Batch, LegacyLoad, read_record

LIMIT = 1000
TIMEOUT_SECONDS = 5.0


class GatewayEvidence:
    """The `EvidenceSource` behind one ops API."""

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self, after: int) -> Batch:
        try:
            answer = self._client.get("/evidence", params={"after": after, "limit": LIMIT})
        except httpx.HTTPError as error:
            raise EvidenceUnavailableError(f"the gateway cannot be asked: {error or type(error).__name__}") from error
        if answer.status_code != 200:
            raise EvidenceUnavailableError(f"the gateway has no evidence: it answered {answer.status_code}")
        try:
            return _batch(answer.json(), after)
        except (ValueError, KeyError, TypeError) as error:
            raise EvidenceUnavailableError(f"the gateway's evidence cannot be read: {error!r}") from error


def _batch(content: Mapping[str, object], after: int) -> Batch:
    items = content["records"]
    if not isinstance(items, list):
        raise TypeError("records is not a list")
    found = (read_record(item) for item in items)
    following = int(str(content["next"]))
    load, settled = content.get("legacy"), content.get("settled_at")
    return Batch(
        epoch=str(content["epoch"]),
        records=tuple(record for record in found if record is not None),
        next=following,
        missed=int(str(content["oldest"])) > after + 1,
        more=following < int(str(content["newest"])),
        legacy=_load(load) if isinstance(load, dict) else None,
        follows_jobs="settled_at" in content,
        settled_at=None if settled is None else float(str(settled)),
    )


def _load(content: Mapping[str, object]) -> LegacyLoad:
    return LegacyLoad(bool(content["healthy"]), int(str(content["in_flight"])), int(str(content["limit"])))
