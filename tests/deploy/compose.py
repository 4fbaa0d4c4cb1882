"""docker-compose.yml as a value: variables filled in, and each built service as a command that runs without Docker."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # parsed YAML

import yaml

from tests.house.sources import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
EXAMPLE = REPOSITORY / ".env.example"
_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z0-9_]+)(?::([-?])([^}]*))?\})")


class UnsetVariable(Exception):
    """Compose would refuse to start, with this sentence."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """`text` as Compose reads it: ${NAME}, ${NAME:-default}, ${NAME:?sentence} and $$. Raises UnsetVariable."""

    def value(found: re.Match[str]) -> str:
        dollar, name, kind, rest = found.groups()
        if dollar:
            return "$"
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise UnsetVariable(f"{name}: {rest}")
        return rest or ""

    return _VARIABLE.sub(value, text)


def raw() -> dict[str, Any]:
    """The file as YAML, not interpolated."""
    document: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return document


def filled(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in, value by value. Raises UnsetVariable."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return interpolate(value, variables)
        if isinstance(value, dict):
            return {name: walk(inner) for name, inner in value.items()}
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    document: dict[str, Any] = walk(raw())
    return document


def example() -> dict[str, str]:
    """The variables of .env.example."""
    lines = (line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What a Dockerfile says about running its image."""

    command: tuple[str, ...]
    health: tuple[str, ...]
    environment: dict[str, str]
    ports: frozenset[str]
    copied: frozenset[str]


def dockerfile(path: Path) -> Dockerfile:
    """Read the last stage of `path`, and what all stages copy from the repository."""
    text = path.read_text().replace("\\\n", " ")
    last = text[text.rindex("\nFROM ") :]
    environment = dict(
        pair.split("=", 1) for line in re.findall(r"^ENV (.+)$", last, re.M) for pair in line.split() if "=" in pair
    )
    copies = [line.split()[:-1] for line in re.findall(r"^COPY (.+)$", text, re.M) if not line.startswith("--from")]
    health = re.search(r"^HEALTHCHECK .*?CMD (\[.+\])$", last, re.M)
    command = re.search(r"^CMD (\[.+\])$", last, re.M)
    assert health is not None and command is not None, f"{path.name} has no exec-form CMD or HEALTHCHECK"
    return Dockerfile(
        tuple(json.loads(command[1])),
        tuple(json.loads(health[1])),
        environment,
        frozenset(" ".join(re.findall(r"^EXPOSE (.+)$", last, re.M)).split()),
        frozenset(source for sources in copies for source in sources),
    )


def image_of(service: Mapping[str, Any]) -> Dockerfile:
    """The Dockerfile from which a service is built."""
    return dockerfile(REPOSITORY / service["build"]["dockerfile"])
