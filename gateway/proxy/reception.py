"""Request heads of one client connection, read and turned into what goes to the backend.

Clients repeat their fields from request to request, so the last request is kept per connection: the same lines mean the
same, and where only plain lines differ, what the special ones mean stays.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.errors import HeadTooLarge, TargetTooLong
from gateway.core.framing import Framing, RequestFacts, other_length, receive_request, request_of_length
from gateway.core.headers import Hop, RequestPassage, request_passage
from gateway.core.heads import MAX_FIELDS, parse_request_line
from gateway.core.lines import FieldBlock, usual_block
from gateway.core.partial import PartialHead, behind_empty_lines
from gateway.core.routes import HEALTH_PATH, Handling, Route
from gateway.core.target import parse_target

if TYPE_CHECKING:
    from gateway.proxy.service import Service

_NO_BODY = Framing.NONE


@dataclass(slots=True)
class Received:
    """A checked request head and its route. Not a named tuple, because its fields are read often."""

    head: bytes  # as it came
    method: bytes
    path: bytes  # decoded, for routing
    minor: int
    route: Route
    facts: RequestFacts
    fields: FieldBlock  # as they came
    passage: RequestPassage
    lines: bytes  # the request line and the fields as they are sent to the backend
    plain: bool  # it asks for nothing in its answer but the id
    forwarded: bool  # and for no more than to be sent to legacy with new ids; it has no body


def _received(
    head: bytes,
    method: bytes,
    path: bytes,
    minor: int,
    route: Route,
    facts: RequestFacts,
    fields: FieldBlock,
    passage: RequestPassage,
    lines: bytes,
) -> Received:
    """The request, and how little it asks of the gateway."""
    asks = passage.wants_decision or route.notices or not minor or method == b"HEAD" or not facts.keep_alive
    plain = not asks
    forwarded = plain and route.plain and passage.plain and facts.framing is _NO_BODY and path != HEALTH_PATH
    return Received(head, method, path, minor, route, facts, fields, passage, lines, plain, forwarded)


class Reception:
    """Reads the heads of one connection."""

    __slots__ = ("_service", "hop", "last", "rest", "unfinished")

    def __init__(self, service: "Service", peer: bytes) -> None:
        self._service = service
        self.hop = Hop(service.name, peer, service.config.trusted_hops)
        self.rest = b""
        self.unfinished: PartialHead | None = None
        self.last: Received | None = None  # of the usual kind; the same bytes mean the same until the routes change

    def take(self, data: bytes) -> Received | None:
        """The next request, once its head is whole; what came behind the head is `rest`. Raises ClientFault."""
        unfinished = self.unfinished
        if unfinished is not None:
            whole = unfinished.add(data)
            if whole is None:
                self._check_unfinished(unfinished, data)
                return None
            data, self.unfinished = whole, None
        last = self.last
        if last is not None and data.startswith(last.head):
            self.rest = data[len(last.head) :]
            return last
        if data.startswith(b"\r\n"):
            data = behind_empty_lines(data)
        end = data.find(b"\r\n\r\n") + 4
        if end >= 4:
            self.rest = data[end:]
            return self.read(data[:end])
        if data:
            self.unfinished = unfinished = PartialHead(data)
            self._check_unfinished(unfinished, data)
        return None

    def _check_unfinished(self, head: PartialHead, piece: bytes) -> None:
        """Refuse a head that is too large already or cannot become one; `piece` came last."""
        head.check_request(piece)
        config = self._service.config
        if head.first_line_longer_than(config.target_bytes):
            raise TargetTooLong(f"The request line has more than {config.target_bytes} bytes.")
        if len(head) > config.head_bytes:
            raise HeadTooLarge(f"The head has more than {config.head_bytes} bytes.")

    def read(self, head: bytes) -> Received:
        """A complete head, with its empty line. Raises ClientFault."""
        service = self._service
        last = self.last
        if len(head) > service.config.target_bytes:
            self._check_size(head)
        end = head.find(b"\r\n")
        line = head[:end]
        start = service.routes.start(line)
        if start is None:
            return self._read_unusual(head)
        method, path, route = start
        text = head[end:-2]
        if last is None or last.route.handling is not route.handling:
            return self._interpret(head, method, path, 1, line, route, text, usual_block(text, MAX_FIELDS))
        fields, facts, edits = last.fields, last.facts, last.passage.edits
        if text != fields.text:
            block = usual_block(text, MAX_FIELDS)
            if block is None:
                return self._interpret(head, method, path, 1, line, route, text, block)
            if block.special != fields.special:
                length = other_length(block.special, fields.special)
                if length is None:
                    return self._interpret(head, method, path, 1, line, route, text, block)
                facts = request_of_length(facts, length)
            fields = block
        lines = line + edits.apply(text)
        self.last = found = _received(head, method, path, 1, route, facts, fields, last.passage, lines)
        return found

    def _read_unusual(self, head: bytes) -> Received:
        method, raw, minor, end = parse_request_line(head)
        target, path, authority = parse_target(method, raw)
        line = b"%b %b HTTP/1.1" % (method, target)
        route = self._service.routes.match(method, path)
        text = head[end - 2 : -2]
        block = usual_block(text, MAX_FIELDS)
        return self._interpret(head, method, path, minor, line, route, text, block, authority, usual=False)

    def _interpret(
        self,
        head: bytes,
        method: bytes,
        path: bytes,
        minor: int,
        line: bytes,
        route: Route,
        text: bytes,
        block: FieldBlock | None,
        authority: bytes | None = None,
        *,
        usual: bool = True,
    ) -> Received:
        fields, facts = receive_request(block, text, minor)
        passage = request_passage(
            facts,
            fields.special,
            self.hop,
            minor,
            authority=authority,
            nameless=self._service.pools[route.backend].address.authority,
            flagged=route.handling is Handling.DECIDE,
            peeked=route.handling is not Handling.PASS,
        )
        lines = line + passage.edits.apply(fields.text)
        found = _received(head, method, path, minor, route, facts, fields, passage, lines)
        if usual and not facts.expects_continue:
            self.last = found
        return found

    def _check_size(self, head: bytes) -> None:
        config, size = self._service.config, len(head)
        line = head.find(b"\r\n")
        if line < 0 or line > config.target_bytes:
            raise TargetTooLong(f"The request line has more than {config.target_bytes} bytes.")
        if size > config.head_bytes:
            raise HeadTooLarge(f"The head has more than {config.head_bytes} bytes.")
