"""One request as the planner takes it, whatever server received it. Counterpart: `answer.Answer`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus


@dataclass(frozen=True, slots=True)
class Request:
    """`path` has no prefix and no query; `headers` are pairs with lower-case names."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def pairs(self) -> list[tuple[str, str]]:
        """The query as decoded pairs in their order."""
        # A semicolon separates too, and a name without "=" is passed over, as PostgREST's parser does.
        parts = (part.partition("=") for part in re.split("[&;]", self.query))
        return [(unquote_plus(key), unquote_plus(value)) for key, equals, value in parts if equals]

    def location(self) -> str:
        """Path and query in the canonical form of Content-Location: sorted, encoded again."""
        # select, order and the rest are all sorted by name, equal names keep their order.
        listed = sorted(self.pairs(), key=lambda pair: pair[0])
        query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in listed)
        return f"{self.path}?{query}" if query else self.path
