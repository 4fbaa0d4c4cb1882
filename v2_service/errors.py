"""What can go wrong in the service, as one tree; `processors/errors.py` has the pure pipeline's own.

V2Error
├── SettingsInvalid          the environment, all problems in one text
├── RequestRefused           the caller's fault, with its HTTP status
│   ├── UserIdInvalid        400
│   ├── StoragePathRefused   400
│   ├── KeyInvalid           400
│   ├── CursorInvalid        400
│   ├── ShadowInvalid        400
│   ├── UserUnknown          404
│   ├── RunUnknown           404
│   ├── KeyReused            409
│   ├── KeyClosed            409
│   ├── RetryRefused         409
│   ├── HandBackRefused      409  `code` says why
│   └── BodyTooLarge         413
└── ServiceFailed            somebody we depend on; `transient` says whether trying again may help
    ├── StoreUnavailable     no answer, or a 5xx, from the database or Storage
    ├── StoreRefused         the database refused a read or a write
    ├── StaleRun             the run was cancelled, finished or taken over: this worker must stop
    ├── Overtaken            somebody else stored newer chunks of the user: they stay, and this run fails
    ├── ExportMissing        no such object in Storage
    ├── ExportTooLarge       larger than the limit
    ├── ReadingStopped       the process that read the export is gone: killed, or out of memory
    ├── ModelUnavailable     no answer from the language model
    ├── EmbeddingsUnavailable
    ├── CallbackFailed       the web app did not take the news
    ├── ShadowRefused        a dry run is kept out; `bound` says by what
    ├── BudgetSpent          nothing more may be paid, for this job or today
    └── ImportFailed         the pipeline's own verdict: nothing to import, no proof of the result
"""

from __future__ import annotations

from http import HTTPStatus


class V2Error(Exception):
    """`code` is stable and for machines, `sentence` is for the person whose import it is."""

    code = "v2_error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[V2Error], tuple[object, ...]]:
        """Errors are stored with a failed step, so they must survive pickling."""
        return type(self), tuple(self.args)


class SettingsInvalid(V2Error):
    """The environment does not make valid settings."""

    code = "settings_invalid"


class RequestRefused(V2Error):
    """A request that cannot be served as it is."""

    status = HTTPStatus.BAD_REQUEST


class UserIdInvalid(RequestRefused):
    code = "user_id_invalid"


class StoragePathRefused(RequestRefused):
    code = "storage_path_refused"


class KeyInvalid(RequestRefused):
    code = "idempotency_key_invalid"


class CursorInvalid(RequestRefused):
    code = "cursor_invalid"


class UserUnknown(RequestRefused):
    code = "user_unknown"
    status = HTTPStatus.NOT_FOUND


class RunUnknown(RequestRefused):
    code = "run_unknown"
    status = HTTPStatus.NOT_FOUND


class KeyReused(RequestRefused):
    code = "idempotency_key_reused"
    status = HTTPStatus.CONFLICT


class KeyClosed(RequestRefused):
    code = "idempotency_key_closed"
    status = HTTPStatus.CONFLICT


class RetryRefused(RequestRefused):
    code = "retry_refused"
    status = HTTPStatus.CONFLICT


class HandBackRefused(RequestRefused):
    """`reason` is the code that the answer gets: unset, over, or a form that the monolith cannot read."""

    code = "hand_back_refused"
    status = HTTPStatus.CONFLICT

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.args = (reason, sentence)
        self.code = reason


class ShadowInvalid(RequestRefused):
    """X-Shadow has a value that means nothing: neither an import nor a dry run is begun."""

    code = "shadow_invalid"


class BodyTooLarge(RequestRefused):
    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class ServiceFailed(V2Error):
    """Somebody we depend on failed."""

    code = "service_failed"
    transient = False


class StoreUnavailable(ServiceFailed):
    code = "store_unavailable"
    transient = True


class StoreRefused(ServiceFailed):
    code = "store_refused"


class StaleRun(ServiceFailed):
    code = "stale_run"


class Overtaken(ServiceFailed):
    code = "overtaken"


class ExportMissing(ServiceFailed):
    code = "export_missing"


class ExportTooLarge(ServiceFailed):
    code = "export_too_large"


class ReadingStopped(ServiceFailed):
    code = "reading_stopped"
    transient = True


class ModelUnavailable(ServiceFailed):
    """`transient` is set per error: an overload may pass, a bad key will not."""

    code = "model_unavailable"

    def __init__(self, sentence: str, transient: bool = True) -> None:
        super().__init__(sentence)
        self.args = (sentence, transient)
        self.transient = transient


class EmbeddingsUnavailable(ModelUnavailable):
    code = "embeddings_unavailable"


class CallbackFailed(ServiceFailed):
    code = "callback_failed"


class ShadowRefused(ServiceFailed):
    """A dry run is not let in. Nobody waits for one, so it is dropped; `bound` is what keeps it out."""

    code = "shadow_refused"
    transient = True

    def __init__(self, bound: str, sentence: str) -> None:
        super().__init__(sentence)
        self.args = (bound, sentence)
        self.bound = bound


class BudgetSpent(ServiceFailed):
    """`budget` is the error code that the run row gets: which budget it was."""

    code = "budget_spent"

    def __init__(self, budget: str, sentence: str) -> None:
        super().__init__(sentence)
        self.args = (budget, sentence)
        self.code = budget


class ImportFailed(ServiceFailed):
    """`reason` is the error code that the run row gets."""

    code = "import_failed"

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.args = (reason, sentence)
        self.code = reason
