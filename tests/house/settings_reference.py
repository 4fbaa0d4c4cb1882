"""Renders docs/settings.md from the settings classes: `make settings` writes it, a house test compares it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin  # annotations of settings fields

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from tests.house.sources import REPOSITORY

ROOMS = {
    "gateway.settings": "Gateway",
    "gateway.rollout.settings": "Guard",
    "v2_service.settings": "v2 service",
    "sandbox.settings": "Sandbox",
    "sandbox.models.settings": "Sandbox models",
    "legacy.main": "Legacy",
}
DOCUMENT = REPOSITORY / "docs" / "settings.md"
HEAD = """# Settings

Every option is an environment variable; command-line options of the same name win over it. All problems are reported
together at start-up. `make settings` writes this page from the settings classes, and a test compares the two.
"""


def classes(module_name: str) -> Iterator[type[BaseSettings]]:
    """The settings classes a module defines, in source order."""
    module = importlib.import_module(module_name)
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, BaseSettings) and member.__module__ == module_name
    ]
    yield from sorted(found, key=lambda kind: inspect.getsourcelines(kind)[1])


def variables(kind: type[BaseSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """Environment variable and field of each setting, the class's own before those that it takes over."""
    prefix = kind.model_config.get("env_prefix", "")
    own = inspect.get_annotations(kind)
    for name, info in sorted(kind.model_fields.items(), key=lambda field: field[0] not in own):
        alias = info.validation_alias
        if isinstance(alias, AliasChoices):
            yield " or ".join(str(choice).upper() for choice in alias.choices), info
        elif isinstance(alias, str):
            yield alias.upper(), info
        else:
            yield f"{prefix}{name}".upper(), info


def shown_default(info: FieldInfo) -> str:
    """The default as a reader would type it; secrets show only that there is one."""
    default: Any = info.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "needed"
    if default is None:
        return "none"
    if isinstance(default, SecretStr):
        return "set" if default.get_secret_value() else "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple | list | dict | set | frozenset) and not default:
        return "empty"
    return f"`{str(default).removeprefix(f'{REPOSITORY}/')}`"


def shown_type(annotation: Any) -> str:
    """A short name of the type: `int`, `path`, `secret` ..."""
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(shown_type(part) for part in get_args(annotation) if part is not type(None))
    name: str = getattr(annotation, "__name__", str(annotation))
    return {"SecretStr": "secret", "PosixPath": "path", "Path": "path", "str": "text"}.get(name, name)


def table(kind: type[BaseSettings]) -> str:
    """One class as a Markdown table."""
    rows = [
        f"| `{variable}` | {shown_type(info.annotation)} | {shown_default(info)} | {info.description} |".replace(
            "|  |", "| |"
        )
        for variable, info in variables(kind)
    ]
    return "\n".join(["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows])


def render() -> str:
    """The whole page."""
    tables = [
        f"## {title} (`{module_name}.{kind.__name__}`)\n\n{table(kind)}\n"
        for module_name, title in ROOMS.items()
        for kind in classes(module_name)
    ]
    return "\n".join([HEAD, *tables])


if __name__ == "__main__":
    DOCUMENT.write_text(render())
    sys.stdout.write(f"wrote {DOCUMENT.relative_to(REPOSITORY)}\n")
