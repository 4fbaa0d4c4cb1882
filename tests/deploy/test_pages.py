"""The pages build without a warning, and need nothing from elsewhere when they are read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.house.sources import REPOSITORY


def test_the_pages_build_and_load_nothing_from_other_hosts(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).parent / "mkdocs"
    command = [mkdocs, "build", "--quiet", "--site-dir", tmp_path / "site"]

    built = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (built.returncode, built.stderr) == (0, "")
    loaded = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:)?//')
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    assert [str(page) for page in pages if loaded.search(page.read_text())] == []
