"""The errors of the ops plane, beside those of `flags`. Counterpart: `problems`, which turns both into answers.

OpsError
├── OpsAccessError        the ops port must not be opened like this
├── NotAuthorisedError    no token, or a wrong one
├── IllegalMoveError      a stage that cannot follow the present one
├── ForbiddenOriginError  a web page of somebody else sent the request
├── TooManyStreamsError   more pages are open than the ops plane serves
├── OpsQueryError         a question that cannot be understood
├── EvidenceOffError      no evidence is kept
├── JobsUnavailableError  v2 does not say which jobs run, or does not end one
└── RemoteError           a remote ops API could not be reached, or refused
"""

from collections.abc import Sequence


class OpsError(Exception):
    """Anything that goes wrong on the ops plane. `status` is the HTTP status the ops API answers with."""

    status = 500


class OpsAccessError(OpsError):
    """The ops port must not be opened like this."""


class NotAuthorisedError(OpsError):
    """No token, or a wrong one."""

    status = 401


class IllegalMoveError(OpsError):
    """A stage that cannot follow the present one; nothing was changed."""

    status = 409


class ForbiddenOriginError(OpsError):
    """The request came from a web page of somebody else."""

    status = 403


class TooManyStreamsError(OpsError):
    """More pages are open than the ops plane serves."""

    status = 503


class OpsQueryError(OpsError):
    """A question that cannot be understood."""

    status = 422


class EvidenceOffError(OpsError):
    """No evidence is kept, or it cannot be read; the message says why."""

    status = 409


class JobsUnavailableError(OpsError):
    """v2 is away, refuses the gateway's key, or does not know what it was asked."""

    status = 502


class RemoteError(OpsError):
    """A remote ops API could not be reached or refused.

    `status` is its answer's, 0 if there was none; `kind` is the name of the error over there, "" if it gave none.
    """

    def __init__(self, message: str, *, status: int = 0, problems: Sequence[str] = (), kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.problems = tuple(problems)
