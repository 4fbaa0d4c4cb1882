"""Demo users with real exports, in the shape in which the web app uploads them: one plain JSON list per user."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # an export's conversations are opaque here

BUCKET = "user-imports"
# Kept as samples of what must be refused; see tests/data/README.md.
NOT_EXPORTS = frozenset({"not_valid_json_2023.json", "sibling_model_comparisons.json"})
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:banyan:demo-user")


@dataclass(frozen=True, slots=True)
class Seed:
    """One demo user: `body` is the JSON list to upload at `storage_path`."""

    user_id: str
    export: str
    conversations: int
    messages: int
    storage_path: str
    body: bytes


def read_export(path: Path) -> list[dict[str, Any]]:
    """The conversations of an export file, be it a list, a single conversation or a zip."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            name = next(name for name in archive.namelist() if Path(name).name == "conversations.json")
            content = json.loads(archive.read(name))
    else:
        content = json.loads(path.read_bytes())
    return content if isinstance(content, list) else [content]


def exports(folder: Path) -> list[Path]:
    """The importable sample files below a folder, in path order."""
    return sorted(
        path for path in folder.rglob("*") if path.suffix in {".json", ".zip"} and path.name not in NOT_EXPORTS
    )


def make_seeds(folder: Path, users: int) -> Iterator[Seed]:
    """`users` seeds: the sample files in turn, each user with the same id at every run, so that buckets stay."""
    samples = [(path.name, read_export(path)) for path in exports(folder)]
    if not samples:
        raise FileNotFoundError(f"no exports in {folder}")
    for number in range(users):
        name, conversations = samples[number % len(samples)]
        user_id = str(uuid.uuid5(NAMESPACE, str(number)))
        yield Seed(
            user_id=user_id,
            export=name,
            conversations=len(conversations),
            messages=sum(len(conversation.get("mapping") or ()) for conversation in conversations),
            storage_path=f"{BUCKET}/{user_id}/raw-{1_700_000_000_000 + number}.json",
            body=json.dumps(conversations).encode(),
        )
