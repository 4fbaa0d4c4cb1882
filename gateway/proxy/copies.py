"""A copy of an answered request, and how it is written for the other backend; counterparts: shadowed, shadows."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from gateway.core.comparison import Seen, seen
from gateway.core.decide import Backend
from gateway.core.shadowing import MAX_COPIED, Outcome
from gateway.proxy.question import Answer

if TYPE_CHECKING:
    from gateway.core.routes import Route
    from gateway.proxy.reception import Received

_KEPT: Final = (b"content-type", b"accept", b"accept-language")
"""What v2 needs of a client's fields. Not its cookies and its credentials: v2 knows the gateway's."""
_TRACE: Final = (b"traceparent", b"tracestate")


@dataclass(slots=True)
class AnswerCopy:
    """The answer to a client, kept as it passes; `problem` says why it was given up, and then nothing is kept."""

    status: int
    lines: bytes
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    problem: Outcome | None = None

    def add(self, piece: bytes, room: int) -> None:
        """Keep the next piece, if there is `room` for it."""
        if self.size + len(piece) > MAX_COPIED or len(piece) > room:
            self.problem = Outcome.NO_ROOM if len(piece) > room else Outcome.TOO_LARGE
            self.size = 0
            self.pieces.clear()
        elif self.problem is None:
            self.size += len(piece)
            self.pieces.append(piece)

    def seen(self) -> Seen | None:
        """As it can be compared; None if it cannot."""
        pairs = (line.partition(b":") for line in self.lines.split(b"\r\n")[1:])
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        return _seen(self.status, fields, b"".join(self.pieces))


@dataclass(frozen=True, slots=True)
class Copy:
    """One request to be given to the backend that did not answer it.

    `body` is that of a dry run; `answer` is what is compared, None for a dry run. `until` is when nobody is interested
    any more, in monotonic seconds.
    """

    route: "Route"
    request: "Received"
    request_id: bytes
    answered: Backend
    until: float
    key: bytes
    body: bytes = b""
    answer: Seen | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.body) + len(self.request.lines) + (len(self.answer.body) if self.answer else 0)

    def for_v2(self, name: bytes, gateway: bytes) -> bytes:
        """The request to v2; `gateway` are the lines by which v2 knows us, `name` is ours in Via."""
        request, id_ = self.request, self.request_id
        passage = request.passage
        wanted = (*_KEPT, *_TRACE) if passage.traced else _KEPT
        kept = [line for line in request.lines.split(b"\r\n")[1:] if line.partition(b":")[0].lower() in wanted]
        lines = [*kept, b"X-Shadow: 1", b"Via: 1.1 %b" % name, b"X-Request-Id: %b" % (passage.request_id or id_)]
        if passage.request_id is None and not passage.traced:
            lines.append(b"traceparent: 00-%b-%b-00" % (id_, id_[16:]))  # as legacy got it (W3C Trace Context)
        if self.answer is None:
            lines += [
                b"Idempotency-Key: %b" % dry_run_key(self.key),
                b"Content-Length: %d" % len(self.body),
            ]
        start = request.lines.partition(b"\r\n")[0]
        return b"%b\r\n%b%b\r\n\r\n%b" % (start, gateway, b"\r\n".join(lines), self.body)

    def for_legacy(self) -> bytes:
        """The request as legacy has had it, or would have."""
        request = self.request
        own = b"" if request.passage.request_id else b"X-Request-Id: %b\r\n" % self.request_id
        return b"%bConnection: close\r\n%b\r\n" % (request.lines, own)


def dry_run_key(key: bytes) -> bytes:
    """The key of the dry run beside the request of `key`: always the same, of one length, no client's by accident."""
    return b"shadow-%b" % blake2b(key, digest_size=32).hexdigest().encode()


def seen_answer(answer: Answer) -> Seen | None:
    """A backend's answer to a copy, as it can be compared; None if it cannot."""
    return _seen(answer.status, answer.fields, answer.body) if len(answer.body) <= MAX_COPIED else None


def _seen(status: int, fields: dict[bytes, bytes], body: bytes) -> Seen | None:
    return seen(status, fields.get(b"content-type", b""), fields.get(b"content-encoding", b""), body)
