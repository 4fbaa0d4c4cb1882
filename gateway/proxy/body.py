"""A request's body as it comes in, by its framing; the counterpart for responses is gateway.proxy.upstream.

Also how chunks are written, in either direction.
"""

import asyncio
from collections.abc import Sequence

from gateway.core.chunked import ChunkedDecoder, encode_chunk
from gateway.core.framing import Framing, RequestFacts
from gateway.core.heads import Field

_JOIN_BELOW = 16_384
"""Bytes up to which joining a chunk's parts costs less than writing them one by one."""


def write_chunk(transport: asyncio.WriteTransport, data: bytes) -> None:
    """Send `data`, which must not be empty, as one chunk of the chunked coding."""
    if len(data) < _JOIN_BELOW:
        transport.write(encode_chunk(data))
    else:
        transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))


class RequestBody:
    """Feed it until `done`; `rest` is then what came behind the body, `trailers` what came with its end."""

    __slots__ = ("_decoder", "_left", "done", "rest", "trailers")

    def __init__(self, facts: RequestFacts) -> None:
        self._decoder = ChunkedDecoder(facts.options) if facts.framing is Framing.CHUNKED else None
        self._left = facts.length
        self.done = False
        self.rest = b""
        self.trailers: Sequence[Field] = ()

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The pieces of the body in `data`. Raises ValueError when its chunks are malformed."""
        decoder = self._decoder
        if decoder is None:
            left = self._left = self._left - len(data)
            if left > 0:
                return (data,)
            self.done = True
            if not left:
                return (data,)
            self.rest = data[left:]
            return (data[:left],)
        pieces = decoder.feed(data)
        if decoder.done:
            self.done, self.rest, self.trailers = True, decoder.rest, decoder.trailers
        return pieces

    def cannot_complete(self, unread: int) -> bool:
        """Whether it can no longer become whole when only `unread` bytes are still to be read."""
        return unread < self._left if self._decoder is None else not unread
