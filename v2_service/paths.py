"""Storage paths: `<bucket>/<user_id>/<name...>`, so that nobody imports, or reads with our key, what is another's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from v2_service.errors import StoragePathRefused, UserIdInvalid

MAX_LENGTH = 1024
PARTS = 3
# What would be read differently by an URL parser, a proxy or Storage than by us.
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\%?#]")


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A checked path; `str()` gives back the form the web app uses."""

    bucket: str
    name: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.name}"


def user_id(text: str) -> str:
    """The canonical form of a user's UUID. Raises UserIdInvalid."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        raise UserIdInvalid("user_id must be a UUID") from None
    if str(parsed) != text.lower():
        raise UserIdInvalid("user_id must be a UUID")
    return str(parsed)


def storage_path(text: str, owner: str, buckets: Sequence[str]) -> StoragePath:
    """Check a path that a caller sent. Raises StoragePathRefused saying which rule it breaks."""
    if len(text) > MAX_LENGTH or FORBIDDEN.search(text):
        raise StoragePathRefused("storage_path has characters that are not allowed, or is too long")
    parts = text.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise StoragePathRefused("storage_path must not have empty or dot segments")
    if len(parts) < PARTS:
        raise StoragePathRefused("storage_path must look like <bucket>/<user_id>/<file>")
    bucket, folder = parts[0], parts[1]
    if bucket not in buckets:
        raise StoragePathRefused("storage_path names a bucket that imports are not read from")
    if folder.lower() != owner:
        raise StoragePathRefused("storage_path is outside the user's own folder")
    return StoragePath(bucket, "/".join(parts[1:]))
