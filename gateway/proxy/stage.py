"""What a client connection is doing, and the bounds of each stage; used by gateway.proxy.server and the sweeper."""

from enum import Enum, auto

MAX_PIPELINED = 65_536
"""Bytes of further requests that may wait behind one; then reading stops."""
LINGER_SECONDS = 2.0
LINGER_BYTES = 1_048_576
WRITE_HIGH = 65_536
TUNNEL_IDLE = 3600.0
HALF_CLOSED_GRACE = 0.25
"""Seconds after the client ended its side until the gateway finds out whether it still listens."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Stage(Enum):
    """What the connection is doing; the sweeper acts on it when the deadline passes."""

    IDLE = auto()  # between requests
    HEAD = auto()  # a head has begun
    BODY = auto()  # a body is coming
    WAITING = auto()  # the request is complete, its response is not
    TUNNEL = auto()
    LINGER = auto()  # answered; the rest of the request is read and thrown away, so that the answer is not lost
    CLOSING = auto()  # flushing
