"""Response heads of one connection to a backend, read and turned into what goes to the client; counterpart: reception.

Backends repeat themselves, so the last head is kept: the same bytes mean the same, and where only plain lines differ,
what the special ones mean stays.
"""

from typing import TYPE_CHECKING, NamedTuple

from gateway.core.errors import MalformedResponse, Where
from gateway.core.framing import MAX_RESPONSE_FIELDS, Framing, ResponseFacts, receive_response
from gateway.core.headers import Edits, response_edits
from gateway.core.heads import StatusLine, parse_status_line
from gateway.core.lines import FieldLine, usual_block

if TYPE_CHECKING:
    from gateway.proxy.pool import Pool

_BY_LENGTH = Framing.LENGTH


class _Head(NamedTuple):
    head: bytes
    line: StatusLine
    special: list[FieldLine]
    facts: ResponseFacts
    edits: Edits
    lines: bytes


class ResponseHeads:
    """Reads the heads of one connection."""

    __slots__ = ("_last", "_pool")

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._last: _Head | None = None

    def read(self, head: bytes) -> tuple[ResponseFacts, bytes]:
        """Facts of a complete head, with its empty line, and what is forwarded of it. Raises MalformedResponse."""
        last = self._last
        if last is None:
            seen, last_line, facts, special, edits = b"", None, None, None, None
        else:
            seen, last_line, special, facts, edits, lines = last
            if head == seen:
                return facts, lines
        end = head.find(b"\r\n")
        text = head[end:-2]
        try:
            line = parse_status_line(head[: end + 2])
            block = usual_block(text, MAX_RESPONSE_FIELDS)
            if block is None or facts is None or edits is None or line is not last_line or block.special != special:
                block, facts = receive_response(block, text, line)
                edits = self._edits(facts, block.special)
        except MalformedResponse as error:
            error.where = Where.RESPONSE_HEAD
            raise
        lines = line.text + edits.apply(block.text)
        self._last = _Head(head, line, block.special, facts, edits, lines)
        return facts, lines

    def _edits(self, facts: ResponseFacts, special: list[FieldLine]) -> Edits:
        status, pool = facts.status, self._pool
        framed = facts.framing is _BY_LENGTH and status != 204 and status >= 200
        return response_edits(facts, special, pool.backend.encode(), pool.service.name, framed=framed)
