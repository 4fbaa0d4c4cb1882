"""Response heads of one connection to a backend, read and turned into what goes to the client; counterpart: reception.

Backends repeat themselves, so the last head of a final answer is kept: the same bytes mean the same, and where only
plain lines differ, what the special ones mean stays.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.errors import MalformedResponse, Where
from gateway.core.framing import (
    MAX_RESPONSE_FIELDS,
    Framing,
    ResponseFacts,
    other_length,
    receive_response,
    response_of_length,
)
from gateway.core.headers import Edits, response_edits
from gateway.core.heads import StatusLine, parse_status_line
from gateway.core.lines import FieldBlock, FieldLine, usual_block

if TYPE_CHECKING:
    from gateway.proxy.pool import Pool

_BY_LENGTH = Framing.LENGTH


@dataclass(slots=True)
class ResponseHead:
    """A response's head as it came, what it says, and `lines`, which are forwarded of it."""

    head: bytes
    line: StatusLine
    special: list[FieldLine]
    facts: ResponseFacts
    edits: Edits
    lines: bytes


class ResponseHeads:
    """Reads the heads of one connection."""

    __slots__ = ("_pool", "last")

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.last: ResponseHead | None = None  # the last final one

    def read(self, head: bytes) -> ResponseHead:
        """A complete head, with its empty line. Raises MalformedResponse."""
        last = self.last
        end = head.find(b"\r\n")
        text = head[end:-2]
        try:
            line = parse_status_line(head[: end + 2])
            block = usual_block(text, MAX_RESPONSE_FIELDS)
            known = None if last is None or block is None else _known(last, line, block)
            if known is None or block is None:
                block, facts = receive_response(block, text, line)
                known = facts, self._edits(facts, block.special)
        except MalformedResponse as error:
            error.where = Where.RESPONSE_HEAD
            raise
        facts, edits = known
        lines = line.text + edits.apply(block.text)
        found = ResponseHead(head, line, block.special, facts, edits, lines)
        if facts.status >= 200:
            self.last = found
        return found

    def _edits(self, facts: ResponseFacts, special: list[FieldLine]) -> Edits:
        status, pool = facts.status, self._pool
        framed = facts.framing is _BY_LENGTH and status != 204 and status >= 200
        return response_edits(facts, special, pool.backend.encode(), pool.service.name, framed=framed)


def _known(last: ResponseHead, line: StatusLine, block: FieldBlock) -> tuple[ResponseFacts, Edits] | None:
    """What the last head says of this one, if they differ in plain lines only, or in their length."""
    facts = last.facts
    if line is not last.line:
        return None
    if block.special != last.special:
        length = other_length(block.special, last.special)
        if length is None or facts.status == 204:
            return None
        facts = response_of_length(facts, length)
    return facts, last.edits
