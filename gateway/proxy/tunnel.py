"""After 101 (Switching Protocols): bytes pass untouched both ways; each side may end its half (RFC 9110, 7.8)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.upstream import UpstreamConnection


class Tunnel:
    """A WebSocket or another upgraded connection. What the backend sends goes through Exchange.response_piece."""

    __slots__ = ("_exchange", "_upstream", "_upstream_ended")

    def __init__(self, exchange: "Exchange", upstream: "UpstreamConnection") -> None:
        self._exchange = exchange
        self._upstream = upstream
        self._upstream_ended = False

    def up(self, data: bytes) -> None:
        """Bytes from the client."""
        self._exchange.received += len(data)
        if not self._upstream.transport.is_closing():
            self._upstream.transport.write(data)

    def client_eof(self) -> None:
        """The client has said all it has to say; when the backend has too, nothing is left to wait for."""
        if self._upstream_ended or not self._upstream.transport.can_write_eof():
            self._upstream.transport.close()  # TLS cannot end one half: what the backend still says is lost
        elif not self._upstream.transport.is_closing():
            self._upstream.transport.write_eof()

    def upstream_eof(self) -> None:
        """The backend has said all it has to say; when the client has too, nothing is left to wait for."""
        self._upstream_ended = True
        client = self._exchange.client
        if client.eof_at:
            self._upstream.transport.close()
        elif not client.transport.is_closing():
            client.transport.write_eof()
