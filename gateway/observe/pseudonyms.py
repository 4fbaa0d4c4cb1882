"""Users as keyed hashes: enough to join a job to the decision behind it, not enough to name anybody.

The evidence holds no user id. Whoever reads it needs the key, and then the id itself, to find one person's records.
"""

import os
import secrets
import uuid
from hashlib import blake2b
from pathlib import Path
from typing import Final

from gateway.observe.errors import EvidenceUnusable

KEY_FILE: Final = "evidence.key"
KEY_BYTES: Final = 32
_DIGEST_BYTES: Final = 10


class Pseudonyms:
    """Hashes under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, user_id: str) -> str:
        """20 hex digits. Spellings of one UUID share them: the database writes ids in its own way."""
        try:
            spelled = str(uuid.UUID(user_id))
        except ValueError:
            spelled = user_id
        return blake2b(spelled.encode("utf-8", "replace"), key=self._key, digest_size=_DIGEST_BYTES).hexdigest()


def open_pseudonyms(folder: Path) -> Pseudonyms:
    """With the key kept in `folder`, which is made if there is none. Raises EvidenceUnusable."""
    path = folder / KEY_FILE
    try:
        _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise EvidenceUnusable(f"the key {path} cannot be used: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise EvidenceUnusable(f"the key {path} is not {KEY_BYTES} bytes long")
    return Pseudonyms(key)


def _make_key(path: Path) -> None:
    """Write a new key under another name and link it, so that of two processes starting together both read one key."""
    if path.exists():
        return
    draft = path.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(0o600, exist_ok=False)
    draft.write_bytes(secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster; its key counts
    finally:
        draft.unlink()
