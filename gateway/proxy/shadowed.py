"""Exchanges of routes that are shadowed: they hand over what a copy needs, once the client has its answer.

The client is served as by any other exchange, and first. Only an exchange whose answer is whole is followed by a copy:
whoever left or failed before that has none. Counterpart: gateway.proxy.shadows, which sends the copy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.core.framing import ResponseFacts
from gateway.core.heads import Field
from gateway.proxy.exchange import Exchange

if TYPE_CHECKING:
    from gateway.core.routes import Route
    from gateway.proxy.copies import AnswerCopy
    from gateway.proxy.reception import Received
    from gateway.proxy.server import ClientConnection


class RehearsedExchange(Exchange):
    """On a flagged route: v2 may be asked for a dry run of it. Whoever is not meant pays for one comparison."""

    __slots__ = ()

    def response_end(self, trailers: Sequence[Field]) -> None:
        over, bucket, shadow = self.finished, self._decision.bucket, self.route.shadow
        Exchange.response_end(self, trailers)  # super() would be made anew each time
        if bucket is not None and shadow is not None and bucket > shadow.above and not over:
            self.service.shadows.dry_run(self, self._decision, self._whole)


class ComparedExchange(Exchange):
    """On a route declared safe: its answer may be kept, to be compared with the other backend's."""

    __slots__ = ("_answer",)

    def __init__(self, client: "ClientConnection", request: "Received") -> None:
        super().__init__(client, request)
        self._answer: AnswerCopy | None = None

    def response_head(self, facts: ResponseFacts, lines: bytes, first: bytes, body: bool = True) -> None:
        super().response_head(facts, lines, first, body)
        self._answer = self.service.shadows.watch(self, lines)
        if self._answer is not None:
            self.service.shadows.see(self._answer, first)

    def response_piece(self, data: bytes) -> None:
        super().response_piece(data)
        if self._answer is not None:
            self.service.shadows.see(self._answer, data)

    def response_end(self, trailers: Sequence[Field]) -> None:
        answer, self._answer = self._answer, None
        super().response_end(trailers)
        if answer is not None:
            self.service.shadows.compare(self, answer)

    def _finish(self) -> None:
        super()._finish()
        if self._answer is not None:
            self.service.shadows.forget(self._answer)
            self._answer = None


def kind_of_exchange(route: "Route") -> type[Exchange]:
    """The class of a shadowed route's exchanges."""
    return ComparedExchange if route.flag is None else RehearsedExchange
