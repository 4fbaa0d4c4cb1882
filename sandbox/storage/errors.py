"""What the storage service refuses with. Its real counterpart answers HTTP 400 and puts the status into the body.

StorageError
├── NotFound        object or bucket
├── Duplicate       an object or bucket is there already
├── InvalidName     a key that no client should send
├── TooLarge        more bytes than the bucket takes
└── Forbidden       no token, a bad one, or one without rights
"""

from __future__ import annotations


class StorageError(Exception):
    """`code` is what clients must look at: the status inside the body."""

    code = "500"
    error = "Internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, str]:
        return {"statusCode": self.code, "error": self.error, "message": self.message}


class NotFound(StorageError):
    code, error = "404", "not_found"


class BucketNotFound(NotFound):
    error = "Bucket not found"


class Duplicate(StorageError):
    code, error = "409", "Duplicate"

    def __init__(self) -> None:
        super().__init__("The resource already exists")


class InvalidName(StorageError):
    code, error = "400", "InvalidKey"


class TooLarge(StorageError):
    code, error = "413", "Payload too large"

    def __init__(self) -> None:
        super().__init__("The object exceeded the maximum allowed size")


class Forbidden(StorageError):
    code, error = "403", "Unauthorized"


def object_not_found() -> NotFound:
    return NotFound("Object not found")


def bucket_not_found() -> NotFound:
    return BucketNotFound("Bucket not found")
