"""The tutorial works as written: its blocks are run in order, and what it says is printed is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.machine import free_ports
from tests.house.installed import installed
from tests.house.sources import REPOSITORY

PAGE = REPOSITORY / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(sh|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of block"
SECONDS = 60


def with_ports(text: str, ports: dict[str, int]) -> str:
    """The page's fixed ports may be taken on this machine."""
    for old, new in ports.items():
        text = text.replace(old, str(new))
    return text


def test_every_block_does_what_the_page_says(tmp_path: Path) -> None:
    installed("curl")
    page = with_ports(PAGE.read_text(), free_ports(("9001", "9002", "8080", "9090")))
    blocks = _BLOCK.findall(page)
    script = "set -m\n" + "".join(f"{code}\necho '{MARK}'\n" for kind, code in blocks if kind == "sh")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": path, "COLUMNS": "120", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    printed = iter(ran.stdout.split(f"{MARK}\n"))
    said: list[str] = []
    for kind, text in blocks:
        if kind == "sh":
            said = [line.rstrip() for line in next(printed).splitlines()]
        else:
            assert said == text.splitlines(), ran.stderr
    assert "Traceback" not in ran.stderr
