"""Structured answers: any reasonable JSON schema filled with what is known, by the names of its properties.

The counterpart of `knowledge`: nothing is invented, what is not known is "not enough data", null or empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import JsonValue
from referencing.exceptions import Unresolvable

from sandbox.models import tokens
from sandbox.models.candidates import candidates, entries, records
from sandbox.models.errors import SchemaNotSupported
from sandbox.models.fields import snake, topics_of
from sandbox.models.knowledge import UNKNOWN, Knowledge
from sandbox.models.scalars import number_for, string_for
from sandbox.models.topics import Fact, Topic

Schema = Mapping[str, JsonValue]

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

DEEPEST = 24
LONGEST_LIST = 40

_NUMBER = r"\d{1,2}|" + "|".join(NUMBER_WORDS)
_RANGE = re.compile(rf"\b({_NUMBER}) ?(?:-|–|to) ?({_NUMBER})\b", re.I)
_AT_MOST = re.compile(r"(?:at most|up to|maximum(?: of)?|max|maxItems:|no more than) ?(\d{1,3})\b")
_AT_LEAST = re.compile(r"(?:at least|minimum(?: of)?|min|minItems:) ?(\d{1,3})\b")


def answer(schema: Schema, knowledge: Knowledge, max_tokens: int, *, condense: bool = False) -> JsonValue:
    """A value that obeys `schema`. Lists are shortened until its JSON fits `max_tokens`, as far as that can be done.

    `condense` halves every list, for requests to reduce facts. Raises SchemaNotSupported.
    """
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SchemaNotSupported(f"the JSON schema is not valid: {error.message[:200]}") from error
    validator = Draft202012Validator(schema)
    longest = LONGEST_LIST
    while True:
        value = _Filler(schema, knowledge, longest, condense).value(dict(schema), "", None, 0)
        if longest <= 2 or tokens.count(json.dumps(value, ensure_ascii=False)) <= max_tokens:
            break
        longest //= 2
    try:
        problem = next(iter(validator.iter_errors(value)), None)
    except (Unresolvable, re.error, RecursionError) as error:
        raise SchemaNotSupported("the JSON schema cannot be followed: a bad reference or pattern") from error
    if problem is not None:
        raise SchemaNotSupported(
            f"no answer of this model obeys the JSON schema: {problem.validator} at {problem.json_path}"
        )
    return value


@dataclass(frozen=True, slots=True)
class _Filler:
    """Makes one value. Properties are named on the way down, for the name says what to fill in."""

    root: Schema
    knowledge: Knowledge
    longest: int
    condense: bool

    def value(self, schema: JsonValue, name: str, record: Fact | None, depth: int) -> JsonValue:
        """A value for `schema`, which stands under the property `name`, inside an object about `record`."""
        if not isinstance(schema, dict):
            return None
        if depth > DEEPEST:
            raise SchemaNotSupported("the JSON schema is nested too deeply")
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return self._chosen(options, name, record)
        variants = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(variants, list) and variants:
            return self._variant(variants, name, record, depth)
        return self._typed(schema, name, record, depth)

    def _resolved(self, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """`schema` with its reference followed and its `allOf` merged in."""
        merged = dict(schema)
        for _ in range(DEEPEST):
            reference = merged.pop("$ref", None)
            if not isinstance(reference, str):
                break
            merged = {**self._definition(reference), **merged}
        parts = merged.pop("allOf", None)
        for part in parts if isinstance(parts, list) else []:
            if isinstance(part, dict):
                merged = _merged(merged, self._resolved(part))
        return merged

    def _definition(self, reference: str) -> dict[str, JsonValue]:
        found: JsonValue = dict(self.root)
        if not reference.startswith("#"):
            raise SchemaNotSupported("only references inside the schema are supported")
        for step in reference.lstrip("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if key:
                found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise SchemaNotSupported(f"the reference {reference[:80]} leads nowhere")
        return found

    def _typed(self, schema: dict[str, JsonValue], name: str, record: Fact | None, depth: int) -> JsonValue:
        kind = schema.get("type")
        if isinstance(kind, list):
            wanted = [part for part in kind if part != "null"]
            known = "null" not in kind or self._known(name, record)
            return self._typed({**schema, "type": wanted[0] if wanted and known else "null"}, name, record, depth)
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        if kind == "object":
            return self._object(schema, name, record, depth)
        if kind == "array":
            return self._array(schema, name, record, depth)
        if kind == "string":
            return string_for(schema, candidates(self.knowledge, name, str(schema.get("description", "")), record))
        if kind == "integer" and record is not None and record.number:
            return record.number
        if kind in ("number", "integer"):
            return number_for(schema, snake(name), len(self.knowledge.facts.of(*(topics_of(name) or tuple(Topic)))))
        if kind == "boolean":
            return self._known(name.removeprefix("has_"), record) if name.startswith("has_") else False
        return None

    def _object(self, schema: dict[str, JsonValue], name: str, record: Fact | None, depth: int) -> JsonValue:
        properties = schema.get("properties")
        required = schema.get("required")
        must = {key for key in required if isinstance(key, str)} if isinstance(required, list) else set()
        filled: dict[str, JsonValue] = {}
        for key, inner in properties.items() if isinstance(properties, dict) else ():
            if key in must or depth < DEEPEST // 3:
                filled[key] = self.value(inner, key, record, depth + 1)
        extra = schema.get("additionalProperties", True)
        for key in sorted(must - filled.keys()):
            filled[key] = self.value(extra if isinstance(extra, dict) else {"type": "string"}, key, record, depth + 1)
        return filled

    def _array(self, schema: dict[str, JsonValue], name: str, record: Fact | None, depth: int) -> JsonValue:
        least, most = _bounds(schema)
        most = min(most, max(self.longest, least))
        first = schema.get("prefixItems")
        items = schema.get("items", {})
        made = [self.value(part, name, record, depth + 1) for part in first] if isinstance(first, list) else []
        resolved = self._resolved(items) if isinstance(items, dict) else {}
        if items is not False and not made:
            made.extend(self._items(resolved, name, record, depth))
        if self.condense and len(made) > 1:
            made = made[: -(-len(made) // 2)]
        unique = schema.get("uniqueItems") is True
        made = _distinct(made)[:most] if unique or resolved.get("type") == "string" else made[:most]
        while len(made) < least and items is not False:
            filler = self.value({**resolved, "description": ""}, "", None, depth + 1)
            made.append(f"{filler} {len(made) + 1}" if unique and isinstance(filler, str) else filler)
        return made

    def _items(self, items: dict[str, JsonValue], name: str, record: Fact | None, depth: int) -> list[JsonValue]:
        options = items.get("enum")
        if isinstance(options, list):
            text = " ".join(self.knowledge.facts.texts(*Topic)).lower()
            return [option for option in options if isinstance(option, str) and option.lower() in text]
        properties = items.get("properties")
        if isinstance(properties, dict):
            found = records(self.knowledge, name, properties)
            return [self.value(items, "", fact, depth + 1) for fact in found[: self.longest * 2]]
        if items.get("type") == "integer" and record is not None and record.number:
            return [record.number]
        if items.get("type") not in ("string", None) or any(key in items for key in ("anyOf", "oneOf", "const")):
            return []
        texts = entries(self.knowledge, name, record)
        return [string_for(items, [text]) for text in texts[: self.longest * 2]]

    def _known(self, name: str, record: Fact | None) -> bool:
        return candidates(self.knowledge, name, "", record) != [UNKNOWN]

    def _chosen(self, options: Sequence[JsonValue], name: str, record: Fact | None) -> JsonValue:
        """The option that what is known names; else one that says "unknown"; else the first."""
        known = " ".join(candidates(self.knowledge, name, "", record)[:-1]).lower()
        for option in options:
            if isinstance(option, str) and option and re.search(rf"\b{re.escape(option.lower())}\b", known):
                return option
        for option in options:
            if option is None or (isinstance(option, str) and option.lower() in ("unknown", "none", "other", UNKNOWN)):
                return option
        return options[0]

    def _variant(self, variants: list[JsonValue], name: str, record: Fact | None, depth: int) -> JsonValue:
        nulls = [variant for variant in variants if isinstance(variant, dict) and variant.get("type") == "null"]
        others = [variant for variant in variants if variant not in nulls]
        structured = any(isinstance(v, dict) and v.get("type") in ("object", "array") for v in others)
        if nulls and (not others or depth > DEEPEST // 3 or not (structured or self._known(name, record))):
            return None
        return self.value(others[0], name, record, depth + 1)


def _merged(left: dict[str, JsonValue], right: dict[str, JsonValue]) -> dict[str, JsonValue]:
    both = {**right, **left}
    for key in ("properties", "required"):
        mine, theirs = left.get(key), right.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            both[key] = {**theirs, **mine}
        elif isinstance(mine, list) and isinstance(theirs, list):
            both[key] = [*mine, *(item for item in theirs if item not in mine)]
    return both


def _bounds(schema: Schema) -> tuple[int, int]:
    """How many items are asked for: by keywords, else in the description ("3-7", "at most 5")."""
    least, most = schema.get("minItems"), schema.get("maxItems")
    described = str(schema.get("description", ""))
    between, upper, lower = _RANGE.search(described), _AT_MOST.search(described), _AT_LEAST.search(described)
    if not isinstance(most, int):
        most = _number(between[2]) if between else int(upper[1]) if upper else 1_000_000
    if not isinstance(least, int):
        least = int(lower[1]) if lower else 0
    return least, max(most, 0)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBER_WORDS.index(word.lower())


def _distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())
