"""Attempts to get where one must not get: what is sent, byte for byte, and what must come of it.

Words between @ are filled in by the test: @USER@ and @OTHER@ are two people, @OPS@, @V2@ and @API@ the keys, @FORCE@ a
force header's value for @USER@, @FORGED@ one that is signed with another key, @OLD@ one whose time is over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MARKER = "attack-marker"
"""Stands in everything that must not be logged."""


class Port(StrEnum):
    """Where an attempt is made."""

    PUBLIC = "public"
    OPS = "ops"
    V2 = "v2"


class By(StrEnum):
    """Who may answer on the public port."""

    ANY = "any"
    LEGACY = "legacy"
    GATEWAY = "gateway"  # no backend has heard of it


class Attack(NamedTuple):
    """One attempt. `status` are the answers that are right, 0 a connection closed without one."""

    group: str
    what: str
    port: Port
    sent: bytes
    status: tuple[int, ...]
    by: By = By.ANY
    never: bytes = b""  # must not stand in the answer
    times: int = 1  # sent so often; the last answer counts


def request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    """A request that is framed as it should be, and closes its connection."""
    lines = [f"{method} {target} HTTP/1.1", *fields, "Connection: close"]
    if not any(field.lower().startswith("host:") for field in fields):
        lines.insert(1, "Host: localhost")
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def get(target: str, *fields: str) -> bytes:
    """A GET."""
    return request("GET", target, *fields)


def post(target: str, body: str | bytes, *fields: str) -> bytes:
    """A POST of JSON."""
    content = body.encode() if isinstance(body, str) else body
    return request("POST", target, "Content-Type: application/json", *fields, body=content)


def _with(template: str, port: Port, group: str, status: tuple[int, ...], rows: list[tuple[str, str]]) -> list[Attack]:
    return [Attack(group, what, port, get(template, *([field] if field else [])), status) for what, field in rows]


OPS_KEY = "Authorization: Bearer @OPS@"
V2_KEY = "X-Service-Key: @V2@"
OPS_ACCESS = [
    *_with(
        "/ops/status",
        Port.OPS,
        "ops port: getting in",
        (401,),
        [
            ("no token", ""),
            ("a wrong token", "Authorization: Bearer 0123456789abcdef0123456789abcdef"),
            ("an empty token", "Authorization: Bearer "),
            ("the right token as Basic", "Authorization: Basic @OPS@"),
            ("the right token as X-Api-Key", "X-Api-Key: @OPS@"),
            ("v2's key", "Authorization: Bearer @V2@"),
            ("claiming to come from loopback", "X-Forwarded-For: 127.0.0.1"),
            ("claiming to be asked as localhost", "Host: localhost:9090"),
        ],
    ),
    *[
        Attack("ops port: getting in", what, Port.OPS, sent, status)
        for what, sent, status in (
            ("the token in the query", get("/ops/status?token=@OPS@"), (401,)),
            ("metrics without a token", get("/metrics"), (401,)),
            ("evidence without a token", get("/evidence"), (401,)),
            ("events without a token", get("/ops/events"), (401,)),
            ("the kill without a token", post("/ops/kill", "{}"), (401,)),
            (
                "100 % without a token",
                request("PUT", "/ops/flags/process-full-v2/percentage", body=b'{"percentage":100}'),
                (401,),
            ),
            ("around by dot segments", get("/healthz/../ops/status"), (401, 404)),
            ("around by a double slash", get("//ops/status"), (401, 404)),
            ("around by upper case", get("/OPS/STATUS"), (401, 404)),
            ("around by an encoded letter", get("/%6fps/status"), (401,)),
            ("around by an encoded slash", get("/ops%2fstatus"), (401,)),
            ("a source file through the page's folder", get("/page/..%2f..%2fsettings.py"), (401, 404)),
            ("a source file by encoded dots", get("/page/%2e%2e/api.py"), (401, 404)),
        )
    ],
]
CSRF = [
    Attack("ops port: pages of other sites", what, Port.OPS, sent, (403, 401))
    for what, sent in (
        ("a kill from another origin, token and all", post("/ops/kill", "{}", OPS_KEY, "Origin: https://evil.example")),
        ("a kill from a sandboxed page", post("/ops/kill", "{}", OPS_KEY, "Origin: null")),
        ("a cross-site request without Origin", post("/ops/kill", "{}", OPS_KEY, "Sec-Fetch-Site: cross-site")),
        ("a same-site neighbour", post("/ops/kill", "{}", OPS_KEY, "Sec-Fetch-Site: same-site")),
        ("a form", request("POST", "/ops/kill", "Content-Type: text/plain", "Origin: https://evil.example")),
        ("a name pointed at this machine", get("/ops/status", "Host: evil.example", "Origin: http://evil.example")),
        ("metrics read by a page", get("/metrics", OPS_KEY, "Origin: https://evil.example")),
    )
]
CSRF.append(
    Attack(
        "ops port: pages of other sites",
        "a preflight",
        Port.OPS,
        request("OPTIONS", "/ops/kill", "Origin: https://evil.example", "Access-Control-Request-Method: POST"),
        (401, 403, 405),
        never=b"access-control-allow-origin",
    )
)
V2_ACCESS = [
    *_with(
        "/jobs",
        Port.V2,
        "v2: getting in",
        (401,),
        [
            ("no key", ""),
            ("a wrong key", "X-Service-Key: 0123456789abcdef0123456789abcdef"),
            ("an empty key", "X-Service-Key: "),
            ("the ops token", "Authorization: Bearer @OPS@"),
            ("the right key as Basic", "Authorization: Basic @V2@"),
        ],
    ),
    *[
        Attack("v2: getting in", what, Port.V2, sent, (401,))
        for what, sent in (
            ("the key in the query", get("/jobs?key=@V2@")),
            ("an import without a key", post("/process-full", '{"user_id":"@USER@"}')),
            ("erasing somebody without a key", request("DELETE", "/users/@OTHER@")),
            ("somebody's events without a key", get("/jobs/@OTHER@/events")),
            ("around by dot segments", get("/health/../jobs")),
            ("around by a double slash", get("//jobs")),
            ("around by an open path with more", get("/metrics/../admin/costs")),
            ("around by a trailing slash", get("/jobs/")),
            ("around by upper case", get("/JOBS")),
            ("the schema of the API", get("/openapi.json")),
        )
    ],
]


def _path(path: str) -> bytes:
    return post("/process-full", '{"user_id":"@USER@","storage_path":"' + path + '"}', V2_KEY)


V2_INPUT = [
    *[
        Attack("v2: storage paths", what, Port.V2, _path(path), (400,))
        for what, path in (
            ("another's folder", "user-imports/@OTHER@/x.json"),
            ("another's folder by dot segments", "user-imports/@USER@/../@OTHER@/x.json"),
            ("the database by dot segments", "x/../../../../rest/v1/user_profiles?select=*"),
            ("encoded dots", "user-imports/@USER@/%2e%2e/@OTHER@/x.json"),
            ("another bucket", "secrets/@USER@/x.json"),
            ("a URL", "http://169.254.169.254/latest/meta-data"),
            ("a NUL", "user-imports/@USER@/x\\u0000.json"),
            ("a backslash", "user-imports/@USER@\\\\..\\\\@OTHER@/x.json"),
            ("a query", "user-imports/@USER@/x.json?token=1"),
        )
    ],
    *[
        Attack("v2: odd input", what, Port.V2, sent, status)
        for what, sent, status in (
            ("a filter as user id", post("/process-full", '{"user_id":"eq.x&select=*"}', V2_KEY), (400,)),
            ("a number as user id", post("/process-full", '{"user_id":7}', V2_KEY), (400, 422)),
            ("a user id that ends in a line feed", post("/process-full", '{"user_id":"@USER@\\n"}', V2_KEY), (400,)),
            ("everybody as user", request("DELETE", "/users/*", V2_KEY), (400,)),
            ("SQL as job id", get("/jobs/x'%20or%20'1'='1", V2_KEY), (404,)),
            ("a filter in the list", get("/jobs?user_id=neq.x", V2_KEY), (400,)),
            ("a forged page cursor", get("/jobs?after=x,id.neq.0", V2_KEY), (400,)),
            ("an endless page", get("/jobs?limit=100000000", V2_KEY), (400, 422)),
            ("an endless idempotency key", get(f"/jobs?idempotency_key={'k' * 4000}", V2_KEY), (400, 422)),
            ("100,000 brackets", post("/process-full", "[" * 100_000, V2_KEY), (413,)),
            ("500 MB announced", request("PATCH", "/process-full", V2_KEY, "Content-Length: 500000000"), (413,)),
        )
    ],
]
CLOSED = [
    Attack("closed routes", what, Port.PUBLIC, sent, status, by, b'"success"')
    for what, sent, status, by in (
        ("as it is written", get("/test-embed"), (404,), By.GATEWAY),
        ("with a query", get("/test-patch?x=1"), (404,), By.GATEWAY),
        ("an encoded letter", get("/%74est-patch"), (404,), By.GATEWAY),
        ("an encoded dash", get("/test%2dpatch"), (404,), By.GATEWAY),
        ("absolute form", get("http://localhost/test-patch"), (404,), By.GATEWAY),
        ("with the API key", get("/test-patch", "X-Api-Key: @API@"), (404,), By.GATEWAY),
        ("double encoding", get("/%2574est-patch"), (404,), By.GATEWAY),
        ("a double slash", get("//test-patch"), (404,), By.GATEWAY),
        ("a dot segment", get("/./test-patch"), (404,), By.GATEWAY),
        ("two dots", get("/health/../test-patch"), (404,), By.GATEWAY),
        ("two dots and an encoded slash", get("/health/..%2ftest-patch"), (404,), By.GATEWAY),
        ("encoded dots", get("/health/%2e%2e/test-patch"), (404,), By.GATEWAY),
        ("upper case", get("/TEST-PATCH"), (404,), By.ANY),
        ("a matrix parameter", get("/test-patch;a=1"), (404,), By.GATEWAY),
        ("a backslash", get("/health\\..\\test-patch"), (400, 404), By.ANY),
        ("an encoded question mark", get("/test-patch%3f"), (404,), By.GATEWAY),
        ("an encoded NUL", get("/test-patch%00"), (404,), By.GATEWAY),
        ("a trailing slash", get("/test-patch/"), (404,), By.GATEWAY),
        ("an encoded trailing slash", get("/test-patch%2f"), (404,), By.GATEWAY),
        ("another method", request("HEAD", "/test-patch"), (404, 405), By.ANY),
        ("another method by header", post("/test-patch", "{}", "X-HTTP-Method-Override: GET"), (404, 405), By.ANY),
        ("another path by header", get("/health", "X-Original-URL: /test-patch"), (200,), By.LEGACY),
        ("another path by header, too", get("/health", "X-Rewrite-URL: /test-patch"), (200,), By.LEGACY),
    )
]
KEYED = [
    Attack("routes with a key", what, Port.PUBLIC, sent, status, by)
    for what, sent, status, by in (
        ("no key", get("/generate-soulprint/@USER@"), (401,), By.GATEWAY),
        ("a wrong key", get("/generate-soulprint/@USER@", "X-Api-Key: nonsense"), (401,), By.GATEWAY),
        ("the key in the query", get("/generate-soulprint/@USER@?api_key=@API@"), (401,), By.GATEWAY),
        ("the ops token", get("/generate-soulprint/@USER@", OPS_KEY), (401,), By.GATEWAY),
        ("an encoded dash", get("/generate%2dsoulprint/@USER@"), (401,), By.GATEWAY),
        ("an encoded slash", get("/generate-soulprint%2f@USER@"), (401, 404), By.ANY),
        ("an encoded slash at the end", get("/generate-soulprint/@USER@%2f"), (404,), By.GATEWAY),
        ("a double slash", get("/generate-soulprint//@USER@"), (404,), By.GATEWAY),
        ("a dot segment", get("/health/../generate-soulprint/@USER@"), (404,), By.GATEWAY),
    )
]


def _import(body: str | bytes, what: str, status: tuple[int, ...] = (403,), by: By = By.GATEWAY) -> Attack:
    return Attack("storage paths before the monolith", what, Port.PUBLIC, post("/process-full", body), status, by)


MINE, FOREIGN = "user-imports/@USER@/x.json", "user-imports/@OTHER@/x.json"
GUARDED = [
    _import(f'{{"user_id":"@USER@","storage_path":"{FOREIGN}"}}', "another's folder"),
    _import('{"user_id":"@USER@","storage_path":"x/../../../../rest/v1/user_profiles?select=*"}', "the database"),
    _import('{"user_id":"@USER@","storage_path":"user-imports/@USER@/%2e%2e/@OTHER@/x"}', "encoded dots"),
    _import('{"user_id":"@USER@","storage_path":"user-imports/@USER@/%252e%252e/@OTHER@/x"}', "twice encoded dots"),
    _import('{"user_id":"@USER@","storage_path":"http://169.254.169.254/x"}', "a URL"),
    _import(f'{{"user_id":"@USER@","storage_path":"{MINE}","storage_path":"{FOREIGN}"}}', "the key twice"),
    _import(f'{{"user_id":"@USER@","stor\\u0061ge_path":"{FOREIGN}"}}', "the key with an escape"),
    _import(f'\ufeff{{"user_id":"@USER@","storage_path":"{FOREIGN}"}}', "behind a byte order mark"),
    _import(f'{{"user_id":"@USER@","storage_path":"{FOREIGN}","x":"{"x" * 70_000}"}}', "before 64 KiB of padding"),
    _import(f'{{"x":"{"x" * 70_000}","user_id":"@USER@","storage_path":"{FOREIGN}"}}', "behind 64 KiB of padding"),
    _import(f'{{"storage_path":"{MINE}"}}', "without a user"),
    _import(f'{{"user_id":["@USER@"],"storage_path":"{MINE}"}}', "a list as user"),
    _import(
        f'{{"user_id":"@USER@","storage_path":["{FOREIGN}"]}}', "a list as path: legacy refuses it", (403, 422), By.ANY
    ),
]


def _spoof(what: str, *fields: str, user: str = "@USER@") -> Attack:
    sent = post("/process-full", f'{{"user_id":"{user}","conversations":[]}}', "X-Gateway-Explain: 1", *fields)
    return Attack("posing as the gateway or as somebody else", what, Port.PUBLIC, sent, (200,), By.LEGACY, b"forced")


SPOOFED = [
    _spoof("a force header of nonsense", "X-Gateway-Force: v2"),
    _spoof("a force header signed with another key", "X-Gateway-Force: @FORGED@"),
    _spoof("another's force header", "X-Gateway-Force: @FORCE@", user="@OTHER@"),
    _spoof("a force header whose time is over", "X-Gateway-Force: @OLD@"),
    _spoof("two force headers", "X-Gateway-Force: @FORGED@", "X-Gateway-Force: @OLD@"),
    _spoof("naming the backend", "X-Gateway-Backend: v2"),
    _spoof("naming the decision", "X-Gateway-Decision: v2; reason=forced"),
    _spoof("a service key", "X-Service-Key: @V2@"),
    _spoof("underscores for dashes", "X_Gateway_Force: @FORGED@"),
    *[
        Attack("posing as the gateway or as somebody else", what, Port.PUBLIC, get("/status", field), (429,), times=4)
        for what, field in (
            ("a limit by address, with X-Forwarded-For", "X-Forwarded-For: 203.0.113.7"),
            ("a limit by address, with Forwarded", "Forwarded: for=203.0.113.8"),
            ("a limit by address, with X-Real-IP", "X-Real-IP: 203.0.113.9"),
        )
    ],
    *[
        Attack("posing as the gateway or as somebody else", what, Port.PUBLIC, get(target), (404,), By.ANY)
        for what, target in (
            ("v2's jobs through the public port", "/jobs"),
            ("v2's costs through the public port", "/admin/costs"),
            ("the ops API through the public port", "/ops/status"),
            ("metrics through the public port", "/metrics"),
            ("the gateway's own paths", "/_gateway/../ops/status"),
        )
    ],
]


def _raw(what: str, sent: bytes, status: tuple[int, ...] = (400,)) -> Attack:
    return Attack("framing", what, Port.PUBLIC, sent, status, By.GATEWAY)


_HEAD = b"POST /query HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
FRAMING = [
    _raw("length and chunks", _HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    _raw("two lengths", _HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"),
    _raw("a signed length", _HEAD + b"Content-Length: +4\r\n\r\nabcd"),
    _raw("a list of lengths", _HEAD + b"Content-Length: 4, 5\r\n\r\nabcde"),
    _raw("a space before the colon", _HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    _raw("an unknown coding", _HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    _raw("a folded line", _HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    _raw("a bare carriage return", _HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n"),
    _raw("a NUL in a value", _HEAD + b"X: a\0b\r\n\r\n"),
    _raw("no Host", b"GET / HTTP/1.1\r\n\r\n"),
    _raw("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    _raw("a request line with two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    _raw("a chunk size of seventeen digits", _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n"),
]
EXHAUSTION = [
    Attack("wearing out", what, Port.PUBLIC, sent, status, By.GATEWAY)
    for what, sent, status in (
        ("a head of 100 KB", get("/health", f"X: {'x' * 100_000}"), (431,)),
        ("a path of 20 KB", get(f"/{'x' * 20_000}"), (414,)),
        ("a thousand fields", get("/health", *(f"X-{n}: 1" for n in range(1000))), (431,)),
        ("a terabyte announced", _HEAD + b"Content-Length: 1000000000000\r\n\r\n", (413,)),
        (
            "a long chunk extension",
            _HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200_000,
            (400, 413, 431),
        ),
    )
]
OTHER = [
    Attack("log injection", what, Port.PUBLIC, sent, status, by)
    for what, sent, status, by in (
        ("a line feed in the path", get(f"/x%0a{MARKER}"), (404,), By.ANY),
        ("quotes in the user agent", get("/health", f'User-Agent: "}}\\n{{"{MARKER}": "'), (200,), By.LEGACY),
        ("quotes in the request id", get("/health", f'X-Request-Id: "}},{MARKER}'), (200,), By.LEGACY),
        (
            "terminal codes in the trace",
            get("/health", f"traceparent: 00-{MARKER}-\x1b[2J-01"),
            (200, 400),
            By.ANY,
        ),
        ("text of a user", post("/process-full", f'{{"user_id":"{MARKER}","conversations":[]}}'), (200, 400), By.ANY),
    )
]
OTHER += [
    Attack("upgrades and tunnels", what, Port.PUBLIC, sent, status)
    for what, sent, status in (
        (
            "a WebSocket that nobody offers",
            request(
                "GET",
                "/health",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            ),
            (403,),
        ),
        (
            "a request smuggled in h2c",
            get("/health", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
            (200, 400),
        ),
        (
            "a tunnel to the metadata service",
            b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            (400, 405, 501),
        ),
        ("another host by absolute form", get("http://169.254.169.254/latest/meta-data"), (404,)),
        ("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    )
]

ATTACKS: tuple[Attack, ...] = (
    *OPS_ACCESS,
    *CSRF,
    *V2_ACCESS,
    *V2_INPUT,
    *CLOSED,
    *KEYED,
    *GUARDED,
    *SPOOFED,
    *FRAMING,
    *EXHAUSTION,
    *OTHER,
)
