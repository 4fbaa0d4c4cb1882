"""A worker's end of its control channel: newline JSON on a Unix socket; the counterpart is gateway.fleet.

Every request is an object with "id" and "op"; every answer repeats the id. An end of the channel means that the
supervisor is gone, and then the worker drains and goes too.
"""

import asyncio
import json
import socket
from collections.abc import Callable

MAX_LINE = 4 * 1024 * 1024
MAX_UNHEARD = 65_536
"""Bytes that may wait for the other end; what is worth less than its memory is then not sent."""


def hears(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end reads what it is sent."""
    return not writer.is_closing() and writer.transport.get_write_buffer_size() < MAX_UNHEARD


Operation = Callable[[dict[str, object]], dict[str, object]]


class ControlChannel:
    """Answers the supervisor. `operations` maps an op to a function from the request to the answer's fields."""

    def __init__(self, operations: dict[str, Operation], gone: Callable[[], None]) -> None:
        self._operations = operations
        self._gone = gone
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, end: socket.socket) -> None:
        """Take over our `end` of the channel."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=MAX_LINE)

    async def serve(self) -> None:
        """Answer until the other end closes."""
        try:
            while self._reader is not None and (line := await self._reader.readline()):
                self._answer(json.loads(line))
        except (ConnectionError, ValueError):
            pass  # a broken channel is handled as a closed one
        self._gone()

    def _answer(self, request: dict[str, object]) -> None:
        operation = self._operations.get(str(request.get("op")))
        answer: dict[str, object] = {"error": "unknown op"} if operation is None else operation(request)
        self.tell(answer | {"id": request.get("id")})

    def tell(self, message: dict[str, object]) -> None:
        """Send a message; without an id it is an event, such as the last snapshot before the end."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    def offer(self, message: dict[str, object]) -> bool:
        """Send an event that may be lost; False if it was, because the other end does not read."""
        if self._writer is None or not hears(self._writer):
            return False
        self.tell(message)
        return True

    async def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()
            try:
                await asyncio.wait_for(self._writer.wait_closed(), 1.0)
            except (TimeoutError, OSError):
                return
