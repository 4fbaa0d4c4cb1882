"""Smuggling towards the backend: framing, syntax, sequences (RFC 9112 sections 2, 3, 5, 6, 7 and 9)."""

from tests.gateway.proof.attacks import NEXT, SMUGGLED, Attack, get, nothing, post

_TE = b"Transfer-Encoding: chunked\r\n"
_LAST = b"0\r\n\r\n"


def _names() -> dict[str, bytes]:
    """Every byte that may not stand in a field name, at its three places."""
    token = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:"
    odd = [byte for byte in range(256) if bytes([byte]) not in token and byte not in (10, 13)]
    return {
        f"name-{place}-{byte:02x}": get(name % bytes([byte]) + b": x\r\n")
        for byte in odd
        for place, name in (("first", b"%bX"), ("middle", b"X%bX"), ("last", b"X%b"))
        if not (place == "first" and byte in (9, 32))
    }


def _values() -> dict[str, bytes]:
    odd = [byte for byte in range(32) if byte not in (9, 10, 13)] + [127]
    return {f"value-{byte:02x}": get(b"X: a%bb\r\n" % bytes([byte])) for byte in odd}


def _targets() -> dict[str, bytes]:
    odd = [byte for byte in range(32) if byte not in (10, 13)] + [35, 92, 127]
    return {f"target-{byte:02x}": get(target=b"/a%bb" % bytes([byte])) for byte in odd}


def _methods() -> dict[str, bytes]:
    odd = b'"(),/:;<=>?@[\\]{}\x7f\x80\xff\x00\x0b\t'
    return {f"method-{byte:02x}": b"GE%bT / HTTP/1.1\r\nHost: a\r\n\r\n" % bytes([byte]) for byte in odd}


