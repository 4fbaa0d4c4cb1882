"""Requests and answers that must pass a gateway without a difference: made by rule, the same ones on each run."""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
METHODS = (
    b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND REPORT SEARCH QUERY M-SEARCH purge X!#$%&'*+.^_`|~".split()
)
TARGETS = (
    b"/",
    b"//",
    b"///a//b///",
    b"/a%2Fb//c;x=1?q=%2f+x&&e",
    b"/a/../../b/./c/..",
    b"/%2e%2e/%2E%2E/etc",
    b"/a/..;/b",
    b"/.",
    b"/..",
    b"/%00%01%7f",
    b"/%",
    b"/%zz%1",
    b"/a%20b+c",
    b"/?",
    b"/??",
    b"/?&&=&a=&=b&",
    b"/?a=1&a=2&A=3&a[]=4&a%5B%5D=5",
    b"/?q=%E4%BD%A0&r=\xe4\xbd\xa0",
    b"/\xc3\xa4\xff\xfe",
    b"/a;b=c;d,e;f",
    b"/a:b@c!$&'()*+,=~",
    b'/"<>^`{|}',
    b"/http://other.example/x?y=http://z/",
    b"/x?next=//evil.example/&u=https://a/?b#".rstrip(b"#"),
    b"/process-full/",
    b"/PROCESS-FULL",
    b"/process-full?x",
    b"/embedding-status/user%2F..%2Fother",
    b"/" + b"p" * 8192,
    b"/?" + b"q" * 8192,
    b"/" + b"%41" * 2000,
    b"/" + b"a/" * 2000,
)
VALUES = (
    b"",
    b"x",
    b"a, b, c",
    b'"quoted \\" text"',
    b"a\tb",
    b"\xc3\xa4\xff",
    b"a;b=c",
    b"x" * 4000,
    b"=?utf-8?q?x?=",
)
NAMES = (
    b"X-Plain",
    b"x-lower",
    b"X-UPPER",
    b"x_under_score",
    b"X.dot",
    b"!#$%&'*+.^_`|~1",
    b"Accept",
    b"Accept-Encoding",
    b"Accept-Language",
    b"Authorization",
    b"Cache-Control",
    b"Content-Type",
    b"Cookie",
    b"Date",
    b"DNT",
    b"If-None-Match",
    b"If-Modified-Since",
    b"Origin",
    b"Pragma",
    b"Prefer",
    b"Priority",
    b"Referer",
    b"Sec-Fetch-Mode",
    b"User-Agent",
    b"X-Request-Id",
    b"tracestate",
    b"baggage",
    b"Via",
    b"Warning",
    b"apikey",
    b"Content-Disposition",
    b"Idempotency-Key",
)
BROWSER = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\nAccept: */*\r\n"
    b"Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nOrigin: https://app.example\r\n"
    b"Referer: https://app.example/import?a=b\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\n"
    b'Sec-Fetch-Site: cross-site\r\nsec-ch-ua: "Chromium";v="141"\r\nsec-ch-ua-mobile: ?0\r\nCookie: a=1; b=2\r\n'
    b'Cookie: c=%C3%A4; d="e"\r\nPriority: u=1, i\r\n'
)


@dataclass(frozen=True)
class Exchange:
    """What a client sends and what the origin answers; `closes` says that the answer ends with its connection."""

    id: str
    send: bytes
    reply: bytes = OK
    closes: bool = False


def request(
    method: bytes = b"GET", target: bytes = b"/", fields: bytes = b"", body: bytes = b"", version: bytes = b"1.1"
) -> bytes:
    """A request with a Host, whose body the `fields` must frame."""
    return b"%b %b HTTP/%b\r\nHost: origin.example:8080\r\n%b\r\n%b" % (method, target, version, fields, body)


def chunks(body: bytes, dice: random.Random, trailers: bytes = b"") -> bytes:
    """`body` in the chunked coding, cut at random, with odd but legal size lines."""
    parts: list[bytes] = []
    while body:
        size = dice.randrange(1, min(len(body), 5000) + 1)
        line = dice.choice((b"%x", b"%X", b"0%x", b"%x;ext", b'%x ;a="b;c"')) % size
        parts.append(line + b"\r\n" + body[:size] + b"\r\n")
        body = body[size:]
    return b"".join(parts) + dice.choice((b"0", b"000", b"0;last")) + b"\r\n" + trailers + b"\r\n"


def _requests(dice: random.Random) -> Iterator[Exchange]:
    for method in METHODS:
        yield Exchange(f"method-{method.decode()}", request(method), OK if method != b"HEAD" else OK[:-2])
        sized = request(method, b"/b", b"Content-Length: 3\r\n", b"a\0b")
        yield Exchange(f"method-body-{method.decode()}", sized, OK if method != b"HEAD" else OK[:-2])
    for number, target in enumerate(TARGETS):
        yield Exchange(f"target-{number}", request(b"GET", target))
        yield Exchange(f"target-post-{number}", request(b"POST", target, b"Content-Length: 2\r\n", b"{}"))
    yield Exchange("target-asterisk", request(b"OPTIONS", b"*"))
    for number, name in enumerate(NAMES):
        for place, value in enumerate(VALUES):
            if name not in (b"X-Request-Id", b"Via") or place == 1:
                yield Exchange(f"field-{number}-{place}", request(fields=name + b": " + value + b"\r\n"))
    for number in range(60):
        lines = [
            b"%b:%b%b%b\r\n"
            % (
                dice.choice((str.upper, str.lower, str.title))(dice.choice(NAMES[:24]).decode()).encode(),
                dice.choice((b"", b" ", b"\t ")),
                dice.choice(VALUES[1:]),
                dice.choice((b"", b" ", b" \t")),
            )
            for _ in range(dice.randrange(2, 12))
        ]
        yield Exchange(f"fields-{number}", request(fields=b"".join(lines)))
    yield Exchange("fields-browser", request(b"POST", b"/chat", BROWSER + b"Content-Length: 2\r\n", b"{}"))
    yield Exchange("fields-100", request(fields=b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(100))))
    yield Exchange("fields-30k", request(fields=b"X-Long: " + b"l" * 30_000 + b"\r\n"))
    yield Exchange("range", request(fields=b'Range: bytes=0-1,5-,-3\r\nIf-Range: "a"\r\n'))
    yield Exchange("1.0", request(version=b"1.0"))
    yield Exchange("1.0-body", request(b"POST", fields=b"Content-Length: 2\r\n", body=b"{}", version=b"1.0"))


def _bodies(dice: random.Random) -> Iterator[Exchange]:
    texts = {
        "empty": b"",
        "json": b'{"user_id":"u","text":"\xc3\xa4\\u00e4"}',
        "crlf": b"\r\n\r\n0\r\n\r\n",
        "like-a-request": request(b"POST", b"/other", b"Content-Length: 4\r\n", b"evil"),
        "all-bytes": bytes(range(256)),
        "gzip": gzip.compress(b"x" * 1000, mtime=0),
        "100k": dice.randbytes(100_000),
    }
    for name, body in texts.items():
        length = b"Content-Length: %d\r\n" % len(body)
        for method in (b"POST", b"PUT", b"GET", b"DELETE"):
            tag = f"{name}-{method.decode()}"
            yield Exchange(f"length-{tag}", request(method, b"/b", length, body))
            chunked = b"Transfer-Encoding: chunked\r\n"
            yield Exchange(f"chunked-{tag}", request(method, b"/b", chunked, chunks(body, dice)))
    trailers = b"X-Sum: 1\r\nx-sum: 2\r\nX-Empty:\r\nServer-Timing: a;dur=1\r\n"
    fields = b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nContent-Encoding: br\r\n"
    yield Exchange("trailers", request(b"POST", b"/b", fields, chunks(b"hello" * 100, dice, trailers)))
    encoded = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(texts["gzip"])
    yield Exchange("content-encoding", request(b"POST", b"/b", encoded, texts["gzip"]))
    expecting = b"Expect: 100-continue\r\nContent-Length: 2\r\n"
    reply = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    yield Exchange("expect", request(b"POST", b"/b", expecting, b"hi"), reply)
    for number in range(40):
        body = dice.randbytes(dice.randrange(1, 20_000))
        yield Exchange(
            f"random-{number}", request(b"POST", b"/r", b"Transfer-Encoding: chunked\r\n", chunks(body, dice))
        )


def _statuses() -> Iterator[Exchange]:
    for status in (*range(200, 209), 226, *range(300, 309), *range(400, 419), 421, 422, 425, 429, 431, 451, 499):
        line = b"HTTP/1.1 %d Phrase %d\r\n" % (status, status)
        bare = status in (204, 304)
        for method in (b"GET", b"HEAD"):
            body = b"" if bare or method == b"HEAD" else b"0123456789"
            length = b"" if status == 204 else b"Content-Length: %d\r\n" % (0 if status == 205 else 10)
            body = b"" if status == 205 else body
            yield Exchange(f"status-{status}-{method.decode()}", request(method), line + length + b"\r\n" + body)
    for status in (500, 501, 502, 503, 504, 505, 511, 599):
        yield Exchange(f"status-{status}", request(), b"HTTP/1.1 %d \r\nContent-Length: 1\r\n\r\n!" % status)
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n"
    for count in (1, 3, 16):
        yield Exchange(f"interim-{count}", request(), early * count + OK)
    yield Exchange("interim-102-head", request(b"HEAD"), b"HTTP/1.1 102 Processing\r\n\r\n" + OK[:-2])


def _answers(dice: random.Random) -> Iterator[Exchange]:
    ok = b"HTTP/1.1 200 OK\r\n"
    lines = (
        b"Set-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n",
        b'ETag: W/"x"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nVary: Origin\r\nvary: Accept\r\n',
        b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-A\r\n",
        b'WWW-Authenticate: Basic realm="a, b"\r\nWWW-Authenticate: Bearer\r\n',
        b"Date: Sat, 01 Jan 2000 00:00:00 GMT\r\nAge: 5\r\nServer: uvicorn\r\nVia: 1.0 old\r\n",
        b"X-Request-Id: theirs\r\nserver-timing: db;dur=53\r\nX-Empty:\r\nX-High: \xc3\xa4\xff\r\n",
        b"Content-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Language: de\r\nDigest: x\r\n",
        b"Location: //other/a?b=c%2F\r\nRefresh: 0\r\nContent-Location: /x\r\nAlt-Svc: clear\r\n",
        b"x-many: 0\r\n" * 300,
        b"X-Long: " + b"l" * 30_000 + b"\r\n",
    )
    for number, block in enumerate(lines):
        yield Exchange(f"answer-fields-{number}", request(), ok + block + b"Content-Length: 2\r\n\r\nok")
        yield Exchange(f"answer-fields-last-{number}", request(), ok + b"Content-Length: 2\r\n" + block + b"\r\nok")
    sizes = (0, 1, 2, 255, 4096, 16_383, 16_384, 16_385, 65_536, 300_000)
    for size in sizes:
        body = dice.randbytes(size)
        yield Exchange(f"answer-length-{size}", request(), ok + b"Content-Length: %d\r\n\r\n" % size + body)
        coded = ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, dice)
        yield Exchange(f"answer-chunked-{size}", request(), coded)
        yield Exchange(f"answer-close-{size}", request(), ok + b"Connection: close\r\n\r\n" + body, closes=True)
        yield Exchange(f"answer-1.0-{size}", request(), b"HTTP/1.0 200 Old\r\n\r\n" + body, closes=True)
        old = request(version=b"1.0")
        yield Exchange(f"answer-to-1.0-{size}", old, ok + b"Content-Length: %d\r\n\r\n" % size + body)
        yield Exchange(f"answer-close-to-1.0-{size}", old, ok + b"Connection: close\r\n\r\n" + body, closes=True)
    trailers = b"X-Sum: 1\r\nServer-Timing: a\r\n"
    yield Exchange(
        "answer-trailers",
        request(fields=b"Connection: TE\r\nTE: trailers\r\n"),
        ok + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks(b"x" * 999, dice, trailers),
    )
    events = b"".join(b'id: %d\ndata: {"n":%d}\n\n' % (n, n) for n in range(50))
    stream = ok + b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    yield Exchange("events-close", request(), stream + b"\r\n" + events, closes=True)
    yield Exchange("events-chunked", request(), stream + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(events, dice))
    yield Exchange(
        "range-206",
        request(fields=b"Range: bytes=0-1\r\n"),
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
    )
    yield Exchange("head-unframed", request(b"HEAD"), ok + b"X: y\r\n\r\n")


def corpus() -> list[Exchange]:
    """All exchanges."""
    dice = random.Random(15)
    return [*_requests(dice), *_bodies(dice), *_statuses(), *_answers(dice)]
