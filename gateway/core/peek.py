"""Who a JSON body is about, read out of its first bytes; the body itself travels on unchanged.

A body that fits is read by `json.loads`, the reader of both backends, so duplicate keys, escapes, byte order marks and
UTF-16 mean here what they mean there. A longer one is read key by key as far as it goes.
"""

import json
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.decide import Identity, IdProblem

PREFIX_BYTES: Final = 64 * 1024
_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()
# The decoder without the layer that turns its StopIteration into an error with a position, which nobody reads here.
_SCAN: Final[Callable[[str, int], tuple[object, int]]] = _DECODER.scan_once  # type: ignore[attr-defined]  # not in stubs


class Peeked(NamedTuple):
    """The identity for the decision, and the storage path for the guard (None if absent or not seen).

    `complete` says that the whole body was read, so that nothing behind it can say otherwise.
    """

    identity: Identity
    storage_path: str | None = None
    complete: bool = True


def peek(prefix: bytes, *, complete: bool, key: str = "user_id") -> Peeked:
    """Read the top-level `key` out of a body's `prefix`; `complete` says that the prefix is the whole body.

    A `key` inside nested values does not count, and of several the last one in sight wins. What cannot be read is
    UNREADABLE; a key that may still come behind the prefix is BEYOND_PREFIX. Never raises.
    """
    found = _whole(prefix) if complete else _partial(prefix)
    if found is None:
        return Peeked(Identity(None, IdProblem.UNREADABLE), None, complete)
    path = found.get("storage_path")
    storage_path = path if isinstance(path, str) else None
    if key in found:
        return Peeked(Identity.of(found[key]), storage_path, complete)
    problem = IdProblem.MISSING if complete else IdProblem.BEYOND_PREFIX
    return Peeked(Identity(None, problem), storage_path, complete)


def _whole(body: bytes) -> dict[str, object] | None:
    try:
        if body.startswith(b'{"'):
            # The usual case, for which json.loads would come to the same, in half its time: no byte order mark, no NUL.
            text = body.decode()
            found, end = _SCAN(text, 0)
            if end != len(text) and _skip(text, end) != len(text):
                return None
        else:
            found = json.loads(body)
    except UnicodeDecodeError:
        return _by_json(body)
    except (ValueError, RecursionError, StopIteration):
        return None
    return found if isinstance(found, dict) else None


def _by_json(body: bytes) -> dict[str, object] | None:
    """json.loads lets lone surrogates pass, which a strict decoder refuses."""
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
