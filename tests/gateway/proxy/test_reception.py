"""What a connection remembers of its last head changes nothing: each head is read as if it were the first."""

from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.decide import Backend
from gateway.core.errors import GatewayError
from gateway.core.routes import MAX_START_BYTES, MAX_STARTS, RouteTable, parse_routes
from gateway.proxy.address import parse_upstream
from gateway.proxy.config import WorkerConfig
from gateway.proxy.reception import Received, Reception
from gateway.proxy.response_heads import ResponseHead, ResponseHeads
from gateway.proxy.service import Service

ROUTES = """
[[route]]
name = "decided"
path = "/decided"
methods = ["POST"]
flag = "f"

[[route]]
name = "limited"
path = "/limited/{user}"
rate_limit = 5
key = "user"
"""
STARTS = st.sampled_from(
    (
        b"GET / HTTP/1.1", b"GET /a HTTP/1.1", b"POST /decided HTTP/1.1", b"GET /limited/1 HTTP/1.1",
        b"GET /%61 HTTP/1.1",
        b"GET / HTTP/1.0", b"GET http://b.example/a HTTP/1.1", b"GET /a?b#c HTTP/1.1", b"OPTIONS * HTTP/1.1",
        b"CONNECT /a HTTP/1.1", b"HEAD /a HTTP/1.1", b"GET  / HTTP/1.1",
    )
)  # fmt: skip
REQUEST_LINES = st.sampled_from(
    (
        b"Host: a", b"Host: b:80", b"X-A: 1", b"X-A: 2", b"x-b: 1", b"Content-Length: 0", b"Content-Length: 5",
        b"Content-Length: 7", b"Content-Length: 07", b"Transfer-Encoding: chunked", b"Connection: close",
        b"Connection: x-a", b"Expect: 100-continue", b"X-Request-Id: 1", b"X-Request-Id: 2", b"Idempotency-Key: k",
        b"Date: now", b"X-Forwarded-For: 1.1.1.1", b"Upgrade: websocket", b"Connection: upgrade", b"X-C:", b"X-D: d ",
        b"Max-Forwards: 3", b"X-Gateway-Explain: 1",
    )
)  # fmt: skip
STATUS_LINES = st.sampled_from(
    (b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 103 E", b"HTTP/2 200")
)
HEADS = st.builds(
    lambda start, hosted, lines: b"\r\n".join([start, *([b"Host: a"] if hosted else []), *lines, b"", b""]),
    STARTS,
    st.sampled_from((True, True, True, False)),
    st.lists(REQUEST_LINES, max_size=4),
)
ANSWERS = st.builds(
    lambda start, lines: b"\r\n".join([start, *lines, b"", b""]), STATUS_LINES, st.lists(REQUEST_LINES, max_size=4)
)


def a_service() -> Service:
    found = SimpleNamespace(
        name=b"us", config=WorkerConfig("", "", "", ""), routes=parse_routes(ROUTES), pools={}
    )  # what reading needs of a service
    for backend in Backend:
        found.pools[backend] = SimpleNamespace(address=parse_upstream("http://old:80"), backend=backend, service=found)
    return cast(Service, found)


def known(kept: Reception | ResponseHeads, data: bytes) -> Received | ResponseHead | None:
    """The last head, if `data` begins with it: what a connection then takes for what it says."""
    return kept.last if kept.last is not None and data.startswith(kept.last.head) else None


def read(reception: Reception, head: bytes) -> Received:
    found = known(reception, head) or reception.read(head)
    assert isinstance(found, Received)
    return found


def request(reception: Reception, head: bytes) -> object:
    try:
        found = read(reception, head)
    except GatewayError as error:
        return type(error), error.detail
    passage = found.passage
    said = (passage.request_id, passage.traced, passage.key, passage.max_forwards, passage.wants_decision)
    asks = found.plain, found.forwarded
    return found.method, found.path, found.minor, found.route.name, found.facts, said, found.lines, asks


def answer(heads: ResponseHeads, head: bytes) -> object:
    try:
        found = known(heads, head) or heads.read(head)
    except GatewayError as error:
        return type(error), error.detail
    return found.facts, found.lines


@settings(max_examples=400)
@given(st.lists(HEADS, min_size=2, max_size=6))
def test_each_request_is_read_as_if_it_were_the_first(heads: list[bytes]) -> None:
    service = a_service()
    kept = Reception(service, b"10.0.0.9")
    for head in heads:
        assert request(kept, head) == request(Reception(a_service(), b"10.0.0.9"), head)


@settings(max_examples=400)
@given(st.lists(ANSWERS, min_size=2, max_size=6))
@example([b"HTTP/1.1 204 No\r\nContent-Length: %d\r\n\r\n" % length for length in (5, 7)])
def test_each_answer_is_read_as_if_it_were_the_first(heads: list[bytes]) -> None:
    pool = a_service().pools[Backend.LEGACY]
    kept = ResponseHeads(pool)
    for head in heads:
        assert answer(kept, head) == answer(ResponseHeads(pool), head)


@pytest.mark.parametrize(
    ("line", "only_forwarded"),
    [
        (b"GET /a HTTP/1.1", True),
        (b"DELETE /a?b HTTP/1.1", True),
        (b"HEAD /a HTTP/1.1", False),
        (b"GET /a HTTP/1.0", False),
        (b"GET /_gateway/health HTTP/1.1", False),
        (b"GET /a HTTP/1.1\r\nConnection: close", False),
        (b"GET /a HTTP/1.1\r\nMax-Forwards: 1", False),
        (b"GET /a HTTP/1.1\r\nX-Request-Id: abcdefgh", False),
        (b"GET /a HTTP/1.1\r\nX-Gateway-Explain: 1", False),
        (b"GET /a HTTP/1.1\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        (b"POST /a HTTP/1.1\r\nContent-Length: 1", False),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", False),
    ],
)
def test_what_asks_for_more_is_not_taken_for_what_is_only_forwarded(line: bytes, only_forwarded: bool) -> None:
    found = Reception(a_service(), b"10.0.0.9").read(line + b"\r\nHost: a\r\n\r\n")
    assert found.forwarded is only_forwarded
    assert found.lines.startswith(line.partition(b" HTTP/")[0] + b" HTTP/1.1\r\n")


@pytest.mark.parametrize("more", ["api_key = true", "closed = true", 'backend = "v2"', "sunset = 2027-01-01T00:00:00Z"])
def test_routes_that_ask_for_more_are_not_only_forwarded(more: str) -> None:
    service = a_service()
    service.routes = parse_routes(f'[[route]]\nname = "a"\npath = "/a"\n{more}\n')
    found = Reception(service, b"10.0.0.9").read(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (found.route.name, found.forwarded) == ("a", False)


def test_a_repeated_head_is_known_with_whatever_follows_it() -> None:
    kept = Reception(a_service(), b"10.0.0.9")
    head = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    assert known(kept, head) is None
    found = kept.read(head)
    assert known(kept, head + b"GET /b HTTP/1.1\r\n") is found
    assert found.head == head
    assert known(kept, head[:-1]) is None


def test_request_lines_are_remembered_within_bounds() -> None:
    routes: RouteTable = parse_routes(ROUTES)
    for number in range(3 * MAX_STARTS):
        found = routes.start(b"GET /limited/%d HTTP/1.1" % number)
        assert found is not None
        assert found.route.name == "limited"
        long = routes.start(b"GET /long?%d%b HTTP/1.1" % (number, b"x" * MAX_START_BYTES))
        assert long is not None
        assert long.path == b"/long"
    assert routes.start(b"GET /%61 HTTP/1.1") is None
    assert len(routes._starts) <= MAX_STARTS
    assert max(map(len, routes._starts)) <= MAX_START_BYTES


def test_only_the_head_of_a_final_answer_is_known_again() -> None:
    kept = ResponseHeads(a_service().pools[Backend.LEGACY])
    interim, final = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    found = kept.read(final)
    assert kept.read(interim).facts.status == 103
    assert known(kept, interim) is None
    assert known(kept, final + b"x") is found
