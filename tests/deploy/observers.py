"""Prometheus and its tools, where they are installed."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(command: str) -> str:
    """The command's path; where the Debian package is missing a developer's run skips, and CI's fails."""
    found = shutil.which(command)
    if found is None:
        missing = f"{command} is missing: apt-get install prometheus prometheus-alertmanager"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
