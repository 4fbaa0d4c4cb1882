"""The shape of a Render blueprint, as far as render.yaml uses it: our own reading of the platform's documentation.

Stricter than the platform's schema, which is not part of this repository (docs/deploy/render.md tells
how to check against it): a key that is not listed here is probably misspelt.
"""

from __future__ import annotations

from typing import Any  # a JSON Schema

TEXT = {"type": "string", "minLength": 1}
REFERENCE = {
    "type": "object",
    "required": ["name", "property"],
    "properties": {"type": {"enum": ["web", "pserv", "keyvalue"]}, "name": TEXT, "property": TEXT},
    "additionalProperties": False,
}


def _only(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


VARIABLE = {
    "oneOf": [
        _only(["key", "value"], key=TEXT, value=TEXT),
        _only(["key", "sync"], key=TEXT, sync={"const": False}),
        _only(["key", "generateValue"], key=TEXT, generateValue={"const": True}),
        _only(["key", "fromService"], key=TEXT, fromService=REFERENCE),
        _only(["key", "fromDatabase"], key=TEXT, fromDatabase=REFERENCE),
        _only(["fromGroup"], fromGroup=TEXT),
    ]
}
COMMON: dict[str, Any] = {
    "type": {"enum": ["web", "pserv"]},
    "name": TEXT,
    "runtime": {"const": "docker"},
    "plan": {"enum": ["starter", "standard", "pro", "pro plus", "pro max", "pro ultra"]},
    "region": {"enum": ["oregon", "ohio", "virginia", "frankfurt", "singapore"]},
    "dockerfilePath": TEXT,
    "dockerContext": TEXT,
    "dockerCommand": TEXT,
    "healthCheckPath": {"type": "string", "pattern": "^/"},
    "maxShutdownDelaySeconds": {"type": "integer", "minimum": 1, "maximum": 300},
    "autoDeployTrigger": {"enum": ["commit", "checksPass", "off"]},
    "buildFilter": _only(["paths"], paths={"type": "array", "items": TEXT, "minItems": 1}),
    "disk": _only(["name", "mountPath"], name=TEXT, mountPath=TEXT, sizeGB={"type": "integer", "minimum": 1}),
    "envVars": {"type": "array", "items": VARIABLE},
}
SHAPE = _only(
    ["services"],
    services={"type": "array", "minItems": 1, "items": _only(["type", "name", "runtime"], **COMMON)},
    databases={
        "type": "array",
        "items": _only(
            ["name"],
            name=TEXT,
            databaseName=TEXT,
            plan=TEXT,
            region=COMMON["region"],
            postgresMajorVersion={"type": "string", "pattern": "^[0-9]{2}$"},
            ipAllowList={"type": "array"},
        ),
    },
    envVarGroups={
        "type": "array",
        "items": _only(["name", "envVars"], name=TEXT, envVars={"type": "array", "items": VARIABLE}),
    },
)
