"""Smuggling towards the client: answers that two readers could frame differently, and answers nobody asked for."""

from tests.gateway.proof.attacks import NEXT, OK, Attack, get, post

_LINE = b"HTTP/1.1 200 OK\r\n"
_TE = b"Transfer-Encoding: chunked\r\n"
_EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def _refused(rule: str, rows: dict[str, bytes]) -> list[Attack]:
    return [
        Attack(f"answer-{name}", rule, get(), (502,), reply=reply, got_not=(b"evil",)) for name, reply in rows.items()
    ]


ATTACKS = [
    *_refused(
        "RFC 9112 6.3: an answer with two framings",
        {
            "cl-te-nominated": _LINE + b"Connection: content-length\r\nContent-Length: 2\r\n" + _TE + b"\r\n0\r\n\r\n",
            "te-cow": _LINE + b"Transfer-Encoding: cow\r\n\r\nevil",
            "te-space-colon": _LINE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + _EVIL,
            "te-tab": _LINE + b"Transfer-Encoding: chunked\t, identity\r\n\r\n0\r\n\r\n",
            "te-fold": _LINE + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
            "te-empty": _LINE + b"Transfer-Encoding:\r\n\r\nevil",
            "cl-underscore": _LINE + b"Content-Length: 1_0\r\n\r\nevil",
            "cl-fold": _LINE + b"Content-Length:\r\n 2\r\n\r\nok",
            "cl-fullwidth": _LINE + "Content-Length: ２\r\n\r\nok".encode(),
            "1xx-cl-te": b"HTTP/1.1 103 X\r\nContent-Length: 2\r\n" + _TE + b"\r\n" + OK,
        },
    ),
    *_refused(
        "RFC 9112 4, 5: an answer whose head is no head",
        {
            "line-bom": b"\xef\xbb\xbf" + _EVIL,
            "line-lf-first": b"\n" + _EVIL,
            "line-crlf-first": b"\r\n" + _EVIL,
            "line-request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "line-shoutcast": b"ICY 200 OK\r\n\r\nevil",
            "line-1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "line-tab": b"HTTP/1.1\t200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "line-cr-in-reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 4\r\n\r\nevil",
            "field-lf": _LINE + b"X: a\nSet-Cookie: evil\r\nContent-Length: 4\r\n\r\nevil",
            "field-cr": _LINE + b"X: a\rSet-Cookie: evil\r\nContent-Length: 4\r\n\r\nevil",
            "field-name-space": _LINE + b"X Y: evil\r\nContent-Length: 0\r\n\r\n",
            "fields-too-many": _LINE + b"X: y\r\n" * 600 + b"Content-Length: 4\r\n\r\nevil",
            "connection-no-token": _LINE + b'Connection: "close"\r\nContent-Length: 4\r\n\r\nevil',
            "endless-1xx": b"HTTP/1.1 103 X\r\nX: " + b"evil" * 20_000,
        },
    ),
    Attack(
        "answer-two-for-one",
        "RFC 9112 9.2: surplus is nobody's answer",
        get() + NEXT,
        (200, 200),
        (b"GET /", b"GET /next"),
        reply=OK + _EVIL,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-chunked-surplus",
        "RFC 9112 9.2",
        get() + NEXT,
        (200, 200),
        (b"GET /", b"GET /next"),
        reply=_LINE + _TE + b"\r\n2\r\nok\r\n0\r\n\r\n" + _EVIL,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-to-head-with-body",
        "RFC 9110 9.3.2: what follows a head to HEAD is nobody's answer",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + b"HEAD /next HTTP/1.1\r\nHost: a\r\n\r\n",
        (200, 200),
        (b"HEAD /", b"HEAD /next"),
        reply=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_EVIL) + _EVIL,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-chunked-to-head-of-1.0",
        "RFC 9112 6.1: no Transfer-Encoding to HTTP/1.0",
        b"HEAD / HTTP/1.0\r\nHost: a\r\n\r\n",
        saw=(b"HEAD /",),
        reply=_LINE + _TE + b"\r\n",
        got_not=(b"chunked",),
    ),
    Attack(
        "answer-204-with-body",
        "RFC 9110 15.3.5",
        get() + NEXT,
        (204, 204),
        (b"GET /", b"GET /next"),
        reply=b"HTTP/1.1 204 No Content\r\nContent-Length: 45\r\n\r\n" + _EVIL,
        got_not=(b"evil", b"Content-Length"),
    ),
    Attack(
        "answer-304-with-body",
        "RFC 9110 15.4.5",
        get() + NEXT,
        (304, 304),
        (b"GET /", b"GET /next"),
        reply=b"HTTP/1.1 304 Not Modified\r\n" + _TE + b"\r\n4\r\nevil\r\n0\r\n\r\n",
        got_not=(b"evil",),
    ),
    Attack(
        "answer-1xx-then-body",
        "RFC 9110 15.2: an interim answer has no body",
        get(),
        (103, 502),
        reply=b"HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil" + OK,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-1xx-flood-mixed",
        "RFC 9110 15.2: bounded",
        get(),
        (*((100, 102, 103) * 5), 100, 502),
        reply=b"".join(b"HTTP/1.1 %d X\r\n\r\n" % status for status in (100, 102, 103)) * 10 + OK,
    ),
    Attack(
        "answer-101-to-plain",
        "RFC 9110 15.2.2: nobody asked",
        get() + NEXT,
        (502, 502),
        (b"GET /", b"GET /next"),
        reply=b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + _EVIL,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-101-to-1.0",
        "RFC 9110 7.8: not in HTTP/1.0",
        b"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        (502,),
        reply=b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + _EVIL,
        got_not=(b"evil",),
    ),
    Attack(
        "answer-101-to-h2c",
        "RFC 9113 3.1: asked for what the gateway did not pass on",
        get(b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        (502,),
        reply=b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + _EVIL,
        got_not=(b"evil",),
    ),
    *(
        Attack(
            f"answer-cut-{name}",
            "RFC 9112 8: what is cut short never ends cleanly",
            get(),
            (200,),
            reply=reply,
            closes=True,
            whole=False,
        )
        for name, reply in {
            "length": _LINE + b"Content-Length: 5\r\n\r\nok",
            "length-nothing": _LINE + b"Content-Length: 5\r\n\r\n",
            "chunk-size": _LINE + _TE + b"\r\n2\r\nok\r\n5",
            "chunk-data": _LINE + _TE + b"\r\n5\r\nok",
            "chunk-end": _LINE + _TE + b"\r\n2\r\nok",
            "last-chunk": _LINE + _TE + b"\r\n2\r\nok\r\n0\r\n",
            "trailers": _LINE + _TE + b"\r\n2\r\nok\r\n0\r\nX: y\r\n",
            "bad-trailer": _LINE + _TE + b"\r\n2\r\nok\r\n0\r\nX y\r\n\r\n",
            "bad-size": _LINE + _TE + b"\r\n2\r\nok\r\n-1\r\n\r\n",
            "overflow-size": _LINE + _TE + b"\r\n2\r\nok\r\nfffffffffffffffff\r\n\r\n",
            "huge-chunk": _LINE + _TE + b"\r\nffffffffffffffff\r\nok",
        }.items()
    ),
    *(
        Attack(f"answer-cut-head-{name}", "RFC 9112 8", get(), (502,), reply=reply, closes=True)
        for name, reply in {
            "nothing": b"",
            "line": b"HTTP/1.1 200 OK",
            "fields": _LINE + b"Content-Length: 2\r\n",
            "interim": b"HTTP/1.1 200 OK\r\nX",
        }.items()
    ),
    Attack(
        "answer-early-with-unread-body",
        "RFC 9112 9.3: the rest of a body is never a request",
        post(b"Content-Length: 1000\r\n", b"x" * 10) + NEXT,
        (400,),
        saw=(),
    ),
    Attack(
        "answer-splits-by-field",
        "RFC 9110 5.5: no line breaks in values, whatever they are called",
        get(target=b"/?a=%0d%0aSet-Cookie:evil"),
        saw=(b"GET /?a=%0d%0aSet-Cookie:evil",),
        got_not=(b"evil",),
    ),
]
