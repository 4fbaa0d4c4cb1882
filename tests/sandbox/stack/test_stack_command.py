"""`stack demo` and `stack up` as a person runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

STACK = [sys.executable, "-m", "sandbox.stack"]
WIDE = {**os.environ, "COLUMNS": "200"}


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder outside pytest's own, which each pytest session closes again for the account that runs PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="stack-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "state"


def processes_mentioning(text: str) -> list[str]:
    """Command lines of this machine's processes that name `text`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def test_a_demo_imports_on_both_backends_prints_the_table_and_exits_zero(state: Path) -> None:
    ran = subprocess.run(
        [*STACK, "demo", "--state", str(state), "--users", "10"], env=WIDE, capture_output=True, text=True, timeout=110
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "10 of 10 imports complete" in ran.stdout
    for word in ("bucket", "backend", "chunks", "facts", "legacy", "v2", "complete"):
        assert word in ran.stdout
    assert "0 on v2" not in ran.stdout
    assert "0 on legacy" not in ran.stdout
    assert processes_mentioning(str(state)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stays_until_it_is_told_to_stop_and_leaves_no_process_behind(state: Path, number: int) -> None:
    command = [*STACK, "up", "--state", str(state), "--users", "1", "--public-port", "0", "--ops-port", "0"]
    with subprocess.Popen(command, env=WIDE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        shown = []
        for line in running.stdout:
            shown.append(line)
            if "Ctrl-C stops" in line:
                break
        else:
            pytest.fail("".join(shown))
        assert running.poll() is None
        assert "Try next:" in "".join(shown)
        running.send_signal(number)
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert processes_mentioning(str(state)) == []


def test_a_demo_whose_imports_cannot_complete_exits_non_zero(state: Path, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "empty_conversations.json").write_text('[{"title": "nothing", "mapping": {}}]')
    command = [*STACK, "demo", "--state", str(state), "--exports", str(exports), "--users", "2"]
    ran = subprocess.run(command, env=WIDE, capture_output=True, text=True, timeout=110)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "failed" in ran.stdout


def test_a_demo_that_would_empty_a_folder_of_somebodys_work_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    ran = subprocess.run(
        [*STACK, "demo", "--state", str(tmp_path)], env=WIDE, capture_output=True, text=True, timeout=110
    )
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "thesis.tex" in ran.stderr
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
