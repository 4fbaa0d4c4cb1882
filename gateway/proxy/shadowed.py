"""An exchange of a route that is shadowed: it remembers what its copy needs, and hands it over when it is answered.

The client is served as by any other exchange, and first. Counterpart: gateway.proxy.shadows, which sends the copy.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.core.framing import ResponseFacts
from gateway.core.heads import Field
from gateway.proxy.exchange import Exchange

if TYPE_CHECKING:
    from gateway.proxy.copies import AnswerCopy
    from gateway.proxy.reception import Received
    from gateway.proxy.server import ClientConnection


class ShadowedExchange(Exchange):
    """Only an exchange whose answer is whole is followed by a copy: whoever left or failed before that has none."""

    __slots__ = ("_answer",)

    def __init__(self, client: "ClientConnection", request: "Received") -> None:
        super().__init__(client, request)
        self._answer: AnswerCopy | None = None

    def response_head(self, facts: ResponseFacts, lines: bytes, first: bytes, *, body: bool = True) -> None:
        super().response_head(facts, lines, first, body=body)
        if self.route.flag is None:
            self._answer = self.service.shadows.watch(self, lines)
            if self._answer is not None:
                self.service.shadows.see(self._answer, first)

    def response_piece(self, data: bytes) -> None:
        super().response_piece(data)
        if self._answer is not None:
            self.service.shadows.see(self._answer, data)

    def response_end(self, trailers: Sequence[Field]) -> None:
        over, answer = self.finished, self._answer
        self._answer = None
        super().response_end(trailers)
        if answer is not None:
            self.service.shadows.compare(self, answer)
        elif self.route.flag is not None and not over:
            self.service.shadows.dry_run(self, self._decision, self._whole)

    def _finish(self) -> None:
        super()._finish()
        if self._answer is not None:
            self.service.shadows.forget(self._answer)
            self._answer = None
