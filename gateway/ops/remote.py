"""`Controls` over a remote gateway's ops API. An edge; the counterpart is `gateway.ops.api`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from gateway.core.stages import Stage
from gateway.ops.access import is_loopback
from gateway.ops.errors import RemoteError
from gateway.ops.guard_report import GuardReport, OrderReport
from gateway.ops.reports import (
    ChangeReport,
    DrillReport,
    EntryReport,
    ExplainReport,
    RollbackReport,
    ShadowReport,
    StatusReport,
    ValidationReport,
)
from gateway.ops.rollback import PATIENCE, Mode

Report = TypeVar("Report")

TIMEOUT_SECONDS = 5.0
DRILL_TIMEOUT_SECONDS = 20.0
ROLLBACK_TIMEOUT_SECONDS = PATIENCE + 20.0
_ENTRIES = TypeAdapter(list[EntryReport])


class _Workers(BaseModel):
    workers: list[dict[str, object]]


class RemoteControls:
    """The verbs of ops, carried out by a gateway somewhere else. Raises RemoteError for whatever goes wrong there.

    Nothing is sent twice: after a timeout of a change, ask `status` whether it was made.
    """

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        base = httpx.URL(url)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # A proxy from the environment cannot reach this machine's own loopback.
        trust = not is_loopback(base.host)
        self._client = httpx.Client(
            base_url=base, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=trust, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def status(self) -> StatusReport:
        return self._ask(TypeAdapter(StatusReport), "GET", "/ops/status")

    @property
    def url(self) -> str:
        """The ops API."""
        return str(self._client.base_url).rstrip("/")

    def workers(self) -> list[dict[str, object]]:
        """What each of its workers has in force."""
        return self._ask(TypeAdapter(_Workers), "GET", "/ops/status").workers

    def set_percentage(
        self, flag: str, percentage: int, *, who: str, why: str, expected_generation: int | None = None
    ) -> ChangeReport:
        body = {"percentage": percentage, "who": who, "why": why, "expected_generation": expected_generation}
        return self._ask(TypeAdapter(ChangeReport), "PUT", f"/ops/flags/{quote(flag, safe='')}/percentage", body)

    def set_stage(self, flag: str, stage: Stage, *, who: str, why: str) -> ChangeReport:
        body, path = {"stage": stage, "who": who, "why": why}, f"/ops/flags/{quote(flag, safe='')}/stage"
        return self._ask(TypeAdapter(ChangeReport), "PUT", path, body)

    def kill(self, *, who: str, why: str) -> ChangeReport:
        return self._ask(TypeAdapter(ChangeReport), "POST", "/ops/kill", {"who": who, "why": why})

    def revive(self, *, who: str, why: str) -> ChangeReport:
        return self._ask(TypeAdapter(ChangeReport), "POST", "/ops/revive", {"who": who, "why": why})

    def rollback(self, flag: str, mode: Mode, *, hand_back: bool, who: str, why: str) -> RollbackReport:
        body, path = {"mode": mode, "hand_back": hand_back}, f"/ops/flags/{quote(flag, safe='')}/rollback"
        asked = body | {"who": who, "why": why}
        return self._ask(TypeAdapter(RollbackReport), "POST", path, asked, timeout=ROLLBACK_TIMEOUT_SECONDS)

    def explain(self, user_id: str, flag: str, pinned: bool | None = None) -> ExplainReport:
        # Who is pinned that gateway knows itself. In the body: an id may be "..", hold slashes, or be what an access
        # log must not see.
        return self._ask(TypeAdapter(ExplainReport), "POST", "/ops/explain", {"user_id": user_id, "flag": flag})

    def journal(self, limit: int) -> list[EntryReport]:
        return self._ask(_ENTRIES, "GET", f"/ops/journal?limit={limit}")

    def validate(self) -> ValidationReport:
        return self._ask(TypeAdapter(ValidationReport), "GET", "/ops/validate")

    def shadow(self) -> ShadowReport:
        """What the copies of that gateway found."""
        return self._ask(TypeAdapter(ShadowReport), "GET", "/ops/shadow")

    def drill(self, flag: str, *, who: str, why: str) -> DrillReport:
        """Time a rollback over all workers without making one; takes ten seconds at most."""
        body, path = {"who": who, "why": why}, f"/ops/flags/{quote(flag, safe='')}/drill"
        return self._ask(TypeAdapter(DrillReport), "POST", path, body, timeout=DRILL_TIMEOUT_SECONDS)

    # Desk ------------------------------------------------------------------------------------------------------------

    def guard(self) -> GuardReport | None:
        shape: TypeAdapter[GuardReport | None] = TypeAdapter(GuardReport | None)
        return self._ask(shape, "GET", "/ops/guard")

    def approve(self, *, who: str, why: str, step: int | None = None) -> OrderReport:
        return self._order("approve", {"who": who, "why": why, "step": step})

    def hold(self, *, who: str, why: str) -> OrderReport:
        return self._order("hold", {"who": who, "why": why})

    def resume(self, *, who: str, why: str) -> OrderReport:
        return self._order("resume", {"who": who, "why": why})

    def _order(self, order: str, body: Mapping[str, object]) -> OrderReport:
        return self._ask(TypeAdapter(OrderReport), "POST", f"/ops/guard/{order}", body)

    def _ask(
        self,
        shape: TypeAdapter[Report],
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Report:
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise RemoteError(f"{self._client.base_url} cannot be reached: {reason}") from error
        if not answer.is_success:
            raise _refusal(answer)
        try:
            return shape.validate_json(answer.content)
        except ValidationError as error:
            raise RemoteError(f"{self._client.base_url} does not answer like an ops API", status=502) from error


def _refusal(answer: httpx.Response) -> RemoteError:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return RemoteError(f"the ops API answered {answer.status_code}", status=answer.status_code)
    problems = content.get("problems")
    listed = [str(item) for item in problems] if isinstance(problems, list) else []
    detail = str(content.get("detail") or f"the ops API answered {answer.status_code}")
    return RemoteError(detail, status=answer.status_code, problems=listed, kind=str(content.get("error", "")))
