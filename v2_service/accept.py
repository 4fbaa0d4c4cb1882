"""Accepting an import: check, claim, store what came inline, hand over to the jobs. Counterpart: `api.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from v2_service.adapters.runs import Claim, Request, Run
from v2_service.errors import HandBackRefused, KeyClosed, KeyInvalid, KeyReused, RetryRefused, RunUnknown, ServiceFailed
from v2_service.jobs.services import Services
from v2_service.json_pieces import encode
from v2_service.paths import StoragePath, storage_path, user_id

KEY = re.compile(r"[\x21-\x7e]{1,255}")
RETRY_REFUSALS = {
    "not_failed": "Only a failed job can be retried.",
    "superseded": "The user's conversations were imported anew since; this one cannot be retried any more.",
    "legacy": "The former service is importing for this user; this job can be retried when that is over.",
    "too_often": "This job was retried too often. Please start a new import.",
}
NO_JOB = "There is no such job."
STOPPABLE = ("accepted", "running")
# The monolith reads plain JSON alone.
PACKED = (".zip", ".gz")
COHORT = re.compile(r"[\w.:-]{1,64}")
# The keys of dry runs. A request that lost its X-Shadow on the way must not become an import; a client's own key may
# begin as it likes, so only the whole form counts.
DRY_RUN_KEY = re.compile(r"shadow-[0-9a-f]{64}")


Conversations = list[dict[str, object]]


class Queue(Protocol):
    """What the jobs offer to whoever accepts."""

    async def submit(self, run_id: str) -> None:
        """Make sure that a run is worked on; again for the same run changes nothing."""
        ...

    async def submit_hand_back(self, run_id: str) -> None:
        """Make sure that a stopped run is given to the monolith; again for the same run changes nothing."""
        ...

    async def resubmit(self, run_id: str, *, kept: bool) -> None:
        """Work on a failed run again, from where it failed if its chunks were `kept`."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A caller's request, unchecked."""

    user_id: str
    storage_path: str | None = None
    conversations: Conversations | None = None
    conversation_count: int | None = None
    message_count: int | None = None
    idempotency_key: str | None = None
    cohort: str | None = None


class Desk:
    """Turns wishes into runs."""

    def __init__(self, services: Services, queue: Queue) -> None:
        self._services = services
        self._queue = queue

    async def accept(self, wanted: Wanted, name: str) -> Claim:
        """Commit a run and start it, or answer the user's running one, the monolith's included.

        `name` names an inline export's object. Raises UserIdInvalid, StoragePathRefused, KeyInvalid, KeyReused,
        KeyClosed, UserUnknown, StoreUnavailable, StoreRefused.
        """
        user = user_id(wanted.user_id)
        path, inline = self._source(wanted, user, name)
        request = request_of(wanted, user, path)
        if DRY_RUN_KEY.fullmatch(request.idempotency_key or ""):
            raise KeyInvalid("This Idempotency-Key has the form of those of dry runs, which come with X-Shadow: 1.")
        claim = await self._services.runs.claim(request)
        if claim.user_id != user:
            raise KeyReused("This Idempotency-Key was used for another user's import.")
        if claim.verdict == "closed":
            raise KeyClosed("This Idempotency-Key was given up: its request was sent elsewhere.")
        if claim.verdict == "legacy":
            self._services.metrics.joined.inc()
            return claim
        if claim.accepted and path is not None and inline:
            await self._store(claim, path, inline)
        # Also for a joined run: whoever claimed it may have died before handing it over.
        await self._queue.submit(claim.run_id)
        if claim.accepted:
            self._services.metrics.accepted.labels(request.kind).inc()
        else:
            self._services.metrics.joined.inc()
        return claim

    async def retry(self, run_id: str) -> None:
        """Take up a failed run where it failed; one that is running already goes on.

        Raises RunUnknown, RetryRefused, StoreUnavailable, StoreRefused.
        """
        retry = await self._services.runs.retry(run_id)
        if retry.verdict == "unknown":
            raise RunUnknown(NO_JOB)
        if retry.verdict in RETRY_REFUSALS:
            raise RetryRefused(RETRY_REFUSALS[retry.verdict])
        if retry.verdict == "accepted":
            await self._queue.resubmit(run_id, kept=retry.staged > 0)

    async def hand_back(self, run_id: str) -> Run:
        """Stop a running import between two steps and give it to the monolith; again it answers the first.

        Raises RunUnknown, HandBackRefused (then the run goes on), StoreUnavailable, StoreRefused.
        """
        runs = self._services.runs
        run = await runs.get(run_id)
        if run is None:
            raise RunUnknown(NO_JOB)
        if run["status"] in STOPPABLE:
            self._may_be_given_back(run)
        begun = await self._services.hand_backs.begin(run_id)
        if begun.verdict == "over":
            raise HandBackRefused("already_over", f"The job is over already ({begun.status}): nothing was given back.")
        if begun.status == "handing_back":
            await self._queue.submit_hand_back(run_id)
        after = await runs.get(run_id)
        if after is None:
            raise RunUnknown(NO_JOB)
        return after

    def _may_be_given_back(self, run: Run) -> None:
        if self._services.settings.hand_back_url is None:
            raise HandBackRefused(
                "hand_back_unset", "V2_HAND_BACK_URL is not set: nobody is there to take the job. It goes on here."
            )
        if str(run["storage_path"] or "").lower().endswith(PACKED):
            raise HandBackRefused(
                "hand_back_unreadable", "The former service cannot read packed exports. The job goes on here."
            )

    def _source(self, wanted: Wanted, user: str, name: str) -> tuple[StoragePath | None, Conversations | None]:
        """Where the export is, or is to be stored with which content; neither for a refresh. A path wins."""
        buckets = self._services.settings.buckets
        if wanted.storage_path:
            return storage_path(wanted.storage_path, user, buckets), None
        if wanted.conversations:
            return StoragePath(buckets[0], f"{user}/inline-{name}.json"), wanted.conversations
        return None, None

    async def _store(self, claim: Claim, path: StoragePath, conversations: Conversations) -> None:
        try:
            await self._services.storage.upload(path, await encode(conversations))
        except ServiceFailed:
            # The caller will hear of the failure and send again, perhaps with the same key: nothing was accepted.
            await self._services.runs.forget(claim.run_id)
            raise


def request_of(wanted: Wanted, user: str, path: StoragePath | None) -> Request:
    """What is claimed. Raises KeyInvalid."""
    return Request(
        user_id=user,
        storage_path=str(path) if path else None,
        idempotency_key=None if wanted.idempotency_key is None else valid_key(wanted.idempotency_key),
        cohort=wanted.cohort if wanted.cohort and COHORT.fullmatch(wanted.cohort) else None,
        conversation_count=wanted.conversation_count,
        message_count=wanted.message_count,
    )


def valid_key(text: str) -> str:
    """The key. Raises KeyInvalid."""
    if not KEY.fullmatch(text):
        raise KeyInvalid("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return text
