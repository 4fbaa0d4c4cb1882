"""Who a JSON body is about, read out of its first bytes; the body itself travels on unchanged.

A body that fits is read as `json.loads` does it, the reader of both backends, so duplicate keys, escapes, byte order
marks and UTF-16 mean here what they mean there. A longer one is read key by key as far as it goes.
"""

import json
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgspec

from gateway.core.decide import Identity, IdProblem

PREFIX_BYTES: Final = 64 * 1024
_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()
# json.loads refuses numbers of more than 4300 digits and values nested about a thousand deep; msgspec has bounds of its
# own. A short body with few brackets reaches none of them.
_SHORT_BYTES: Final = 4096
_OPENINGS: Final = 400
_FLAT_BYTES: Final = 2 * _OPENINGS
_MISSING: Final = Identity(None, IdProblem.MISSING)
_UNSET: Final = msgspec.UNSET
_MAX_READERS: Final = 64
_readers: dict[str, Callable[[bytes], Any]] = {}


class Peeked(msgspec.Struct, frozen=True, gc=False):
    """The identity for the decision, and the storage path for the guard (None if absent or not seen).

    `complete` says that the whole body was read, so that nothing behind it can say otherwise.
    """

    identity: Identity
    storage_path: str | None = None
    complete: bool = True


def peek(prefix: bytes, complete: bool, key: str = "user_id") -> Peeked:
    """Read the top-level `key` out of a body's `prefix`; `complete` says that the prefix is the whole body.

    A `key` inside nested values does not count, and of several the last one in sight wins. What cannot be read is
    UNREADABLE; a key that may still come behind the prefix is BEYOND_PREFIX. Never raises.
    """
    # Half of a flat body's bytes open something at most, because the other half closes it.
    if complete and (len(prefix) <= _FLAT_BYTES or _shallow(prefix)) and prefix.isascii():
        try:
            quick = (_readers.get(key) or _reader(key))(prefix)
        except (msgspec.MsgspecError, RecursionError):
            pass  # whether the backends make something of it, their own reader says
        else:
            value, path = quick.value, quick.path
            identity = _MISSING if value is _UNSET else Identity.of(value)
            return Peeked(identity, path if isinstance(path, str) else None)
    found = _whole(prefix) if complete else _partial(prefix)
    if found is None:
        return Peeked(Identity(None, IdProblem.UNREADABLE), None, complete)
    path = found.get("storage_path")
    storage_path = path if isinstance(path, str) else None
    if key in found:
        return Peeked(Identity.of(found[key]), storage_path, complete)
    problem = IdProblem.MISSING if complete else IdProblem.BEYOND_PREFIX
    return Peeked(Identity(None, problem), storage_path, complete)


def _shallow(body: bytes) -> bool:
    """Whether few enough brackets open in a longer body that is still short."""
    return len(body) <= _SHORT_BYTES and body.count(b"{") + body.count(b"[") <= _OPENINGS


def _reader(key: str) -> Callable[[bytes], Any]:
    """Reads an object's `key` and storage path; everything else is only checked. The last of several keys counts."""
    names = {"value": key, "path": "storage_path"}
    fields = [(name, Any, msgspec.UNSET) for name in names]
    if len(_readers) >= _MAX_READERS:
        _readers.clear()
    try:
        _readers[key] = msgspec.json.Decoder(msgspec.defstruct("Body", fields, rename=names, gc=False)).decode
    except ValueError:  # a key with a quote in it, or the storage path itself
        _readers[key] = _refuse
    return _readers[key]


def _refuse(_: bytes) -> NoReturn:
    raise msgspec.DecodeError


def _whole(body: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _partial(prefix: bytes) -> dict[str, object] | None:
    """The members of a cut-off object whose values are complete; None if it is no object."""
    # The last character may be cut in two, which is no reason to give up on those before it. Any other bytes that are
    # no text make the body unreadable, as they do for the backends: left out, they would make another id of this one.
    decoder = getincrementaldecoder(json.detect_encoding(prefix))("surrogatepass")
    try:
        text = decoder.decode(prefix)
    except UnicodeDecodeError:
        return None
    at = _skip(text, 0)
    if not text.startswith("{", at):
        return None
    found: dict[str, object] = {}
    try:
        at = _skip(text, at + 1)
        while text.startswith('"', at):
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if not text.startswith(":", at):
                break
            found[name], at = _DECODER.raw_decode(text, _skip(text, at + 1))
            at = _skip(text, at)
            if not text.startswith(",", at):
                break
            at = _skip(text, at + 1)
    except (ValueError, RecursionError):
        pass  # here the prefix ends inside a value, or the body is broken: what was complete before it counts
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at
