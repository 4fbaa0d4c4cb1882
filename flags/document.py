"""Read an Unleash client-features document and check its shape. Its counterpart, `flags.compile`, gives it meaning.

Every problem is collected before anything is refused, so that one look is enough to mend a file. The checks are as
strict as Unleash's own engine, which throws away a whole document for one parameter that is not a string.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from flags.errors import InvalidDocumentError

_TYPE_NAMES = {list: "a list", str: "a string", bool: "true or false"}

MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
"""Larger than any real project's flags; keeps a wrong path from filling the memory."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Document:
    """A document whose shape has been checked. `features` are in file order, each with a unique name."""

    generation: int
    features: tuple[Json, ...]
    text: str
    digest: str


def read_document(data: bytes) -> Document:
    """Check a document: `{"version": 2, "generation": N, "features": [...], "segments": [...]}`.

    `generation` is ours; an answer of an Unleash server has `meta.revisionId` in its place; without either it is 0.
    Raises InvalidDocumentError with all problems at once.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidDocumentError([f"the document has {len(data)} bytes; at most {MAX_DOCUMENT_BYTES} are read"])
    try:
        text = data.decode("utf-8-sig")
        content = json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidDocumentError([f"not UTF-8: byte {error.start} cannot be read"]) from error
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        raise InvalidDocumentError([reason]) from error
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise InvalidDocumentError([f"not JSON: {error}"]) from error
    except RecursionError as error:
        raise InvalidDocumentError(["not a flag document: nested too deeply"]) from error
    if not isinstance(content, dict):
        raise InvalidDocumentError(["the document must be an object with a list of features"])
    problems = list(_document_problems(content))
    if problems:
        raise InvalidDocumentError(problems)
    return Document(_generation(content), tuple(content["features"]), text, hashlib.sha256(data).hexdigest())


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _generation(content: Json) -> int:
    own = content.get("generation")
    if isinstance(own, int):
        return own
    meta = content.get("meta")
    revision = meta.get("revisionId") if isinstance(meta, dict) else None
    return revision if isinstance(revision, int) else 0


def _document_problems(content: Json) -> Iterator[str]:
    generation = content.get("generation", 0)
    if isinstance(generation, bool) or not isinstance(generation, int) or generation < 0:
        yield "generation must be a whole number, 0 or more"
    segments = content.get("segments")
    if segments is not None and not isinstance(segments, list):
        yield "segments must be a list"
    features = content.get("features")
    if not isinstance(features, list):
        yield "features must be a list"
        return
    seen: set[str] = set()
    for index, feature in enumerate(features):
        where = f"features[{index}]"
        if not isinstance(feature, dict):
            yield f"{where} must be an object"
            continue
        name = feature.get("name")
        if not isinstance(name, str) or not name:
            yield f"{where}.name must be a string that is not empty"
        elif _halved(name):
            yield f"{where}.name holds half of a surrogate pair"
        elif name in seen:
            yield f"{where}: there is already a feature {name!r}"
        else:
            seen.add(name)
            where = f"{where} ({name})"
        yield from _feature_problems(where, feature)


def _feature_problems(where: str, feature: Json) -> Iterator[str]:
    if not isinstance(feature.get("enabled"), bool):
        yield f"{where}.enabled must be true or false"
    for key, kind in (("type", str), ("description", str), ("stale", bool), ("impressionData", bool)):
        yield from _optional(where, feature, key, kind)
    for key in ("variants", "dependencies"):
        yield from _optional(where, feature, key, list)
    strategies = feature.get("strategies")
    if not isinstance(strategies, list):
        yield f"{where}.strategies must be a list"
        return
    for index, strategy in enumerate(strategies):
        yield from _strategy_problems(f"{where}.strategies[{index}]", strategy)


def _strategy_problems(where: str, strategy: object) -> Iterator[str]:
    if not isinstance(strategy, dict):
        yield f"{where} must be an object"
        return
    if not isinstance(strategy.get("name"), str):
        yield f"{where}.name must be a string"
    for key in ("constraints", "segments", "variants"):
        yield from _optional(where, strategy, key, list)
    parameters = strategy.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        yield f"{where}.parameters must be an object"
        return
    for key, value in parameters.items():
        if not isinstance(value, str):
            hint = f'; write "{value}"' if isinstance(value, int) and not isinstance(value, bool) else ""
            yield f"{where}.parameters.{key} must be a string{hint}"
        elif _halved(value):
            yield f"{where}.parameters.{key} holds half of a surrogate pair"


def _halved(text: str) -> bool:
    """Whether a text has no UTF-8 form, so that nothing could be hashed or written with it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _optional(where: str, owner: Json, key: str, kind: type) -> Iterator[str]:
    value = owner.get(key)
    if value is not None and not isinstance(value, kind):
        yield f"{where}.{key} must be {_TYPE_NAMES[kind]}"
