"""Fields and bodies that want to be believed: spoofed senders, nominations, loops, and ids hidden from the peek."""

import gzip
import json

from tests.gateway.proof.attacks import NEXT, OK, Attack, flagged, get, post

_TRUSTED = (
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-IP", "Forwarded"),
    *("X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Server", "X-Forwarded-By"),
)
_OURS = ("X-Gateway-Backend", "X-Gateway-Decision", "X-Gateway-Reason", "X-Gateway-Explain", "X-Gateway-Force")


def _spellings(name: str) -> set[str]:
    return {name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", "_", 1).swapcase()}


def _to(backend: str, name: str, body: bytes, fields: bytes = b"") -> Attack:
    return Attack(
        f"peek-{name}",
        "the id is the one that the backends read",
        flagged(body, fields),
        saw=(b"POST /flagged",),
        body=body,
        got=(b"X-Gateway-Backend: %b\r\n" % backend.encode(),),
    )


_ID = '{"user_id":"u"}'
_PEEK = [
    *(
        _to("v2", name, body)
        for name, body in {
            "escapes": b'{"\\u0075\\u0073er\\u005fid":"\\u0075"}',
            "bom": b"\xef\xbb\xbf" + _ID.encode(),
            "utf-16-le": _ID.encode("utf-16-le"),
            "utf-16-be": _ID.encode("utf-16-be"),
            "utf-32": _ID.encode("utf-32"),
            "twice-last-wins": b'{"user_id":7,"user_id":"u"}',
            "twice-escaped-last": b'{"user_id":7,"user\\u005fid":"u"}',
            "nested-first": b'{"a":{"user_id":7},"b":[{"user_id":8}],"user_id":"u"}',
            "deep-but-legal": b'{"a":' + b"[" * 400 + b"]" * 400 + b',"user_id":"u"}',
            "in-a-string": b'{"a":"\\"user_id\\":7","user_id":"u"}',
            "newlines": b'{\n\t"user_id"\r\n:\n"u"\n}\n',
            "other-script": '{"user_id":"пользователь-用户"}'.encode(),
            "256-bytes": json.dumps({"user_id": "x" * 256}).encode(),
        }.items()
    ),
    *(
        _to("legacy", name, body)
        for name, body in {
            "twice-last-number": b'{"user_id":"u","user_id":7}',
            "twice-escaped-number": b'{"user_id":"u","user\\u005fid":null}',
            "case": b'{"User_Id":"u"}',
            "trailing-space-in-key": b'{"user_id ":"u"}',
            "nul-in-key": b'{"user_id\\u0000":"u"}',
            "lone-surrogate": b'{"user_id":"\\ud800"}',
            "boolean": b'{"user_id":true}',
            "float": b'{"user_id":1.0}',
            "array": b'{"user_id":["u"]}',
            "object": b'{"user_id":{"user_id":"u"}}',
            "too-deep": b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b',"user_id":"u"}',
            "single-quotes": b"{'user_id':'u'}",
            "trailing-comma": b'{"user_id":"u",}',
            "comment": b'{/**/"user_id":"u"}',
            "two-values": b'{"user_id":"u"}{"user_id":"v"}',
            "garbage-behind": b'{"user_id":"u"}x',
            "invalid-utf-8": b'{"a":"\xff","user_id":"u"}',
            "raw-newline-in-string": b'{"a":"\n","user_id":"u"}',
            "huge-number": b'{"a":' + b"9" * 5000 + b',"user_id":"u"}',
            "gzip": gzip.compress(_ID.encode(), mtime=0),
            "form": b"user_id=u",
            "multipart": b'--x\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nu\r\n--x--\r\n',
            "empty": b"",
            "behind-the-prefix": b'{"a":"' + b"x" * 70_000 + b'","user_id":"u"}',
            "spaces-without-end": b" " * 70_000 + _ID.encode(),
            "257-bytes": json.dumps({"user_id": "x" * 257}).encode(),
        }.items()
    ),
]

ATTACKS = [
    *_PEEK,
    *(
        Attack(
            f"spoof-{spelling}",
            "a client cannot say where it comes from, nor what the gateway decided",
            get(f"{spelling}: evil.example\r\n".encode()),
            lacks=(b"evil.example",),
        )
        for name in (*_TRUSTED, *_OURS)
        for spelling in sorted(_spellings(name))
    ),
    Attack(
        "trailers-are-no-way-round",
        "RFC 9110 6.5.1: what a header may not carry, a trailer may not either",
        post(
            b"Connection: x-secret\r\nTransfer-Encoding: chunked\r\n",
            b"0\r\nX-Real-IP: evil\r\nX-Forwarded-Port: evil\r\nX_Forwarded_For: evil\r\nX_Gateway_A: evil\r\n"
            b"X-Secret: evil\r\ntraceparent: evil\r\nX-Sum: fine\r\n\r\n",
        ),
        saw=(b"POST /",),
        lacks=(b"evil",),
    ),
    Attack(
        "own-key-empty",
        "an empty Idempotency-Key is none, so the gateway stamps its own",
        flagged(_ID.encode(), b"Idempotency-Key:\r\n"),
        saw=(b"POST /flagged",),
        lacks=(b"idempotency-key: \n",),
    ),
    *(
        Attack(
            f"nominate-{name}",
            "RFC 9110 7.6.1: Connection cannot remove what frames, routes or authenticates",
            get(f"Connection: close, {name}\r\n{name}: kept\r\n".encode()),
            fields=((name.lower().encode(), b"kept"),),
        )
        for name in ("Authorization", "Cookie", "Content-Type", "Idempotency-Key")
    ),
    *(
        Attack(
            f"nominate-ours-{name}",
            "RFC 9110 7.6.1: nor what the gateway adds",
            get(f"Connection: {name}\r\n".encode()),
            fields=((name.encode(), value),),
        )
        for name, value in (
            ("x-forwarded-for", b"127.0.0.1"),
            ("x-forwarded-proto", b"http"),
            ("x-forwarded-host", b"a"),
            ("via", b"1.1 banyan"),
            ("host", b"a"),
        )
    ),
    Attack(
        "nominate-everything",
        "RFC 9110 7.6.1",
        post(b"Connection: host, content-length, via, forwarded\r\nContent-Length: 2\r\n", b"hi") + NEXT,
        (200, 200),
        (b"POST /", b"GET /next"),
    ),
    *(
        Attack(f"loop-{number}", "RFC 9110 7.6.3: a message that came round is refused", get(via), (508,), saw=())
        for number, via in enumerate(
            (
                b"Via: 1.1 banyan\r\n",
                b"Via: 1.1 a, 1.1 b, 1.1 BANYAN (x)\r\n",
                b"via:1.0 a\r\nVIA: HTTP/1.1   banyan\r\n",
                b"Via: ,,1.1 banyan,\r\n",
                b"Via: 1.1\tbanyan\r\n",
            )
        )
    ),
    *(
        Attack(
            f"max-forwards-{name}",
            "RFC 9110 7.6.2",
            f"{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {sent}\r\n\r\n".encode(),
            saw=(f"{method} /".encode(),),
            fields=((b"max-forwards", arrives.encode()),),
        )
        for name, method, sent, arrives in (
            ("options", "OPTIONS", "10", "9"),
            ("trace", "TRACE", "1", "0"),
            ("get", "GET", "0", "0"),
            ("post", "POST", "0", "0"),
            ("minus", "OPTIONS", "-1", "-1"),
            ("huge", "OPTIONS", "9" * 30, "9" * 30),
        )
    ),
    Attack(
        "expect-and-413",
        "RFC 9110 10.1.1: refused before it is asked for",
        post(b"Expect: 100-continue\r\nContent-Length: 11\r\n", target=b"/small"),
        (413,),
        saw=(),
        got_not=(b" 100 ",),
    ),
    Attack(
        "expect-and-401",
        "RFC 9110 10.1.1: the same for a missing key",
        post(b"Expect: 100-continue\r\nContent-Length: 15\r\n", target=b"/keyed"),
        (401,),
        saw=(),
        got=(b"WWW-Authenticate: ",),
        got_not=(b" 100 ",),
    ),
    Attack(
        "expect-and-401-before-413",
        "a stranger does not learn the limits",
        post(b"Expect: 100-continue\r\nContent-Length: 99999999\r\n", target=b"/keyed"),
        (401,),
        saw=(),
        got_not=(b" 100 ",),
    ),
    Attack(
        "401-then-nothing",
        "RFC 9112 9.3.2: the unread body is no request",
        post(b"Content-Length: %d\r\n" % len(NEXT), target=b"/keyed") + NEXT + NEXT,
        (401,),
        saw=(),
    ),
    Attack(
        "key-passes",
        "the key in either field",
        post(b"X-Api-Key: sesame\r\nContent-Length: 15\r\n", _ID.encode(), b"/keyed"),
        saw=(b"POST /keyed",),
        got=(b"X-Gateway-Backend: v2\r\n",),
    ),
    Attack(
        "key-in-trailer",
        "RFC 9110 6.5.1: a trailer is no header",
        post(b"Transfer-Encoding: chunked\r\n", b"0\r\nAuthorization: Bearer sesame\r\n\r\n", b"/keyed"),
        (401,),
        saw=(),
    ),
    Attack(
        "expect-1.0",
        "RFC 9110 15.2: no interim answers to HTTP/1.0",
        b"POST /flagged HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n" + _ID.encode(),
        saw=(b"POST /flagged",),
        got_not=(b" 100 ",),
    ),
    Attack(
        "expect-passes-100-once",
        "RFC 9110 10.1.1",
        post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"hi"),
        (100, 200),
        saw=(b"POST /",),
        reply=b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ),
]
