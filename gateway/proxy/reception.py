"""Request heads of one client connection, read and turned into what goes to the backend.

Clients repeat their fields from request to request, so the last block and what became of it are kept per connection:
the same bytes on the same connection mean the same, and only the request line is read anew.
"""

from typing import TYPE_CHECKING, NamedTuple

from gateway.core.errors import HeadTooLarge, TargetTooLong
from gateway.core.framing import RequestFacts, read_request
from gateway.core.headers import Hop, RequestBlock, request_block
from gateway.core.heads import parse_request_line, usual_request_line
from gateway.core.partial import PartialHead
from gateway.core.routes import Handling, Route
from gateway.core.target import parse_target

if TYPE_CHECKING:
    from gateway.proxy.service import Service


class Received(NamedTuple):
    """A checked request head and its route."""

    method: bytes
    target: bytes  # as it is sent to the backend
    path: bytes  # decoded, for routing
    minor: int
    facts: RequestFacts
    block: RequestBlock
    route: Route


class Reception:
    """Reads the heads of one connection."""

    __slots__ = ("_memo", "_memo_block", "_memo_handling", "_service", "hop")

    def __init__(self, service: "Service", peer: bytes) -> None:
        self._service = service
        self.hop = Hop(service.name, peer, service.config.trusted_hops)
        self._memo_block = b""
        self._memo_handling = Handling.PASS
        self._memo: tuple[RequestFacts, RequestBlock] | None = None

    def check_unfinished(self, head: PartialHead, piece: bytes) -> None:
        """Refuse a head that is too large already or cannot become one; `piece` came last. Raises ClientFault."""
        head.check_request(piece)
        config = self._service.config
        if head.first_line_longer_than(config.target_bytes):
            raise TargetTooLong(f"The request line has more than {config.target_bytes} bytes.")
        if len(head) > config.head_bytes:
            raise HeadTooLarge(f"The head has more than {config.head_bytes} bytes.")

    def read(self, head: bytes) -> Received:
        """A complete head, with its empty line. Raises ClientFault."""
        self._check_size(head)
        authority = None
        usual = usual_request_line(head)
        if usual is not None:
            method, target, path, end = usual
            minor = 1
        else:
            method, raw, minor, end = parse_request_line(head)
            target, path, authority = parse_target(method, raw)
        service = self._service
        route = service.routes.match(method, path)
        block = head[end:]
        handling = route.handling
        if block == self._memo_block and self._memo and minor and authority is None and handling is self._memo_handling:
            facts, lines = self._memo
            return Received(method, target, path, minor, facts, lines, route)
        facts = read_request(block, minor)
        lines = request_block(
            facts,
            self.hop,
            minor,
            authority=authority,
            nameless=service.pools[route.backend].address.authority,
            flagged=handling is Handling.DECIDE,
            peeked=handling is not Handling.PASS,
        )
        if minor and authority is None and not facts.expects_continue:
            self._memo_block, self._memo, self._memo_handling = block, (facts, lines), handling
        return Received(method, target, path, minor, facts, lines, route)

    def _check_size(self, head: bytes) -> None:
        config, size = self._service.config, len(head)
        if size > config.target_bytes:
            line = head.find(b"\r\n")
            if line < 0 or line > config.target_bytes:
                raise TargetTooLong(f"The request line has more than {config.target_bytes} bytes.")
            if size > config.head_bytes:
                raise HeadTooLarge(f"The head has more than {config.head_bytes} bytes.")
