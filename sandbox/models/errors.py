"""What a model stand-in refuses, with the HTTP status and the two wire names of each error.

ModelError
├── InvalidRequest        400  the body does not say what the API asks for
├── SchemaNotSupported    400  a JSON schema that the API or this model cannot follow
├── Unauthenticated       401  no key (Bedrock: 403)
├── UnknownModel          404  no such model
├── UnknownBatch          404  no such batch, or its results are not ready
├── TooLarge              413  the body is over the limit
├── RateLimited           429  throttled on purpose, or a bound of the sandbox is reached
├── Overloaded            529  overloaded on purpose (Bedrock: 503)
└── Broken                500  another status, on purpose
"""

from __future__ import annotations

from typing import ClassVar


class ModelError(Exception):
    """Root of this room's errors. `anthropic` and `bedrock` are the error's names on the two wires."""

    status: int = 500
    bedrock_status: int = 500
    anthropic: ClassVar[str] = "api_error"
    bedrock: ClassVar[str] = "InternalServerException"
    retry_after: float | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(ModelError):
    """The body does not say what the API asks for."""

    status = bedrock_status = 400
    anthropic = "invalid_request_error"
    bedrock = "ValidationException"


class SchemaNotSupported(InvalidRequest):
    """A JSON schema that the API or this model cannot follow."""


class Unauthenticated(ModelError):
    """No credentials."""

    status, bedrock_status = 401, 403
    anthropic = "authentication_error"
    bedrock = "AccessDeniedException"


class UnknownModel(ModelError):
    """No such model."""

    status = bedrock_status = 404
    anthropic = "not_found_error"
    bedrock = "ResourceNotFoundException"


class UnknownBatch(ModelError):
    """No such batch, or its results are not ready."""

    status = bedrock_status = 404
    anthropic = "not_found_error"
    bedrock = "ResourceNotFoundException"


class TooLarge(ModelError):
    """The body is over the limit."""

    status = bedrock_status = 413
    anthropic = "request_too_large"
    bedrock = "ValidationException"


class RateLimited(ModelError):
    """Throttled on purpose, or a bound of the sandbox is reached."""

    status = bedrock_status = 429
    anthropic = "rate_limit_error"
    bedrock = "ThrottlingException"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(ModelError):
    """Overloaded on purpose."""

    status, bedrock_status = 529, 503
    anthropic = "overloaded_error"
    bedrock = "ServiceUnavailableException"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Broken(ModelError):
    """Another status, on purpose."""

    def __init__(self, status: int) -> None:
        super().__init__("an error that the sandbox was told to make")
        self.status = self.bedrock_status = status
