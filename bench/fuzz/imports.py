"""Streams of requests to a flagged route: bodies in which the id is easy, odd, doubled, hidden, late or missing.

Counterpart: bench.fuzz.deciding, which says where each of them has to go.
"""

import gzip
import json
import random
from collections.abc import Callable

from bench.fuzz.grammar import Stream, chunks

_IDS = (
    '"%s"',
    '"%s"',
    '"%s"',
    '"%s"',
    '"\\u0075ser-%s"',
    '"ä-%s"',
    '"ユーザー-%s"',
    '"🚀%s"',
    '"\\ud83d\\ude80%s"',
    '"\\ud83d%s"',
    '" %s "',
    '"%s\\u0000"',
    '"a:%s"',
    '"\\"%s\\\\"',
)
_NOT_IDS = (
    '""',
    "null",
    "true",
    "12",
    "12.0",
    "1e400",
    "NaN",
    "[]",
    '["%s"]',
    '{"user_id": "%s"}',
    '"' + "x" * 300 + '"',
)
_OTHERS = (
    '"storage_path": "a/%s/b.json"',
    '"conversations": [{"user_id": "nested-%s"}]',
    '"mini_profile": {"user_id": "nested-%s", "a": [1, {"b": null}]}',
    '"message_count": 38211',
    '"access_token": null',
    '"User_id": "case-%s"',
    '"user_id ": "space-%s"',
    '"": "\\", \\"user_id\\": \\"inside-%s\\""',
)
_KEYS = ('"user_id"', '"user_id"', '"user_id"', '"user\\u005fid"', '"\\u0075ser_id"')
_TYPES = (
    b"application/json",
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json;charset=UTF-16",
    b"text/plain",
    b"application/octet-stream",
)
_LONG = 70_000


def import_stream(dice: random.Random, path: bytes) -> Stream:
    """One to three requests to `path`, pipelined."""
    count = dice.choice((1, 1, 2, 3))
    return Stream(b"".join(_request(dice, path) for _ in range(count)), count)


def _request(dice: random.Random, path: bytes) -> bytes:
    body = _body(dice)
    lines = [b"Host: a", b"Content-Type: " + dice.choice(_TYPES)]
    if dice.random() < 0.1:
        lines.append(b"Idempotency-Key: key-%d" % dice.randrange(10))
    if dice.random() < 0.1:
        lines.append(b"X-Gateway-Force: v2")
    if dice.random() < 0.05:
        body = gzip.compress(body, mtime=0)
        lines.append(b"Content-Encoding: gzip")
    if dice.random() < 0.3:
        body = chunks(body, dice)
        lines.append(b"Transfer-Encoding: chunked")
    else:
        lines.append(b"Content-Length: %d" % len(body))
    dice.shuffle(lines)
    odd = (path, path, path, path + b"?user_id=x", path + b"/", b"/%70" + path[2:], b"/." + path, path[:1] + path)
    target = dice.choice(odd) if dice.random() < 0.2 else path
    method = b"PUT" if dice.random() < 0.03 else b"POST"
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method, target, b"\r\n".join(lines), body)


def _body(dice: random.Random) -> bytes:
    text = _object(dice) if dice.random() < 0.95 else dice.choice(("", "[]", '"user_id"', "null", '{"user_id"', "{}"))
    return dice.choices(_ENCODINGS, weights=(90, 2, 2, 2, 2, 2))[0](text)


def _object(dice: random.Random) -> str:
    members = [_filled(dice.choice(_OTHERS), dice) for _ in range(dice.choice((0, 1, 2, 4)))]
    for _ in range(dice.choice((0, 1, 1, 1, 1, 1, 2))):
        value = dice.choice(_IDS if dice.random() < 0.85 else _NOT_IDS)
        members.append(f"{dice.choice(_KEYS)}{dice.choice((':', ': ', ' :'))}{_filled(value, dice)}")
    dice.shuffle(members)
    if dice.random() < 0.02:
        filler = json.dumps([{"title": 'x, y} " é', "user_id": "nested"}] * (_LONG // 40))
        members.insert(dice.randrange(len(members) + 1), f'"long": {filler}')
    space = dice.choice(("", "", " ", "\r\n\t"))
    return f"{space}{{{space}{f',{space}'.join(members)}{space}}}{space}"


def _filled(text: str, dice: random.Random) -> str:
    return text.replace("%s", str(dice.randrange(1000)))


_ENCODINGS: tuple[Callable[[str], bytes], ...] = (
    lambda text: text.encode(),
    lambda text: text.encode("utf-8-sig"),
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-16-be"),
    lambda text: text.encode("latin-1", "replace"),
    lambda text: text.encode() + b"\x00",
)
