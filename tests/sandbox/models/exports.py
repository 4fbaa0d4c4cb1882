"""The real exports as plain text, for tests of the extractor and the embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any  # an export's JSON

EXPORTS = Path(__file__).parents[2] / "data" / "exports"


def conversations(name: str) -> list[tuple[str, str]]:
    """(title, text) of each conversation; the text has a heading and a `User:` or `Assistant:` line per message."""
    loaded: Any = json.loads((EXPORTS / name).read_text("utf-8"))
    rows = loaded if isinstance(loaded, list) else loaded.get("conversations", [loaded])
    found = []
    for row in rows:
        lines = [f"# {row.get('title')}"]
        for node in row["mapping"].values():
            message = node.get("message")
            if message and message["author"]["role"] in ("user", "assistant"):
                parts = message["content"].get("parts") or [message["content"].get("text")]
                said = "\n".join(part for part in parts if isinstance(part, str))
                lines.append(f"{message['author']['role'].title()}: {said}")
        found.append((str(row.get("title")), "\n".join(lines)))
    return found


def whole(name: str) -> str:
    """All conversations as one text."""
    return "\n".join(text for _, text in conversations(name))
