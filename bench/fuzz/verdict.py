"""What is wrong with what became of a stream: the referee's reading against the origin's and the client's.

A gateway may refuse whatever was broken on purpose; it must never pass on another message than the one that was sent,
nor end an answer cleanly that is not whole, nor give an answer to another request.
"""

from dataclasses import dataclass, field

from bench.fuzz.deciding import Rule, backend_of, is_flagged
from bench.fuzz.grammar import Stream
from bench.fuzz.hops import answered, arrived, received, sent
from bench.fuzz.origin import digest
from bench.fuzz.referee import End, Incomplete, Invalid, Request, Response, read_requests, read_response


@dataclass(frozen=True)
class Finding:
    """What went wrong, with the bytes that were sent and those that the client got (None if nobody ended it)."""

    what: str
    sent: bytes
    got: bytes | None


@dataclass
class Tally:
    """Counts of one run. `requests` were sent in `streams`, of which `intact` were unbroken."""

    streams: int = 0
    requests: int = 0
    intact: int = 0
    forwarded: int = 0
    refused: int = 0
    on_v2: int = 0
    findings: list[Finding] = field(default_factory=list)


def judge_requests(stream: Stream, seen: list[Request], client: bytes, rule: Rule | None = None) -> str | None:
    """None, or what went wrong with a stream of requests; `client` is everything that came back."""
    wanted = read_requests(stream.data)
    if stream.intact and len(wanted) != stream.count:
        return f"the referee reads {len(wanted)} of {stream.count} requests"
    if len(seen) > len(wanted):
        return "the origin saw a request that nobody sent"
    if stream.intact and len(seen) < stream.count:
        return f"{stream.count - len(seen)} good requests were not forwarded"
    for there, here in zip(seen, wanted, strict=False):
        if (there.method, there.target, there.body) != (here.method, here.target, here.body):
            return "the origin saw another request than the one that was sent"
        continued = b"HTTP/1.1 100 " in client and not there.values(b"expect")
        flagged = rule is not None and is_flagged(here, rule)
        if arrived(there, here, flagged=flagged) != sent(here, continued=continued, flagged=flagged):
            return "the origin saw other fields than those that were sent"
        if not set(there.trailers) <= set(here.trailers):
            return "the origin saw other trailers than those that were sent"
    return _judge_answers(seen, client)


def judge_backends(seen: list[Request], seen_by: list[str], rule: Rule) -> str | None:
    """None, or which request went to another backend than the one that flag and id name."""
    for request, backend in zip(seen, seen_by, strict=True):
        wanted = backend_of(request, rule)
        if wanted not in (None, backend):
            return f"{backend} saw a request that belongs to {wanted}"
    return None


def _judge_answers(seen: list[Request], client: bytes) -> str | None:
    for request in seen:
        try:
            answer, client = read_response(client, request.method, ended=True)
        except (Invalid, Incomplete):
            return "an answer is missing or malformed"
        if answer.end is not End.WHOLE or answer.values(b"x-digest") != [digest(request)]:
            return "an answer belongs to another request, or is cut short"
    if not client:
        return None
    try:
        refusal, client = read_response(client, b"GET", ended=True)
    except (Invalid, Incomplete):
        return "what follows the answers is no answer"
    if client or not _by_gateway(refusal):
        return "more answers than requests"
    return None


def _by_gateway(answer: Response) -> bool:
    return bool(answer.values(b"proxy-status")) and answer.status >= 400


def judge_answer(
    reply: bytes, closes: bool, method: bytes, client: bytes, following: Request, *, intact: bool
) -> str | None:
    """None, or what went wrong with one answer and the one to the `following` request on the same connection."""
    expected = _expected(reply, method, ended=closes)
    try:
        got, rest = read_response(client, method, ended=True)
    except (Invalid, Incomplete):
        return "the client got something that is no answer"
    if _by_gateway(got) and got.status in (502, 504):
        if intact:
            return "a good answer was refused"
        return _judge_following(rest, following)
    if not _framed(got, method):
        return "the client cannot know where the answer ends"
    if expected is None or expected.end is End.CUT:
        return None if got.end is End.CUT and not rest else "a broken answer ended cleanly"
    if got.end is End.CUT:
        return "a whole answer was cut short" if intact else None
    if (got.status, got.reason, got.body) != (expected.status, expected.reason, expected.body):
        return "the client got another answer than the one that was sent"
    if received(got, expected) != answered(expected):
        return "the client got other fields than those that were sent"
    return _judge_following(rest, following)


def _expected(reply: bytes, method: bytes, *, ended: bool) -> Response | None:
    try:
        found, _ = read_response(reply, method, ended=ended)
    except (Invalid, Incomplete):
        return None
    return None if found.status == 101 else found


def _framed(answer: Response, method: bytes) -> bool:
    bare = method == b"HEAD" or answer.status in (204, 304)
    return bare or bool(answer.values(b"content-length") or answer.values(b"transfer-encoding"))


def _judge_following(rest: bytes, following: Request) -> str | None:
    if not rest:
        return None
    try:
        answer, rest = read_response(rest, following.method, ended=True)
    except (Invalid, Incomplete):
        return "what follows the answer is no answer"
    if rest:
        return "more answers than requests"
    if answer.values(b"x-digest") == [digest(following)] and answer.end is End.WHOLE:
        return None
    return None if _by_gateway(answer) else "the next request got an answer that is not its own"
