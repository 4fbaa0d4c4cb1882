"""The chunked transfer coding, strictly (RFC 9112 section 7.1): bytes in, pieces of the body out.

One decoder reads one message; gateway.proxy writes chunks anew, so that no odd chunk line ever passes through.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto

from gateway.core.errors import HeadTooLarge
from gateway.core.fields import Kind, kind_of
from gateway.core.heads import Field, parse_fields

# An extension is skipped, not interpreted, so only its size and its characters matter.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\Z")
MAX_SIZE_LINE = 1024
MAX_TRAILERS = 8192
# Plain header fields that change how the message is read or who sent it: never as a trailer (RFC 9110 section 6.5.1).
_NEVER_TRAILERS = frozenset(
    b"authorization cookie set-cookie www-authenticate authentication-info cache-control content-encoding content-type "
    b"content-range location vary age expires x-api-key apikey range if-match if-none-match if-modified-since".split()
)


class _State(Enum):
    SIZE = auto()  # expects a chunk-size line
    DATA = auto()  # inside chunk data
    DATA_END = auto()  # expects the CR LF behind chunk data
    TRAILERS = auto()  # expects trailer lines up to the empty line
    DONE = auto()


@dataclass(slots=True)
class ChunkedDecoder:
    """Feed it until `done`; what lies behind the message is then in `rest`.

    Raises ValueError on anything that RFC 9112 section 7.1 does not allow; the decoder is then dead.
    """

    nominated: frozenset[bytes] = frozenset()  # names in the message's Connection field
    done: bool = False
    rest: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    _state: _State = _State.SIZE
    _left: int = 0
    _line: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Pieces of the decoded body in `data`, without joining or splitting more than the chunk lines demand."""
        pieces: list[bytes] = []
        if self._line:
            data, self._line = self._line + data, b""
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._state is _State.DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                self._left -= len(piece)
                at += len(piece)
                if not self._left:
                    self._state = _State.DATA_END
            elif self._state is _State.TRAILERS:
                at = self._read_trailers(data, at)
            else:
                step = self._read_line(data, at)
                if step < 0:
                    break
                at = step
        if self.done:
            self.rest = data[at:]
        elif at < end:
            self._line = data[at:]
        return pieces

    def _read_line(self, data: bytes, at: int) -> int:
        if self._state is _State.DATA_END:
            tail = data[at : at + 2]
            if not b"\r\n".startswith(tail):
                raise ValueError("chunk data is not followed by CR LF")
            if len(tail) < 2:
                return -1
            self._state = _State.SIZE
            return at + 2
        feed = data.find(b"\n", at)
        if (feed < 0 and len(data) - at > MAX_SIZE_LINE) or feed - at > MAX_SIZE_LINE:
            raise ValueError("chunk-size line too long")
        if feed < 0:
            if not _plausible_size(data[at:]):
                raise ValueError("bad chunk-size line")
            return -1
        if feed == at or data[feed - 1] != 13:
            raise ValueError("chunk-size line ends with a bare LF")
        found = _SIZE_LINE.match(data[at : feed - 1])
        if found is None:
            raise ValueError("bad chunk-size line")
        self._left = int(found[1], 16)
        self._state = _State.DATA if self._left else _State.TRAILERS
        return feed + 1

    def _read_trailers(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.done = True
            self._state = _State.DONE
            return at + 2
        stop = data.find(b"\r\n\r\n", at)
        if (stop < 0 and len(data) - at > MAX_TRAILERS) or stop - at > MAX_TRAILERS:
            raise ValueError("trailer section too large")
        if stop < 0:
            self._line = data[at:]
            if b"\n" in self._line.replace(b"\r\n", b""):
                raise ValueError("trailer line ends with a bare LF")
            return len(data)
        self.trailers = allowed_trailers(_parse_trailers(data[at : stop + 4]), self.nominated)
        self.done = True
        self._state = _State.DONE
        return stop + 4


def _plausible_size(line: bytes) -> bool:
    """Whether the start of a size line can still become one, so that garbage is refused without waiting for its LF."""
    return not line or line == b"\r" or _SIZE_LINE.match(line.removesuffix(b"\r")) is not None or _open_size(line)


def _open_size(line: bytes) -> bool:
    return re.match(rb"[0-9A-Fa-f]{1,16}[ \t]*\Z", line) is not None


def _parse_trailers(block: bytes) -> list[Field]:
    lowered = block.lower()
    if b"content-length" in lowered or b"transfer-encoding" in lowered:
        # llhttp would take them for framing; a field that smuggles is dropped without a look at the others (safe side).
        raise ValueError("framing fields in the trailer section")
    try:
        return parse_fields(block)
    except HeadTooLarge as error:
        raise ValueError(error.detail) from None


def allowed_trailers(fields: list[Field], nominated: frozenset[bytes] = frozenset()) -> list[Field]:
    """Trailer fields that may travel on: none that frame, route, authenticate or describe (RFC 9110 section 6.5.1).

    Some backends append trailers to the header fields, so what a client may not say in a header it may not say here.
    """
    return [
        (name, value)
        for name, value in fields
        if kind_of(name) is Kind.PLAIN and (key := name.lower()) not in _NEVER_TRAILERS and key not in nominated
    ]


def encode_chunk(piece: bytes) -> bytes:
    """One chunk of the chunked coding; `piece` must not be empty, since an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def encode_last_chunk(trailers: list[Field]) -> bytes:
    """The end of a chunked body with its trailer section."""
    return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in trailers)
