"""Asks what an import left behind: counts and yes-or-no questions, so that no text of a person leaves the database.

The counterpart is gateway.observe.proof, which judges the answer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from gateway.observe.jobs import TABLES, Pipeline, Row, SeenJob, moment_of
from gateway.observe.proof import Stored

_DOCUMENTS: Final = ("soul_md", "identity_md", "agents_md", "user_md")
_STATUSES: Final = "import_status,total_chunks,soulprint_generated_at"


class Source(Protocol):
    """What is needed of gateway.observe.supabase."""

    async def rows(self, table: str, query: Mapping[str, str]) -> list[Row]:
        """One page of rows."""
        ...

    async def count(self, table: str, query: Mapping[str, str]) -> int:
        """How many rows a query finds."""
        ...


async def look_at(source: Source, job: SeenJob) -> tuple[Stored, float | None]:
    """What is stored for the job's user, and when legacy saved the profile. Seven small requests.

    Raises SourceUnavailable or SourceRefused.
    """
    user = {"user_id": f"eq.{job.user_id}"}
    profiles = await source.rows("user_profiles", {**user, "select": _STATUSES, "limit": "1"})
    profile = profiles[0] if profiles else {}
    claimed, status = profile.get("total_chunks"), profile.get("import_status")
    filled = {f"{name}": "not.is.null" for name in _DOCUMENTS}
    stored = Stored(
        chunks=await source.count("conversation_chunks", user),
        embedded=await source.count("conversation_chunks", {**user, "embedding": "not.is.null"}),
        claimed_chunks=claimed if isinstance(claimed, int) else None,
        import_status=status if isinstance(status, str) else None,
        profile=await source.count("user_profiles", {**user, "soulprint_text": "neq."}) > 0,
        documents=await source.count("user_profiles", {**user, **filled}) > 0,
        generic=await source.count("user_profiles", {**user, "soulprint->>error": "not.is.null"}) > 0,
        newer=await _newer(source, job),
    )
    return stored, moment_of(profile.get("soulprint_generated_at"))


async def _newer(source: Source, job: SeenJob) -> bool:
    """Whether another import of the user began after this one, on either side."""
    since = {"user_id": f"eq.{job.user_id}", "created_at": f"gt.{iso(job.accepted_at)}", "id": f"neq.{job.id}"}
    for pipeline in Pipeline:
        only = {"kind": "eq.import"} if pipeline is Pipeline.V2 else {}
        if await source.count(TABLES[pipeline], {**since, **only}):
            return True
    return False


def iso(moment: float) -> str:
    """Unix seconds as PostgREST reads them."""
    return datetime.fromtimestamp(moment, UTC).isoformat()
