"""Fields on their way to the backend: what stays, what goes, what is added (RFC 9110 section 7.6)."""

from tests.gateway.proxy.cases import Case, get, post, refused

_UPGRADE = b"Connection: Upgrade\r\nUpgrade: "

CASES = [
    *(
        Case(
            f"hop-{name.decode().lower()}",
            "RFC 9110 7.6.1: fields of one hop",
            get(b"%b: %b\r\n" % (name, value)),
            lacks=(name + b":",),
        )
        for name, value in (
            (b"Connection", b"keep-alive"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Proxy-Connection", b"keep-alive"),
            (b"TE", b"gzip"),
            (b"Trailer", b"X-Sum"),
            (b"Upgrade", b"websocket"),
            (b"Proxy-Authorization", b"Basic eDp5"),
            (b"HTTP2-Settings", b"AAMAAABkAARAAAAAAAIAAAAA"),
        )
    ),
    Case(
        "named-one",
        "RFC 9110 7.6.1",
        get(b"Connection: X-Secret\r\nX-Secret: 1\r\nX-Open: 2\r\n"),
        lacks=(b"x-secret:",),
        has=(b"x-open: 2",),
    ),
    Case("named-two", "RFC 9110 7.6.1", get(b"Connection: x-a, X-B\r\nX-A: 1\r\nx-b: 2\r\n"), lacks=(b"x-a:", b"x-b:")),
    Case(
        "named-two-lines",
        "RFC 9110 7.6.1",
        get(b"Connection: x-a\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 2\r\n"),
        lacks=(b"x-a:", b"x-b:"),
    ),
    Case(
        "named-with-close",
        "RFC 9110 7.6.1",
        get(b"Connection: close, x-a\r\nX-A: 1\r\n"),
        lacks=(b"x-a:", b"connection:"),
    ),
    Case("named-before", "RFC 9110 7.6.1", get(b"X-A: 1\r\nConnection: x-a\r\n"), lacks=(b"x-a:",)),
    Case("named-empty-members", "RFC 9110 5.6.1", get(b"Connection: , x-a,,\r\nX-A: 1\r\n"), lacks=(b"x-a:",)),
    *(
        Case(
            f"named-never-{name.decode().lower()}",
            "RFC 9110 7.6.1: a nomination must not remove what frames, routes or authenticates",
            get(b"Connection: %b\r\n%b: v\r\n" % (name, name)),
            has=(name.lower() + b": v",),
        )
        for name in (b"Authorization", b"Cookie", b"Content-Type", b"Idempotency-Key")
    ),
    Case("named-never-host", "RFC 9110 7.6.1", get(b"Connection: host\r\n"), has=(b"host: a",)),
    Case(
        "named-never-length",
        "RFC 9110 7.6.1",
        post(b"Connection: content-length\r\nContent-Length: 2\r\n", b"hi"),
        has=(b"content-length: 2",),
        body=b"hi",
    ),
    Case(
        "named-never-forwarded",
        "RFC 9110 7.6.1",
        get(b"Connection: x-forwarded-for\r\n"),
        has=(b"x-forwarded-for: 127.0.0.1",),
    ),
    Case(
        "te-trailers",
        "RFC 9110 10.1.4: only as our own hop",
        get(b"Connection: TE\r\nTE: trailers\r\n"),
        has=(b"te: trailers", b"connection: te"),
    ),
    Case("te-trailers-unnamed", "RFC 9110 10.1.4", get(b"TE: trailers\r\n"), lacks=(b"te:",)),
    Case("te-other", "RFC 9110 10.1.4", get(b"Connection: TE\r\nTE: gzip;q=0.5\r\n"), lacks=(b"te:",)),
    Case(
        "h2c-stripped",
        "RFC 9113 3.1",
        get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
        lacks=(b"upgrade:", b"http2-settings:", b"connection:"),
    ),
    Case(
        "h2c-beside-websocket",
        "RFC 9110 7.8",
        get(b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
        has=(b"upgrade: websocket",),
    ),
    Case("upgrade-unnamed", "RFC 9110 7.8", get(b"Upgrade: websocket\r\n"), lacks=(b"upgrade:",)),
    Case(
        "upgrade-in-1.0",
        "RFC 9110 7.8",
        b"GET / HTTP/1.0\r\nHost: a\r\n" + _UPGRADE + b"websocket\r\n\r\n",
        lacks=(b"upgrade:",),
    ),
    Case(
        "upgrade-refused-by-backend",
        "RFC 9110 7.8",
        get(_UPGRADE + b"websocket\r\n"),
        has=(b"upgrade: websocket", b"connection: upgrade"),
        answer_body=b"ok",
    ),
    Case("order-kept", "RFC 9110 5.3", get(b"B: 1\r\nA: 2\r\nB: 3\r\n"), has=(b"b: 1\r\na: 2\r\nb: 3",)),
    Case("case-kept", "RFC 9110 5.1", get(b"X-mIxEd: 1\r\n"), has=(b"=X-mIxEd: 1",)),
    Case(
        "cookies-not-joined",
        "RFC 9110 5.3",
        get(b"Cookie: a=1\r\nCookie: b=2\r\n"),
        has=(b"cookie: a=1\r\ncookie: b=2",),
    ),
    Case(
        "authorization-kept",
        "RFC 9110 11.6.2",
        get(b"Authorization: Bearer x.y-z\r\n"),
        has=(b"authorization: bearer x.y-z",),
    ),
    Case(
        "range-kept",
        "RFC 9110 7.7",
        get(b'Range: bytes=0-1\r\nIf-None-Match: "a"\r\n'),
        has=(b"range: bytes=0-1", b'if-none-match: "a"'),
    ),
    Case(
        "accept-encoding-kept",
        "RFC 9110 7.7",
        get(b"Accept-Encoding: gzip, br;q=0.5\r\n"),
        has=(b"accept-encoding: gzip, br;q=0.5",),
    ),
    Case(
        "content-encoding-kept",
        "RFC 9110 7.7",
        post(b"Content-Encoding: gzip\r\nContent-Length: 3\r\n", b"\x1f\x8b\x08"),
        has=(b"content-encoding: gzip",),
        body=b"\x1f\x8b\x08",
    ),
    Case("underscore-kept", "RFC 9110 5.1", get(b"X_Thing: 1\r\n"), has=(b"x_thing: 1",)),
    # Added and guarded ----------------------------------------------------------------------------------------------
    Case("via-added", "RFC 9110 7.6.3", get(), has=(b"via: 1.1 banyan",)),
    Case("via-1.0", "RFC 9110 7.6.3", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", has=(b"via: 1.0 banyan",)),
    Case("via-behind", "RFC 9110 7.6.3", get(b"Via: 1.1 edge\r\n"), has=(b"via: 1.1 edge", b"via: 1.1 banyan")),
    *refused(
        "RFC 9110 7.6.3: our own name in Via is a loop",
        508,
        {
            "via-loop": get(b"Via: 1.1 banyan\r\n"),
            "via-loop-list": get(b"Via: 1.0 x, 1.1 Banyan (us), 1.1 y\r\n"),
            "via-loop-second-line": get(b"Via: 1.1 x\r\nVia: 1.1 banyan\r\n"),
            "via-loop-protocol": get(b"Via: HTTP/1.1 banyan\r\n"),
        },
    ),
    Case("via-not-loop", "RFC 9110 7.6.3", get(b"Via: 1.1 banyan-2, 1.1 xbanyan\r\n"), has=(b"via: 1.1 banyan",)),
    Case(
        "forwarded-for",
        "de facto",
        get(),
        has=(b"x-forwarded-for: 127.0.0.1", b"x-forwarded-proto: http", b"x-forwarded-host: a"),
    ),
    Case("forwarded", "RFC 7239 4", get(), has=(b"forwarded: for=127.0.0.1;host=a;proto=http",)),
    Case(
        "forwarded-quoted",
        "RFC 7239 4",
        get(host=b"Host: a:80\r\n"),
        has=(b'forwarded: for=127.0.0.1;host="a:80";proto=http',),
    ),
    Case("forwarded-absolute", "RFC 9112 3.2.2", get(target=b"http://b/"), has=(b"x-forwarded-host: b",)),
    *(
        Case(f"spoofed-{number}", "untrusted forwarding fields go", get(line + b"\r\n"), lacks=(b"9.9.9.9", b"evil"))
        for number, line in enumerate(
            (
                b"X-Forwarded-For: 9.9.9.9",
                b"x-forwarded-for: 9.9.9.9, 8.8.8.8",
                b"Forwarded: for=9.9.9.9",
                b"X-Forwarded-Host: evil",
                b"X-Forwarded-Proto: evil",
                b"X-Forwarded-Port: 9.9.9.9",
                b"X-Real-IP: 9.9.9.9",
                b"X-Forwarded-Prefix: /evil",
                b"X-Forwarded-Ssl: evil",
                b"X_Forwarded_Anything: evil",
                b"X_Forwarded_For: 9.9.9.9",
                b"X-Forwarded_For: 9.9.9.9",
                b"X-Gateway-Backend: evil",
                b"X-Gateway-Anything: evil",
                b"X_Gateway_Backend: evil",
            )
        )
    ),
    Case("request-id-made", "a request has an id", get(), has=(b"x-request-id: ",)),
    Case(
        "request-id-kept",
        "a request has one id",
        get(b"X-Request-Id: abc-123\r\n"),
        has=(b"x-request-id: abc-123",),
        got=(b"X-Request-Id: abc-123",),
    ),
    Case("request-id-odd", "an id that could break logs goes", get(b'X-Request-Id: a b"c\r\n'), lacks=(b'a b"c',)),
    Case(
        "request-id-long",
        "an id is at most 128 characters",
        get(b"X-Request-Id: " + b"x" * 129 + b"\r\n"),
        lacks=(b"x" * 129,),
    ),
    Case(
        "request-id-twice",
        "a request has one id",
        get(b"X-Request-Id: one\r\nX-Request-Id: two\r\n"),
        has=(b"x-request-id: one",),
        lacks=(b"two",),
    ),
    Case("traceparent-made", "W3C Trace Context 3.2", get(), has=(b"traceparent: 00-",)),
    Case(
        "traceparent-kept",
        "W3C Trace Context 3.4",
        get(b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n"),
        has=(b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"tracestate: a=b"),
    ),
    Case(
        "traceparent-invalid",
        "W3C Trace Context 3.2.2.2",
        get(b"traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n"),
        lacks=(b"00-00000000000000000000000000000000",),
        has=(b"traceparent: 00-",),
    ),
    Case(
        "traceparent-ff",
        "W3C Trace Context 3.2.2.1",
        get(b"traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
        lacks=(b"ff-0af7",),
    ),
    Case(
        "tracestate-of-a-dropped-traceparent",
        "W3C Trace Context 4.3: without a valid parent the state is deleted",
        get(b"tracestate: a=b\r\ntraceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
        has=(b"traceparent: 00-",),
        lacks=(b"tracestate",),
    ),
    Case(
        "tracestate-alone",
        "W3C Trace Context 4.3: without a parent the state is deleted",
        get(b"tracestate: a=b\r\nTraceState: c=d\r\n"),
        has=(b"traceparent: 00-",),
        lacks=(b"tracestate",),
    ),
    # Max-Forwards, Expect, health -----------------------------------------------------------------------------------
    Case(
        "max-forwards-counts",
        "RFC 9110 7.6.2",
        b"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n",
        has=(b"max-forwards: 4",),
    ),
    Case(
        "max-forwards-trace",
        "RFC 9110 7.6.2",
        b"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\n\r\n",
        has=(b"max-forwards: 0",),
    ),
    Case(
        "max-forwards-options-0",
        "RFC 9110 7.6.2",
        b"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
        (200,),
        saw=0,
        got=(b"Allow: ",),
    ),
    Case(
        "max-forwards-trace-0",
        "RFC 9110 9.3.8",
        b"TRACE /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nAuthorization: secret\r\n"
        b"apikey: secret\r\nX-My-Token: secret\r\nCookie: secret\r\nX: y\r\nX_My_Token: secret\r\n"
        b"X-Service-Key: secret\r\nX-Gateway-Force: secret\r\nX-Auth: secret\r\n"
        + b"token" * 10_000
        + b"_: secret\r\n\r\n",
        (200,),
        saw=0,
        got=(b"message/http", b"TRACE /x HTTP/1.1", b"X: y"),
        got_not=(b"secret",),
    ),
    Case(
        "max-forwards-get",
        "RFC 9110 7.6.2: other methods ignore it",
        get(b"Max-Forwards: 0\r\n"),
        has=(b"max-forwards: 0",),
    ),
    Case(
        "max-forwards-odd",
        "RFC 9110 7.6.2",
        b"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n",
        has=(b"max-forwards: x",),
    ),
    Case(
        "expect-forwarded",
        "RFC 9110 10.1.1",
        post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"hi"),
        has=(b"expect: 100-continue",),
        body=b"hi",
    ),
    Case(
        "expect-1.0-ignored",
        "RFC 9110 10.1.1",
        b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        lacks=(b"expect:",),
        body=b"hi",
        got_not=(b"100 Continue",),
    ),
    Case("health", "reserved", get(target=b"/_gateway/health"), saw=0, got=(b'{"status":"ok"}',)),
    Case(
        "health-head",
        "RFC 9110 9.3.2",
        b"HEAD /_gateway/health HTTP/1.1\r\nHost: a\r\n\r\n",
        saw=0,
        got=(b"Content-Length: 15",),
        got_not=(b'status":',),
        head_only=True,
    ),
    Case(
        "health-post",
        "RFC 9110 15.5.6",
        b"POST /_gateway/health HTTP/1.1\r\nHost: a\r\n\r\n",
        (405,),
        saw=0,
        got=(b"Allow: GET, HEAD",),
    ),
    Case("health-query", "reserved", get(target=b"/_gateway/health?x"), saw=0, got=(b'{"status":"ok"}',)),
    Case(
        "not-health", "only one path is reserved", get(target=b"/_gateway/other"), line=b"GET /_gateway/other HTTP/1.1"
    ),
    Case(
        "not-health-slash",
        "only one path is reserved",
        get(target=b"/_gateway/health/"),
        line=b"GET /_gateway/health/ HTTP/1.1",
    ),
    Case(
        "health-1.0-keep-alive",
        "RFC 9112 C.2.2: a 1.0 client is told that the connection stays",
        b"GET /_gateway/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2,
        (200, 200),
        saw=0,
        got=(b"connection: keep-alive",),
    ),
    Case(
        "health-pipelined",
        "RFC 9112 9.3.2: own answers come one for each request, also to a half-closed client",
        get(target=b"/_gateway/health") * 50,
        (200,) * 50,
        saw=0,
    ),
    Case(
        "key-empty-elsewhere",
        "an untouched route keeps what came",
        get(b"Idempotency-Key:\r\n"),
        has=(b"idempotency-key: \r\n",),
    ),
]
