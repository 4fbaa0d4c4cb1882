"""Several requests on one connection: order, keep-alive, and that nothing follows an error (RFC 9112 section 9)."""

from tests.gateway.proxy.cases import Case, get, post

_CLOSE = b"Connection: close\r\n"

CASES = [
    Case(
        "two",
        "RFC 9112 9.3.2: in order",
        get(target=b"/1") + get(target=b"/2"),
        (200, 200),
        saw=2,
        line=b"GET /2 HTTP/1.1",
    ),
    Case(
        "ten",
        "RFC 9112 9.3.2",
        b"".join(get(target=b"/%d" % n) for n in range(10)),
        (200,) * 10,
        saw=10,
        line=b"GET /9 HTTP/1.1",
    ),
    Case(
        "post-then-get",
        "RFC 9112 9.3.2",
        post(b"Content-Length: 2\r\n", b"hi") + get(target=b"/2"),
        (200, 200),
        saw=2,
        line=b"GET /2 HTTP/1.1",
    ),
    Case(
        "get-then-post", "RFC 9112 9.3.2", get() + post(b"Content-Length: 2\r\n", b"hi"), (200, 200), saw=2, body=b"hi"
    ),
    Case(
        "close-ends",
        "RFC 9112 9.6: nothing after close",
        get(_CLOSE) + get(target=b"/2"),
        (200,),
        saw=1,
        line=b"GET / HTTP/1.1",
        got=(b"connection: close",),
    ),
    Case("close-mixed-case", "RFC 9110 7.6.1", get(b"Connection: CLOSE\r\n") + get(target=b"/2"), (200,), saw=1),
    Case("close-in-list", "RFC 9110 7.6.1", get(b"Connection: foo, close\r\n") + get(target=b"/2"), (200,), saw=1),
    Case(
        "1.0-ends", "RFC 9112 9.3: 1.0 does not persist", b"GET / HTTP/1.0\r\n\r\n" + get(target=b"/2"), (200,), saw=1
    ),
    Case(
        "1.0-keep-alive",
        "RFC 9112 C.2.2",
        b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2,
        (200, 200),
        saw=2,
        got=(b"connection: keep-alive",),
    ),
    Case(
        "1.0-keep-alive-chunked",
        "RFC 9112 9.3: without a length the end is the close",
        b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2,
        (200,),
        saw=1,
        reply=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        answer_body=b"ok",
        got_not=(b"transfer-encoding",),
    ),
    Case(
        "error-ends",
        "RFC 9112 9.3.2: a refused request ends the connection",
        get(host=b"") + get(target=b"/2"),
        (400,),
        saw=0,
    ),
    Case(
        "good-then-bad",
        "RFC 9112 9.3.2",
        get() + get(b"X : y\r\n") + get(target=b"/3"),
        (200, 400),
        saw=1,
        line=b"GET / HTTP/1.1",
    ),
    Case(
        "bad-body-then-good",
        "RFC 9112 9.3.2",
        post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n\r\n") + get(target=b"/2"),
        (400,),
        saw=0,
    ),
    Case(
        "upgrade-then-get",
        "RFC 9110 7.8: not switched, so HTTP goes on",
        get(b"Connection: Upgrade\r\nUpgrade: x\r\n") + get(target=b"/2"),
        (200, 200),
        saw=2,
        line=b"GET /2 HTTP/1.1",
    ),
    Case(
        "head-then-get",
        "RFC 9110 9.3.2: no body to HEAD",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        (200,),
        saw=1,
        reply=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        head_only=True,
    ),
    Case(
        "health-then-get",
        "RFC 9112 9.3.2",
        get(target=b"/_gateway/health") + get(target=b"/2"),
        (200, 200),
        saw=1,
        line=b"GET /2 HTTP/1.1",
    ),
    Case(
        "too-large",
        "RFC 9110 15.5.14: refused before it is read",
        b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
        (413,),
        saw=0,
        got=(b"connection: close",),
    ),
    Case(
        "too-large-chunked",
        "RFC 9110 15.5.14",
        b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        (413,),
        saw=0,
    ),
    Case(
        "just-small-enough",
        "RFC 9110 15.5.14",
        b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhelloworld",
        body=b"helloworld",
    ),
    Case(
        "too-large-expecting",
        "RFC 9110 10.1.1: 413 instead of 100",
        b"POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
        (413,),
        saw=0,
        got_not=(b"100 Continue",),
    ),
    Case(
        "flagged-too-large-expecting",
        "RFC 9110 10.1.1",
        b"POST /flagged HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n",
        (413,),
        saw=0,
        got_not=(b"100 Continue",),
    ),
    Case(
        "flagged-expecting",
        "RFC 9110 10.1.1: the gateway wants the body, so it says so",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        (100, 200),
        lacks=(b"expect:",),
        body=b'{"user_id":"u"}',
        got=(b"x-gateway-backend: v2",),
    ),
    Case(
        "flagged",
        "the body decides",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        has=(b"idempotency-key: ",),
        got=(b"x-gateway-backend: v2",),
    ),
    Case(
        "flagged-own-key",
        "an own key stays",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nIdempotency-Key: mine\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        has=(b"idempotency-key: mine",),
    ),
    Case(
        "flagged-request-id",
        "a request id may stand on many requests, and a key on one",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        has=(b"x-request-id: mine", b"idempotency-key: "),
        lacks=(b"idempotency-key: mine",),
    ),
    Case(
        "flagged-chunked",
        "the body decides",
        b"POST /flagged HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8\r\n{"user_i\r\n7\r\nd":"u"}\r\n0\r\n\r\n',
        body=b'{"user_id":"u"}',
        got=(b"x-gateway-backend: v2",),
    ),
    Case(
        "flagged-encoded-path",
        "routes are matched as the backends match them",
        b'POST /fl%61gged HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        line=b"POST /fl%61gged HTTP/1.1",
        got=(b"x-gateway-backend: v2",),
    ),
    Case(
        "flagged-query",
        "routes are matched without the query",
        b'POST /flagged?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        line=b"POST /flagged?x=1 HTTP/1.1",
        got=(b"x-gateway-backend: v2",),
    ),
    Case(
        "flagged-slash",
        "another path is another route",
        b'POST /flagged/ HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        got=(b"x-gateway-backend: legacy",),
    ),
    Case(
        "flagged-options",
        "preflights go to legacy",
        b"OPTIONS /flagged HTTP/1.1\r\nHost: a\r\nOrigin: http://p\r\nAccess-Control-Request-Method: POST\r\n\r\n",
        got=(b"x-gateway-backend: legacy",),
    ),
    Case(
        "flagged-explained",
        "a decision that is asked for",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nX-Gateway-Explain: 1\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}',
        lacks=(b"x-gateway-explain:",),
        got=(b"x-gateway-decision: v2; reason=percentage-in; flag=f; bucket=",),
    ),
    *(
        Case(
            f"flagged-{name}",
            "no usable id, so legacy; the body is not touched",
            b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
            body=body,
            got=(b"x-gateway-backend: legacy",),
        )
        for name, body in {
            "no-id": b"{}",
            "empty-id": b'{"user_id":""}',
            "null-id": b'{"user_id":null}',
            "number-id": b'{"user_id":12}',
            "nested-id": b'{"a":{"user_id":"u"}}',
            "not-json": b"user_id=u",
            "broken-json": b'{"user_id":"u"',
            "list": b'["user_id","u"]',
            "gzip": b"\x1f\x8b\x08\x00user_id",
            "long-id": b'{"user_id":"%b"}' % (b"x" * 300),
            "last-null": b'{"user_id":"u","user_id":null}',
        }.items()
    ),
    *(
        Case(
            f"flagged-{name}",
            "ids are read as the backends read them",
            b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
            body=body,
            got=(b"x-gateway-backend: v2",),
        )
        for name, body in {
            "escaped-key": b'{"\\u0075ser_id":"u"}',
            "bom": b'\xef\xbb\xbf{"user_id":"u"}',
            "utf-16": '{"user_id":"u"}'.encode("utf-16"),
            "spaces": b' \r\n\t{ "user_id" : "u" } ',
            "last-string": b'{"user_id":null,"user_id":"u"}',
            "before-a-megabyte": b'{"user_id":"u","conversations":"' + b"x" * 500_000 + b'"}',
        }.items()
    ),
    Case(
        "flagged-behind-a-megabyte",
        "beyond the prefix nobody looks",
        b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 500032\r\n\r\n{"conversations":"'
        + b"x" * 499_998
        + b'","user_id":"u"}',
        got=(b"x-gateway-backend: legacy",),
    ),
    Case(
        "flagged-no-body",
        "no body, no id",
        b"POST /flagged HTTP/1.1\r\nHost: a\r\n\r\n",
        got=(b"x-gateway-backend: legacy",),
    ),
    *(
        Case(
            f"flagged-key-{name}",
            "a job has exactly one key",
            b'POST /flagged HTTP/1.1\r\nHost: a\r\n%bContent-Length: 15\r\n\r\n{"user_id":"u"}' % fields,
            has=(b"idempotency-key: ",),
            lacks=(b"idempotency-key: \r\n", b"two"),
        )
        for name, fields in {
            "empty": b"Idempotency-Key:\r\n",
            "twice": b"Idempotency-Key: one\r\nIdempotency-Key: two\r\n",
        }.items()
    ),
    *(
        Case(
            f"flagged-prefix-{size}-{backend}",
            "an id is in the first 65536 bytes or it is not, however the body is cut",
            b"POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
            + b'{"a":"'
            + b"x" * (size - 22)
            + b'","user_id":"u"}',
            got=(b"x-gateway-backend: " + backend.encode(),),
        )
        for size, backend in ((65_536, "v2"), (65_537, "v2"), (65_538, "legacy"), (70_000, "legacy"))
    ),
    Case("surplus-empty-line", "RFC 9112 2.2: nothing more is coming", get() + b"\r\n", saw=1),
    Case(
        "then-a-short-body",
        "RFC 9112 8: the second request can no longer become whole",
        get() + post(b"Content-Length: 50\r\n", b"hello"),
        (200, 400),
        saw=1,
    ),
    Case(
        "then-short-chunks",
        "RFC 9112 8",
        get() + post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhel"),
        (200, 400),
        saw=1,
    ),
    Case("then-half-a-head", "RFC 9112 8", get() + b"GET / HTTP/1.1\r\nHo", (200, 400), saw=1),
    Case("then-no-body-at-all", "RFC 9112 8", get() + post(b"Content-Length: 5\r\n"), (200, 400), saw=1),
]
