"""Every answer that the gateway makes itself: which fields it must have, and in what syntax."""

import asyncio
import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core import errors
from gateway.core.decide import Backend as Backends
from gateway.core.problems import problem
from tests.gateway.proxy.wire import LIMIT, Answer, Backend, answers, gateway

# RFC 9209 section 2.3 and the registry that it opens.
REGISTERED = frozenset(
    [
        "dns_timeout",
        "dns_error",
        "destination_not_found",
        "destination_unavailable",
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "connection_refused",
        "connection_terminated",
        "connection_timeout",
        "connection_read_timeout",
        "connection_write_timeout",
        "connection_limit_reached",
        "tls_protocol_error",
        "tls_certificate_error",
        "tls_alert_received",
        "http_request_error",
        "http_request_denied",
        "http_response_incomplete",
        "http_response_header_section_size",
        "http_response_header_size",
        "http_response_body_size",
        "http_response_trailer_section_size",
        "http_response_trailer_size",
        "http_response_transfer_coding",
        "http_response_content_coding",
        "http_response_timeout",
        "http_upgrade_failed",
        "http_protocol_error",
        "proxy_internal_response",
        "proxy_internal_error",
        "proxy_configuration_error",
        "proxy_loop_detected",
    ]
)
GROUPS = (errors.GatewayError, errors.ClientFault, errors.UpstreamFault, errors.GatewayFault)
_TOKEN = r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*"
_PROXY_STATUS = re.compile(rf'(?:{_TOKEN}|"[^"\\]*"); error=(?P<error>{_TOKEN})(?:; next-hop=(?:legacy|v2))?\Z')
ROUTES = """
[[route]]
name = "small"
path = "/small"
max_body = 10
[[route]]
name = "keyed"
path = "/keyed"
api_key = true
[[route]]
name = "limited"
path = "/limited"
rate_limit = 1
[[route]]
name = "guarded"
path = "/guarded"
guards = ["storage-path-of-user"]
[[route]]
name = "impatient"
path = "/impatient"
first_byte = 0.1
[[route]]
name = "flagged"
path = "/flagged"
flag = "f"
id_policy = "refuse"
"""


def check(answer: Answer, *, status: int) -> None:
    """What any answer of the gateway's own must say."""
    assert answer.status == status
    assert answer.complete
    for name in ("date", "content-type", "content-length", "cache-control"):
        assert len(answer.values(name)) == 1, name
    assert parsedate_to_datetime(answer.values("date")[0].decode()).tzinfo is not None
    assert answer.values("cache-control") == [b"no-store"]
    assert int(answer.values("content-length")[0]) == len(answer.body)
    assert answer.values("x-gateway-backend") == []


def check_problem(answer: Answer, *, status: int) -> None:
    """RFC 9457 section 3, RFC 9209 section 2, and the fields that go with some statuses."""
    check(answer, status=status)
    assert answer.values("content-type") == [b"application/problem+json"]
    (proxy_status,) = answer.values("proxy-status")
    syntax = _PROXY_STATUS.match(proxy_status.decode())
    assert syntax is not None, proxy_status
    assert syntax["error"] in REGISTERED
    document = json.loads(answer.body)
    assert document["status"] == status
    assert re.fullmatch(r"urn:banyan:problem:[a-z-]+", document["type"])
    assert document["title"]
    assert document["detail"]
    assert document["request_id"].encode() == answer.values("x-request-id")[0]
    assert bool(answer.values("www-authenticate")) is (status == 401)
    assert bool(answer.values("retry-after")) is (status in (429, 503))


def request(line: bytes, fields: bytes = b"", body: bytes = b"") -> bytes:
    return b"%b HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (line, fields, body)


