"""Responses on their way to the client: framing refusals, fields, bodies (RFC 9112, 6.3; RFC 9110, 6 to 8)."""

from tests.gateway.proxy.cases import Case, get

_OK = b"HTTP/1.1 200 OK\r\n"
_CL = b"Content-Length: 2\r\n"
_TE = b"Transfer-Encoding: chunked\r\n"


def _bad(rule: str, rows: dict[str, bytes]) -> list[Case]:
    return [
        Case(f"answer-{name}", rule, get(), (502,), reply=reply, got=(b"Proxy-Status: banyan; error=", b"problem+json"))
        for name, reply in rows.items()
    ]


def _passes(name: str, rule: str, reply: bytes, **more: object) -> Case:
    return Case(f"answer-{name}", rule, get(), reply=reply, **more)  # type: ignore[arg-type]  # fields of Case


CASES = [
    *_bad(
        "RFC 9112 6.3: a response that two readers could frame differently",
        {
            "cl-te": _OK + _CL + _TE + b"\r\n0\r\n\r\n",
            "te-cl": _OK + _TE + _CL + b"\r\n0\r\n\r\n",
            "cl-twice": _OK + _CL + b"Content-Length: 3\r\n\r\nok!",
            "cl-twice-equal": _OK + _CL + _CL + b"\r\nok",
            "cl-list": _OK + b"Content-Length: 2, 2\r\n\r\nok",
            "cl-plus": _OK + b"Content-Length: +2\r\n\r\nok",
            "cl-minus": _OK + b"Content-Length: -2\r\n\r\nok",
            "cl-hex": _OK + b"Content-Length: 0x2\r\n\r\nok",
            "cl-leading-zero": _OK + b"Content-Length: 02\r\n\r\nok",
            "cl-empty": _OK + b"Content-Length:\r\n\r\nok",
            "cl-overflow": _OK + b"Content-Length: 99999999999999999999\r\n\r\nok",
            "te-gzip-chunked": _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "te-identity": _OK + b"Transfer-Encoding: identity\r\n\r\nok",
            "te-xchunked": _OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "te-twice": _OK + _TE + _TE + b"\r\n0\r\n\r\n",
            "te-in-1.0": b"HTTP/1.0 200 OK\r\n" + _TE + b"\r\n0\r\n\r\n",
        },
    ),
    *_bad(
        "RFC 9112 2.2, 4, 5: broken status and field lines",
        {
            "line-garbage": b"garbage\r\n\r\n",
            "line-0.9": b"<html>hello</html>\r\n\r\n",
            "line-2.0": b"HTTP/2.0 200 OK\r\n" + _CL + b"\r\nok",
            "line-lower": b"http/1.1 200 OK\r\n" + _CL + b"\r\nok",
            "line-two-digits": b"HTTP/1.1 20 OK\r\n" + _CL + b"\r\nok",
            "line-four-digits": b"HTTP/1.1 2000 OK\r\n" + _CL + b"\r\nok",
            "line-status-0": b"HTTP/1.1 000 OK\r\n" + _CL + b"\r\nok",
            "line-status-600": b"HTTP/1.1 600 OK\r\n" + _CL + b"\r\nok",
            "line-letters": b"HTTP/1.1 abc OK\r\n" + _CL + b"\r\nok",
            "line-two-spaces": b"HTTP/1.1  200 OK\r\n" + _CL + b"\r\nok",
            "line-nul": b"HTTP/1.1 200 O\x00K\r\n" + _CL + b"\r\nok",
            "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            "field-bare-cr": _OK + b"X: a\rb\r\n" + _CL + b"\r\nok",
            "field-fold": _OK + b"X: a\r\n b\r\n" + _CL + b"\r\nok",
            "field-space-colon": _OK + b"X : a\r\n" + _CL + b"\r\nok",
            "field-no-colon": _OK + b"nonsense\r\n" + _CL + b"\r\nok",
            "field-nul": _OK + b"X: \x00\r\n" + _CL + b"\r\nok",
            "head-too-large": _OK + b"X: " + b"y" * 70_000 + b"\r\n" + _CL + b"\r\nok",
            "101-unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        },
    ),
    Case(
        "answer-1xx-flood",
        "RFC 9110 15.2: sixteen interim answers are enough",
        get(),
        (102,) * 16 + (502,),
        reply=b"HTTP/1.1 102 Processing\r\n\r\n" * 20 + _OK + _CL + b"\r\nok",
    ),
    # Bodies ---------------------------------------------------------------------------------------------------------
    _passes("length", "RFC 9112 6.2", _OK + _CL + b"\r\nok", answer_body=b"ok", got=(b"content-length: 2",)),
    _passes("length-zero", "RFC 9112 6.2", _OK + b"Content-Length: 0\r\n\r\n", answer_body=b""),
    _passes(
        "chunked",
        "RFC 9112 7.1",
        _OK + _TE + b"\r\n2\r\nok\r\n0\r\n\r\n",
        answer_body=b"ok",
        got=(b"transfer-encoding: chunked",),
    ),
    _passes(
        "chunked-many",
        "RFC 9112 7.1",
        _OK + _TE + b"\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n",
        answer_body=b"ok",
        got_not=(b"x=y",),
    ),
    _passes(
        "trailer", "RFC 9110 6.5", _OK + _TE + b"\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", answer_body=b"ok\0X-Sum: 1"
    ),
    _passes(
        "trailer-dropped",
        "RFC 9110 6.5.1",
        _OK + _TE + b"\r\n0\r\nSet-Cookie: a=b\r\nX-Ok: 1\r\n\r\n",
        got=(b"X-Ok: 1",),
        got_not=(b"set-cookie",),
    ),
    _passes(
        "until-close",
        "RFC 9112 6.3 rule 8",
        _OK + b"Connection: close\r\n\r\nuntil the end",
        answer_body=b"until the end",
        got=(b"transfer-encoding: chunked",),
    ),
    _passes(
        "1.0",
        "RFC 9112 6.3 rule 8",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold",
        answer_body=b"old",
        got=(b"via: 1.0 banyan", b"HTTP/1.1 200"),
    ),
    _passes(
        "surplus",
        "RFC 9112 6.3: surplus bytes are nobody's answer",
        _OK + _CL + b"\r\nok" + _OK + b"Content-Length: 4\r\n\r\nevil",
        answer_body=b"ok",
        got_not=(b"evil",),
    ),
    _passes(
        "binary",
        "RFC 9110 7.7",
        _OK + b"Content-Length: 256\r\nContent-Encoding: gzip\r\n\r\n" + bytes(range(256)),
        answer_body=bytes(range(256)),
        got=(b"content-encoding: gzip",),
    ),
    Case(
        "answer-short",
        "RFC 9112 8: truncated, so never a clean end",
        get(),
        reply=_OK + b"Content-Length: 10\r\nConnection: close\r\n\r\nok",
        whole=False,
    ),
    Case(
        "answer-short-chunked", "RFC 9112 8", get(), reply=_OK + _TE + b"Connection: close\r\n\r\n5\r\nok", whole=False
    ),
    Case(
        "answer-no-last-chunk",
        "RFC 9112 8",
        get(),
        reply=_OK + _TE + b"Connection: close\r\n\r\n2\r\nok\r\n",
        whole=False,
    ),
    Case("answer-bad-chunk", "RFC 9112 7.1", get(), reply=_OK + _TE + b"\r\n2\r\nok\r\nxyz\r\n", whole=False),
    Case("answer-chunk-bare-lf", "RFC 9112 7.1", get(), reply=_OK + _TE + b"\r\n2\nok\r\n0\r\n\r\n", whole=False),
    # Without a body -------------------------------------------------------------------------------------------------
    Case(
        "answer-head",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        reply=_OK + b"Content-Length: 1234\r\n\r\n",
        got=(b"content-length: 1234",),
        head_only=True,
    ),
    Case(
        "answer-head-chunked",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        reply=_OK + _TE + b"\r\n",
        got=(b"transfer-encoding: chunked",),
        head_only=True,
    ),
    Case(
        "answer-head-unframed",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        reply=_OK + b"\r\n",
        got_not=(b"transfer-encoding",),
        head_only=True,
    ),
    Case(
        "answer-204",
        "RFC 9110 15.3.5",
        get(),
        (204,),
        reply=b"HTTP/1.1 204 No Content\r\n\r\n",
        got_not=(b"content-length", b"transfer-encoding"),
    ),
    Case(
        "answer-204-length",
        "RFC 9110 8.6: no Content-Length in 204",
        get(),
        (204,),
        reply=b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        got_not=(b"content-length",),
    ),
    Case(
        "answer-304",
        "RFC 9110 15.4.5",
        get(),
        (304,),
        reply=b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
        got=(b'etag: "a"',),
    ),
    Case(
        "answer-304-length",
        "RFC 9110 8.6",
        get(),
        (304,),
        reply=b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
        got=(b"content-length: 99",),
    ),
    # Interim --------------------------------------------------------------------------------------------------------
    Case(
        "answer-103",
        "RFC 8297",
        get(),
        (103, 200),
        reply=b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + _OK + _CL + b"\r\nok",
        got=(b"link: </a.css>",),
    ),
    Case(
        "answer-102",
        "RFC 9110 15.2",
        get(),
        (102, 102, 200),
        reply=b"HTTP/1.1 102 Processing\r\n\r\n" * 2 + _OK + _CL + b"\r\nok",
    ),
    Case(
        "answer-103-to-1.0",
        "RFC 9110 15.2: not to 1.0",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        (200,),
        reply=b"HTTP/1.1 103 Early Hints\r\n\r\n" + _OK + _CL + b"\r\nok",
    ),
    Case(
        "answer-1xx-with-length",
        "RFC 9110 8.6",
        get(),
        (103, 200),
        reply=b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n" + _OK + _CL + b"\r\nok",
    ),
    # Fields ---------------------------------------------------------------------------------------------------------
    _passes(
        "set-cookies",
        "RFC 9110 5.3: never joined",
        _OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n" + _CL + b"\r\nok",
        got=(b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",),
    ),
    _passes(
        "hop-fields",
        "RFC 9110 7.6.1",
        _OK + b"Connection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Authenticate: Basic\r\nProxy-Connection: x\r\nTrailer: y\r\nUpgrade: h2c\r\n" + _CL + b"\r\nok",
        got_not=(b"x-secret", b"keep-alive", b"proxy-authenticate", b"proxy-connection", b"trailer:", b"upgrade"),
    ),
    _passes(
        "named-never",
        "RFC 9110 7.6.1",
        _OK + b"Connection: set-cookie, content-length\r\nSet-Cookie: a=1\r\n" + _CL + b"\r\nok",
        got=(b"set-cookie: a=1", b"content-length: 2"),
    ),
    _passes(
        "order", "RFC 9110 5.3", _OK + b"B: 1\r\nA: 2\r\nB: 3\r\n" + _CL + b"\r\nok", got=(b"B: 1\r\nA: 2\r\nB: 3\r\n",)
    ),
    _passes(
        "date-kept",
        "RFC 9110 6.6.1",
        _OK + b"Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n" + _CL + b"\r\nok",
        got=(b"2000 00:00:00 GMT",),
    ),
    _passes("date-added", "RFC 9110 6.6.1", _OK + _CL + b"\r\nok", got=(b"\r\ndate: ",)),
    _passes(
        "server-kept", "RFC 9110 10.2.4", _OK + b"Server: uvicorn\r\n" + _CL + b"\r\nok", got=(b"server: uvicorn",)
    ),
    _passes(
        "via",
        "RFC 9110 7.6.3",
        _OK + b"Via: 1.1 inner\r\n" + _CL + b"\r\nok",
        got=(b"via: 1.1 inner\r\n", b"via: 1.1 banyan\r\n"),
    ),
    _passes("backend", "who answered", _OK + _CL + b"\r\nok", got=(b"x-gateway-backend: legacy\r\n",)),
    _passes(
        "backend-spoofed",
        "only the gateway says who answered",
        _OK + b"X-Gateway-Backend: evil\r\n" + _CL + b"\r\nok",
        got_not=(b"evil",),
    ),
    _passes(
        "request-id-kept", "one id", _OK + b"X-Request-Id: mine\r\n" + _CL + b"\r\nok", got=(b"x-request-id: mine\r\n",)
    ),
    _passes(
        "reason-kept",
        "RFC 9112 4",
        b"HTTP/1.1 200 All Right \xe4\r\n" + _CL + b"\r\nok",
        got=(b"HTTP/1.1 200 All Right \xe4\r\n",),
    ),
    _passes("reason-empty", "RFC 9112 4", b"HTTP/1.1 200 \r\n" + _CL + b"\r\nok", answer_body=b"ok"),
    _passes(
        "etag-range",
        "RFC 9110 7.7",
        _OK + b'ETag: W/"x"\r\nAccept-Ranges: bytes\r\n' + _CL + b"\r\nok",
        got=(b'etag: w/"x"', b"accept-ranges: bytes"),
    ),
    Case(
        "answer-206",
        "RFC 9110 14",
        get(),
        (206,),
        reply=b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\n" + _CL + b"\r\nok",
        got=(b"content-range: bytes 0-1/9",),
    ),
    Case(
        "answer-307",
        "RFC 9110 15.4.8: Location untouched",
        get(),
        (307,),
        reply=b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://a/x/\r\nContent-Length: 0\r\n\r\n",
        got=(b"location: http://a/x/",),
    ),
    *(
        Case(
            f"answer-status-{status}",
            "RFC 9110 15: any status passes",
            get(),
            (status,),
            reply=b"HTTP/1.1 %d X\r\n" % status + _CL + b"\r\nok",
        )
        for status in (201, 226, 299, 300, 418, 451, 499, 500, 503, 599)
    ),
    Case(
        "answer-head-chunked-1.0",
        "RFC 9112 6.1: no transfer coding to HTTP/1.0",
        b"HEAD / HTTP/1.0\r\nHost: a\r\n\r\n",
        reply=_OK + _TE + b"\r\n",
        got_not=(b"transfer-encoding",),
        head_only=True,
    ),
    *(
        Case(
            f"answer-101-{name}",
            "RFC 9110 15.2.2: only to a protocol that was offered, and named",
            get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
            (502,),
            reply=b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n%b\r\n" % fields,
        )
        for name, fields in {
            "not-offered": b"Upgrade: h2c\r\n",
            "unnamed": b"",
            "one-more": b"Upgrade: websocket, other\r\n",
        }.items()
    ),
]
