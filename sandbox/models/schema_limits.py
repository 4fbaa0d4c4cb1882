"""What structured outputs of the real API refuse in a JSON schema: the sandbox takes nothing that it would not."""

from __future__ import annotations

from pydantic import JsonValue

from sandbox.models.errors import SchemaNotSupported

_REFUSED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
    "object": ("patternProperties", "minProperties", "maxProperties", "propertyNames"),
}
_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"))
_ANYWHERE = ("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "oneOf")


def check(schema: JsonValue) -> None:
    """Raise SchemaNotSupported for a keyword that the real API refuses, or for a schema that contains itself."""
    _check(schema, schema, (), 0)


def _check(schema: JsonValue, root: JsonValue, references: tuple[str, ...], depth: int) -> None:
    if not isinstance(schema, dict):
        return
    if depth > 64:
        raise _refused("the schema is too deeply nested")
    reference = schema.get("$ref")
    if isinstance(reference, str):
        _follow(reference, root, references, depth)
    for keyword in _ANYWHERE:
        if keyword in schema:
            raise _refused(f"'{keyword}' is not supported")
    _check_keywords(schema)
    properties = schema.get("properties")
    for inner in properties.values() if isinstance(properties, dict) else ():
        _check(inner, root, references, depth + 1)
    _check(schema.get("items"), root, references, depth + 1)
    for keyword in ("anyOf", "allOf"):
        variants = schema.get(keyword)
        for inner in variants if isinstance(variants, list) else ():
            _check(inner, root, references, depth + 1)


def _check_keywords(schema: dict[str, JsonValue]) -> None:
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        for keyword in _REFUSED.get(str(kind), ()):
            if keyword in schema:
                raise _refused(f"For '{kind}' type, property '{keyword}' is not supported")
        if kind == "object" and schema.get("additionalProperties") is not False:
            raise _refused("For 'object' type, 'additionalProperties' must be explicitly set to false")
        if kind == "array" and schema.get("minItems") not in (None, 0, 1):
            raise _refused("For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    shaped = schema.get("format")
    if isinstance(shaped, str) and shaped not in _FORMATS:
        raise _refused(f"For 'string' type, format '{shaped[:40]}' is not supported")
    options = schema.get("enum")
    if isinstance(options, list) and any(isinstance(option, dict | list) for option in options):
        raise _refused("complex types in 'enum' are not supported")


def _follow(reference: str, root: JsonValue, references: tuple[str, ...], depth: int) -> None:
    if reference in references:
        raise _refused("recursive schemas are not supported")
    if not reference.startswith("#"):
        raise _refused("external references are not supported")
    found = root
    for step in reference.lstrip("#").strip("/").split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) and step else found
    _check(found, root, (*references, reference), depth + 1)


def _refused(reason: str) -> SchemaNotSupported:
    return SchemaNotSupported(f"output_config.format.schema: {reason}")