PROBLEMS = {
    "syntax": (b"nonsense\r\n\r\n", 400),
    "no-host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "bad-chunk": (request(b"POST /", b"Transfer-Encoding: chunked\r\n", b"x\r\n"), 400),
    "no-id": (request(b"POST /flagged", b"Content-Length: 2\r\n", b"{}"), 400),
    "no-key": (request(b"GET /keyed"), 401),
    "foreign-folder": (
        request(b"POST /guarded", b"Content-Length: 34\r\n", b'{"user_id":"u","storage_path":"x"}'), 403,
    ),
    "body-too-slow": (request(b"POST /", b"Content-Length: 9\r\n", b"x"), 408),
    "head-too-slow": (b"GET / HTTP/1.1\r\nHost:", 408),
    "body-too-large": (request(b"POST /small", b"Content-Length: 11\r\n"), 413),
    "target-too-long": (request(b"GET /" + b"x" * 400), 414),
    "expectation": (request(b"GET /", b"Expect: miracles\r\n"), 417),
    "limit": (request(b"GET /limited") + request(b"GET /limited"), 429),
    "head-too-large": (request(b"GET /", b"X: %b\r\n" % (b"y" * 3000)), 431),
    "method": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    "version": (b"GET / HTTP/2.1\r\nHost: a\r\n\r\n", 505),
    "loop": (request(b"GET /", b"Via: 1.1 banyan\r\n"), 508),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
async def test_every_refusal_has_what_it_must_have(tmp_path: Path, name: str) -> None:
    payload, status = PROBLEMS[name]
    limits: dict[str, Any] = {
        "target_bytes": 300,
        "head_bytes": 2048,
        "head_timeout": 0.1,
        "body_timeout": 0.1,
        "api_key": "k",
    }  # WorkerConfig's
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **limits) as running:
        received = await running.send(payload, eof=status != 408)
    check_problem(answers(received)[-1], status=status)


async def _says(reply: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(reply)
    if not reply:
        writer.close()
    await reader.read()


@pytest.mark.parametrize(
    ("path", "reply", "status"),
    [("/", b"", 502), ("/", b"nonsense\r\n\r\n", 502), ("/impatient", b"HTTP/1.1 ", 504)],
    ids=["gone", "malformed", "silent"],
)
async def test_a_failing_backend_is_answered_for(tmp_path: Path, path: str, reply: bytes, status: int) -> None:
    backend = Backend(script=lambda _, reader, writer: _says(reply, reader, writer))
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES) as running:
        reader, writer = await running.connect()
        writer.write(request(b"GET " + path.encode(), b"Connection: close\r\n"))
        found = answers(await asyncio.wait_for(reader.read(), LIMIT))
        writer.close()
    check_problem(found[-1], status=status)
    assert found[-1].values("proxy-status")[0].endswith(b"; next-hop=legacy")


async def test_an_unreachable_backend_and_a_full_gateway_are_answered_for(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running():
        full = gateway(tmp_path, backend, upstream_connections=1, upstream_waiting=0)
        async with full as running:
            running.service.pools[Backends.LEGACY].open = 1
            check_problem(answers(await running.send(request(b"GET /")))[-1], status=503)
        async with gateway(tmp_path, backend, max_clients=0) as running:
            check_problem(answers(await running.send(b""))[-1], status=503)
    async with gateway(tmp_path, backend) as running:
        check_problem(answers(await running.send(request(b"GET /")))[-1], status=502)


async def test_health_says_so_in_json_and_is_never_stored(tmp_path: Path) -> None:
    async with gateway(tmp_path, 1) as running:
        for draining, status in ((False, 200), (True, 503)):
            running.service.draining = draining
            answer = answers(await running.send(request(b"GET /_gateway/health")))[-1]
            check(answer, status=status)
            assert answer.values("content-type") == [b"application/json"]
            assert json.loads(answer.body)["status"] == ("draining" if draining else "ok")
        refused = answers(await running.send(request(b"DELETE /_gateway/health")))[-1]
        check(refused, status=405)
        assert refused.values("allow") == [b"GET, HEAD"]


def _classes(root: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    yield root
    for one in root.__subclasses__():
        yield from _classes(one)


@pytest.mark.parametrize("kind", list(_classes(errors.GatewayError)), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", [b"banyan", b"7-eleven", b"_x"])
def test_no_error_of_the_tree_breaks_the_rules(kind: type[errors.GatewayError], name: bytes) -> None:
    """Also those that hardly ever happen, and with names that are no tokens of RFC 8941."""
    date = b"Sun, 06 Nov 1994 08:49:37 GMT"
    sent = problem(kind("a reason"), name=name, date=date, request_id=b"id", backend="legacy")
    check_problem(answers(sent)[0], status=kind.status)


def test_no_two_errors_share_a_problem_type() -> None:
    slugs = [kind.slug for kind in _classes(errors.GatewayError) if kind not in GROUPS]
    assert len(slugs) == len(set(slugs))
