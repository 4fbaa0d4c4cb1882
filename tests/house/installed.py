"""Programs that some tests need and pip does not bring."""

from __future__ import annotations

import os
import shutil

import pytest


def installed(command: str, packages: str = "") -> str:
    """The command's path; where it is missing, a developer's run skips the test loudly and CI's fails."""
    found = shutil.which(command)
    if found is None:
        missing = f"NOT TESTED: {command} is missing: apt-get install {packages or command}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
