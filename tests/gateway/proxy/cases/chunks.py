"""The chunked coding, strictly read and always written anew (RFC 9112 section 7.1)."""

from tests.gateway.proxy.cases import Case, post, refused

_TE = b"Transfer-Encoding: chunked\r\n"
_RULE = "RFC 9112 7.1"


def _chunked(body: bytes) -> bytes:
    return post(_TE, body)


# The head has gone to the backend when the body turns out to be broken: the backend sees no complete request.
CASES = [
    *refused(
        "RFC 9112 7.1: chunk-size is hexadecimal digits and nothing else",
        400,
        {
            "size-0x": _chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
            "size-plus": _chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
            "size-minus": _chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
            "size-underscore": _chunked(b"1_0\r\nhellohellohelloh\r\n0\r\n\r\n"),
            "size-empty": _chunked(b"\r\nhello\r\n0\r\n\r\n"),
            "size-letters": _chunked(b"xyz\r\nhello\r\n0\r\n\r\n"),
            "size-leading-space": _chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
            "size-trailing-space": _chunked(b"5 \r\nhello\r\n0\r\n\r\n"),
            "size-trailing-tab": _chunked(b"5\t\r\nhello\r\n0\r\n\r\n"),
            "size-overflow": _chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
            "size-very-long": _chunked(b"0" * 4096 + b"5\r\nhello\r\n0\r\n\r\n"),
            "size-comma": _chunked(b"5,5\r\nhello\r\n0\r\n\r\n"),
            "size-nul": _chunked(b"5\x00\r\nhello\r\n0\r\n\r\n"),
            "size-arabic": _chunked("٥\r\nhello\r\n0\r\n\r\n".encode()),
            "size-json": _chunked(b'{"user_id":"a"}'),
        },
    ),
    *refused(
        "RFC 9112 2.2, 7.1: chunk lines end with CR LF",
        400,
        {
            "size-bare-lf": _chunked(b"5\nhello\r\n0\r\n\r\n"),
            "size-bare-cr": _chunked(b"5\rhello\r\n0\r\n\r\n"),
            "size-cr-cr-lf": _chunked(b"5\r\r\nhello\r\n0\r\n\r\n"),
            "data-bare-lf": _chunked(b"5\r\nhello\n0\r\n\r\n"),
            "data-no-end": _chunked(b"5\r\nhello0\r\n\r\n"),
            "data-too-long": _chunked(b"5\r\nhelloX\r\n0\r\n\r\n"),
            "data-too-short": _chunked(b"6\r\nhello\r\n0\r\n\r\n"),
            "last-bare-lf": _chunked(b"5\r\nhello\r\n0\n\r\n"),
            "extension-bare-lf": _chunked(b"5;a=b\nhello\r\n0\r\n\r\n"),
            "extension-bare-cr": _chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
            "extension-nul": _chunked(b"5;a=\x00\r\nhello\r\n0\r\n\r\n"),
            "extension-64k": _chunked(b"5;" + b"a" * 65_536 + b"\r\nhello\r\n0\r\n\r\n"),
        },
    ),
    *refused(
        "RFC 9112 7.1.2, RFC 9110 6.5: trailers that are broken, frame the message, or have no end",
        400,
        {
            "trailer-bare-lf": _chunked(b"0\r\nA: b\n\r\n"),
            "trailer-no-colon": _chunked(b"0\r\nnonsense\r\n\r\n"),
            "trailer-space-before-colon": _chunked(b"0\r\nA : b\r\n\r\n"),
            "trailer-fold": _chunked(b"0\r\nA: b\r\n c\r\n\r\n"),
            "trailer-content-length": _chunked(b"0\r\nContent-Length: 5\r\n\r\n"),
            "trailer-transfer-encoding": _chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "trailer-endless": _chunked(b"0\r\n" + b"A: b\r\n" * 2000 + b"\r\n"),
            "trailer-too-many": _chunked(b"0\r\n" + b"A:\r\n" * 200 + b"\r\n"),
            "trailer-nul": _chunked(b"0\r\nA: \x00\r\n\r\n"),
        },
    ),
    *refused(
        "RFC 9112 8: a chunked body without its last chunk is incomplete",
        400,
        {
            "ends-in-size": _chunked(b"5"),
            "ends-in-data": _chunked(b"5\r\nhel"),
            "ends-before-last": _chunked(b"5\r\nhello\r\n"),
            "ends-in-last": _chunked(b"5\r\nhello\r\n0\r\n"),
            "ends-in-trailers": _chunked(b"5\r\nhello\r\n0\r\nA: b\r\n"),
            "nothing": _chunked(b""),
        },
    ),
    Case("two-chunks", _RULE, _chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), body=b"hello world"),
    Case("empty-body", _RULE, _chunked(b"0\r\n\r\n"), body=b""),
    Case("upper-hex", _RULE, _chunked(b"A\r\nhelloworld\r\n0\r\n\r\n"), body=b"helloworld"),
    Case("lower-hex", _RULE, _chunked(b"a\r\nhelloworld\r\n0\r\n\r\n"), body=b"helloworld"),
    Case("size-leading-zeros", _RULE, _chunked(b"00005\r\nhello\r\n0\r\n\r\n"), body=b"hello"),
    Case("last-many-zeros", _RULE, _chunked(b"5\r\nhello\r\n0000\r\n\r\n"), body=b"hello"),
    Case("extension", "RFC 9112 7.1.1: ignored", _chunked(b"5;name=value\r\nhello\r\n0\r\n\r\n"), body=b"hello"),
    Case("extension-quoted", "RFC 9112 7.1.1", _chunked(b'5;a="b;c"\r\nhello\r\n0;z\r\n\r\n'), body=b"hello"),
    Case("extension-space", "RFC 9112 7.1.1: BWS", _chunked(b"5 ; a=b\r\nhello\r\n0\r\n\r\n"), body=b"hello"),
    Case("trailer", "RFC 9110 6.5", _chunked(b"5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n"), body=b"hello\0X-Sum: abc\r\n"),
    Case(
        "trailers-not-merged",
        "RFC 9110 6.5.1: trailers are not header fields",
        _chunked(b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"),
        body=b"\0X-A: 1\r\nX-B: 2\r\n",
        lacks=(b"x-a:", b"x-b:"),
    ),
    *(
        Case(f"trailer-dropped-{name.decode()}", "RFC 9110 6.5.1", _chunked(b"0\r\n%b: x\r\n\r\n" % name), body=b"")
        for name in (
            b"Authorization",
            b"X-Real-IP",
            b"X-Forwarded-Port",
            b"X_Forwarded_For",
            b"X_Gateway_A",
            b"X-Api-Key",
            b"traceparent",
            b"Host",
            b"Cookie",
            b"Content-Type",
            b"X-Forwarded-For",
            b"Connection",
            b"TE",
            b"Via",
        )
    ),
    Case(
        "body-behind-chunks-is-next-request",
        "RFC 9112 9.3.2",
        _chunked(b"0\r\n\r\n") + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
        (200, 200),
        saw=2,
        line=b"GET /next HTTP/1.1",
    ),
    Case(
        "bytes-of-all-kinds", _RULE, _chunked(b"100\r\n" + bytes(range(256)) + b"\r\n0\r\n\r\n"), body=bytes(range(256))
    ),
    Case(
        "trailer-nominated",
        "RFC 9110 7.6.1: Connection names a trailer too",
        post(_TE + b"Connection: x-secret\r\n", b"0\r\nX-Secret: 1\r\nX-Open: 2\r\n\r\n"),
        body=b"\0X-Open: 2\r\n",
    ),
]