ATTACKS = [
    *nothing("RFC 9110 5.1: names are tokens", 400, _names()),
    *nothing("RFC 9110 5.5: no controls in values", 400, _values()),
    *nothing("RFC 9112 3.2: no controls, fragments or backslashes in targets", 400, _targets()),
    *nothing("RFC 9110 9.1: methods are tokens", 400, _methods()),
    *nothing(
        "RFC 9112 6.1: two ways of framing, however they are disguised",
        400,
        {
            "cl-te-far": post(b"Content-Length: 5\r\n" + b"X: y\r\n" * 60 + _TE, _LAST),
            "te-cl0": post(_TE + b"Content-Length: 0\r\n", _LAST),
            "cl-cl-te": post(b"Content-Length: 5\r\nContent-Length: 5\r\n" + _TE, _LAST),
            "cl-te-nominated": post(b"Connection: content-length\r\nContent-Length: 5\r\n" + _TE, _LAST),
            "te-nominated-cl": post(b"Connection: transfer-encoding\r\nContent-Length: 5\r\n" + _TE, _LAST),
            "te-chunked-quoted-pair": post(b"Transfer-Encoding: ch\\unked\r\n", _LAST),
            "te-tab-list": post(b"Transfer-Encoding: chunked\t,\tidentity\r\n", _LAST),
            "te-unicode-dotless": post("Transfer-Encoding: chunked".replace("u", "ü").encode() + b"\r\n", _LAST),
            "te-kelvin": post("Transfer-Encoding: chun\u212aed\r\n".encode(), _LAST),
            "te-trailing-nbsp": post(b"Transfer-Encoding: chunked\xa0\r\n", _LAST),
            "te-cow": post(b"Transfer-Encoding: cow\r\n", _LAST),
            "te-semicolon": post(b"Transfer-Encoding: chunked;\r\n", _LAST),
            "te-line-separator": post("Transfer-Encoding: \u2028chunked\r\n".encode(), _LAST),
            "te-colon-twice": post(b"Transfer-Encoding:: chunked\r\n", _LAST),
            "te-x-then-chunked-lines": post(b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", _LAST),
            "cl-space-digits": post(b"Content-Length: 0 5\r\n", b"hello"),
            "cl-colon-twice": post(b"Content-Length:: 5\r\n", b"hello"),
            "cl-fullwidth": post("Content-Length: ５\r\n".encode(), b"hello"),
            "cl-superscript": post(b"Content-Length: \xb2\r\n", b"he"),
            "cl-null-and-real": post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"hello"),
            "cl-fold": post(b"Content-Length:\r\n 5\r\n", b"hello"),
            "cl-19-digits": post(b"Content-Length: 1000000000000000000\r\n"),
            "cl-negative-zero": post(b"Content-Length: -00\r\n"),
            "cl-nan": post(b"Content-Length: NaN\r\n"),
        },
    ),
    *nothing(
        "RFC 9112 7.1: chunk lines that readers split on, and framing fields in trailers",
        400,
        {
            "chunk-ext-lf": post(_TE, b"5;\nhello\r\n" + _LAST),
            "chunk-ext-cr": post(_TE, b"5;a\r hello\r\n" + _LAST),
            "chunk-ext-crlf-quoted": post(_TE, b'5;a="\r\nhello\r\n"\r\n' + _LAST),
            "chunk-ext-nul": post(_TE, b"5;\x00\r\nhello\r\n" + _LAST),
            "chunk-ext-huge": post(_TE, b"5;" + b"x" * 2000 + b"\r\nhello\r\n" + _LAST),
            "chunk-17-digits": post(_TE, b"00000000000000005\r\nhello\r\n" + _LAST),
            "chunk-fullwidth": post(_TE, "５\r\nhello\r\n".encode() + _LAST),
            "chunk-equals": post(_TE, b"5=a\r\nhello\r\n" + _LAST),
            "chunk-0x0": post(_TE, b"0x0\r\n\r\n"),
            "chunk-last-lf": post(_TE, b"0\r\n\n"),
            "chunk-last-cr": post(_TE, b"0\r\n\r\r\n"),
            "chunk-end-swapped": post(_TE, b"5\r\nhello\n\r" + _LAST),
            "chunk-end-double": post(_TE, b"5\r\nhello\r\n\r\n" + _LAST),
            "trailer-cl": post(_TE, b"0\r\nContent-Length: 3\r\n\r\n"),
            "trailer-te-case": post(_TE, b"0\r\ntransfer-ENCODING: chunked\r\n\r\n"),
            "trailer-like-a-request": post(_TE, b"0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
        },
    ),
    *nothing(
        "RFC 9112 3: what is not a request line ends the connection",
        400,
        {
            "line-simple": b"GET /\r\n",
            "line-method-only": b"GET\r\n\r\n",
            "line-crlf-in-target": b"GET /a\r\nHost: b HTTP/1.1\r\n\r\n",
            "line-form-feed": b"GET\x0c/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "line-vertical-tab": b"GET / \x0bHTTP/1.1\r\nHost: a\r\n\r\n",
            "line-bom": b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "line-version-plus": b"GET / HTTP/+1.1\r\nHost: a\r\n\r\n",
            "line-version-lower": b"GET / Http/1.1\r\nHost: a\r\n\r\n",
            "line-version-empty-minor": b"GET / HTTP/1.\r\nHost: a\r\n\r\n",
            "line-fullwidth-version": "GET / HTTP/１.1\r\nHost: a\r\n\r\n".encode(),
            "line-lf-first": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "line-proxy-protocol": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "line-proxy-protocol-2": b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c",
        },
    ),
    *nothing(
        "RFC 9112 3.2: Host must be one valid host, also beside an absolute target",
        400,
        {
            "host-absolute-two": get(b"Host: b\r\n", b"http://a/"),
            "host-absolute-invalid": get(target=b"http://a/", host=b"Host: a b\r\n"),
            "host-absolute-empty-port-letters": get(target=b"http://a:b/"),
            "host-absolute-userinfo": get(target=b"http://a:b@c/"),
            "host-tab": get(host=b"Host: a\tb\r\n"),
            "host-at": get(host=b"Host: a@b\r\n"),
            "host-quote": get(host=b'Host: "a"\r\n'),
            "host-crlf-encoded-bracket": get(host=b"Host: [%0d%0a]\r\n"),
            "host-ipv6-zone": get(host=b"Host: [fe80::1%25eth0]\r\n"),
            "host-ipv6-bare": get(host=b"Host: ::1\r\n"),
            "host-port-plus": get(host=b"Host: a:+80\r\n"),
            "host-port-six": get(host=b"Host: a:000080\r\n"),
            "host-second-nominated": get(b"Connection: host\r\nHost: b\r\n"),
            "host-second-folded": get(b"X: y\r\n Host: b\r\n"),
            "authority-form": get(target=b"a:80"),
            "asterisk-post": post(b"Content-Length: 0\r\n", target=b"*"),
            "asterisk-path": b"OPTIONS */x HTTP/1.1\r\nHost: a\r\n\r\n",
        },
    ),
    Attack(
        "body-holds-request",
        "RFC 9112 6: a body is a body",
        post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED) + NEXT,
        (200, 200),
        (b"POST /", b"GET /next"),
    ),
    Attack(
        "get-body-holds-request",
        "RFC 9110 9.3.1: of GET too",
        get(b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED + NEXT,
        (200, 200),
        (b"GET /", b"GET /next"),
    ),
    Attack(
        "underscore-length",
        "RFC 9110 5.1: '_' is not '-'",
        post(b"Content_Length: 50\r\nTransfer_Encoding: chunked\r\n") + NEXT,
        (200, 200),
        (b"POST /", b"GET /next"),
    ),
    Attack(
        "te-in-name-only",
        "RFC 9112 6.1: other fields frame nothing",
        post(b"X-Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n") + NEXT,
        (200, 200),
        (b"POST /", b"GET /next"),
    ),
    Attack(
        "chunk-ext-is-not-forwarded",
        "RFC 9112 7.1.1",
        post(_TE, b'5;GET /smuggled HTTP/1.1="x"\r\nhello\r\n0;x\r\n\r\n') + NEXT,
        (200, 200),
        (b"POST /", b"GET /next"),
        lacks=(b"smuggled",),
    ),
    Attack(
        "after-error-nothing",
        "RFC 9112 9.3.2",
        NEXT + get(host=b"") + NEXT,
        (200, 400),
        (b"GET /next",),
    ),
    Attack("h2-upgrade-prior", "RFC 9113 3.3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, (505,), saw=()),
    Attack(
        "h2c-then-preface",
        "RFC 9113 3.1: never offered, so the preface is no request",
        get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")
        + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        (200, 505),
        lacks=(b"h2c", b"AAMAAABk"),
    ),
    Attack(
        "websocket-version-refused-then-smuggle",
        "RFC 9110 7.8: only 101 opens a tunnel",
        get(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n") + get(host=b""),
        (426, 400),
        reply=b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
    ),
    Attack(
        "split-head",
        "RFC 9112 2.2: packets are not lines",
        (b"GET / HTTP/1.1\r", b"\nHost: a\r\n\r", b"\n"),
    ),
    Attack(
        "split-chunk",
        "RFC 9112 7.1",
        (post(_TE, b"5\r"), b"\nhel", b"lo\r", b"\n0\r", b"\n\r", b"\n"),
        saw=(b"POST /",),
        body=b"hello",
    ),
    Attack(
        "split-empty-line",
        "RFC 9112 2.2: an empty line before a request may come in two packets",
        (b"\r", b"\n" + get()),
    ),
    Attack(
        "many-own-answers-and-an-end",
        "RFC 9112 9.3.2: what was pipelined before the end of the connection is answered",
        get(target=b"/_gateway/health") * 50,
        (200,) * 50,
        saw=(),
    ),
]
