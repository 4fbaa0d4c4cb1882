"""One conversation of an export as a message tree under construction: the active path, and what forks off it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

Node = dict[str, object]


@dataclass(slots=True)
class Tree:
    """`head` is the active tip, `now` the time of the next message, `said` the texts on the active path."""

    key: str
    now: datetime
    mapping: dict[str, Node] = field(default_factory=dict)
    head: str = ""
    said: list[str] = field(default_factory=list)
    _children: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.head = self._insert(None, None)

    def say(self, role: str, text: str) -> None:
        """A message that the person saw."""
        self.said.append(text)
        self.head = self._message(self.head, role, {"content_type": "text", "parts": [text]})

    def fork(self, role: str, text: str) -> None:
        """A sibling of the next message, abandoned at once: an edit, or an answer that was regenerated."""
        at = self._message(self.head, role, {"content_type": "text", "parts": [text]})
        other = "assistant" if role == "user" else "user"
        self._message(at, other, {"content_type": "text", "parts": [f"So much for that ({at})."]})

    def hide(self, role: str, content: dict[str, object], recipient: str = "all", *, hidden: bool = False) -> None:
        """A message on the active path that the person never saw."""
        self.head = self._message(self.head, role, content, recipient, hidden=hidden)

    def finished(self, title: str, *, current: bool, children: bool) -> dict[str, object]:
        """The conversation as exports write it; without `current` nobody says which tip is the active one."""
        started = datetime.fromtimestamp(self._first(), self.now.tzinfo)
        for key, node in self.mapping.items():
            node["children"] = self._children[key] if children else []
        return {
            "title": title,
            "create_time": started.timestamp(),
            "update_time": self.now.timestamp(),
            "mapping": self.mapping,
            "current_node": self.head if current else None,
            "conversation_id": self.key,
            "id": self.key,
        }

    def _first(self) -> float:
        times = (
            message["create_time"] for node in self.mapping.values() if isinstance(message := node["message"], dict)
        )
        return min((time for time in times if isinstance(time, float)), default=self.now.timestamp())

    def _message(
        self, parent: str, role: str, content: dict[str, object], recipient: str = "all", *, hidden: bool = False
    ) -> str:
        self.now += timedelta(seconds=7)
        message: Node = {
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": self.now.timestamp(),
            "content": content,
            "status": "finished_successfully",
            "metadata": {"is_visually_hidden_from_conversation": True} if hidden else {},
            "recipient": recipient,
        }
        return self._insert(message, parent)

    def _insert(self, message: Node | None, parent: str | None) -> str:
        key = f"{self.key}-{len(self.mapping)}"
        if message is not None:
            message["id"] = key
        self.mapping[key] = {"id": key, "message": message, "parent": parent}
        self._children[key] = []
        if parent is not None:
            self._children[parent].append(key)
        return key
