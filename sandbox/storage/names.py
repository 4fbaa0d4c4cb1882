"""Which object names are taken. Pure."""

from __future__ import annotations

import re

from sandbox.storage.errors import InvalidName

MAX_NAME_BYTES = 1024
# What the real service takes in a key; everything else it calls an invalid key.
KEY = re.compile(r"[\w/!\-.*'() &$@=;:+,?]+")


def checked(name: str) -> str:
    """The name itself. Raises InvalidName for dot segments, empty segments and foreign characters."""
    segments = name.split("/")
    refused = any(segment in ("", ".", "..") for segment in segments)
    if refused or KEY.fullmatch(name) is None or len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidName(f"Invalid key: {name}")
    return name
