"""What pip is told on a machine, carried into another root file system."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import REPOSITORY

SCRIPT = REPOSITORY / "deploy" / "pip_conf.py"


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    """A machine with a mirror in a folder, a certificate, and an option for one command alone."""
    (tmp_path / "mirror" / "simple").mkdir(parents=True)
    (tmp_path / "ca.pem").touch()
    (tmp_path / "pip.conf").write_text(
        f"[global]\ntimeout = 10\ncert = {tmp_path}/ca.pem\nextra-index-url =\n    file://{tmp_path}/mirror/simple\n"
        "    https://mirror.example/simple\n[install]\nno-compile = yes\ntimeout = 20\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return kept | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_TIMEOUT": "30"}


def test_options_of_files_and_environment_end_in_one_file(tmp_path: Path, told: dict[str, str]) -> None:
    written = tmp_path / "carried.conf"
    ran = subprocess.run([sys.executable, SCRIPT, written], env=told, capture_output=True, text=True, check=True)

    carried = configparser.ConfigParser(interpolation=None)
    carried.read(written)
    assert carried["global"]["timeout"] == "30"  # the environment wins, over every command's own option too
    assert dict(carried["install"]) == {"no-compile": "yes"}
    assert f"file://{tmp_path}/mirror/simple https://mirror.example/simple" in carried["global"]["extra-index-url"]
    assert {str(tmp_path / "ca.pem"), str(tmp_path / "mirror")} <= set(ran.stdout.split())
