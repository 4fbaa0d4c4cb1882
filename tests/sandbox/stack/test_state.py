"""A demo starts on fresh state, and takes nothing away that is not a stack's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.stack.state import StateUnusable, clear, make


def test_what_an_earlier_stack_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    for name in ("gateway", "logs", "sandbox", "v2"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    for name in ("flags.json", "flags.json.journal", "flags.json.last-good", ".flags.json.12.new"):
        (folder / name).touch()
    clear(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["thesis.tex", "flags", "v2.txt"])
def test_a_folder_with_anything_else_in_it_stays_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / name).write_text("years of work")
    with pytest.raises(StateUnusable, match=name):
        clear(tmp_path)
    assert (tmp_path / name).read_text() == "years of work"
    assert (tmp_path / "logs").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for way in (make, clear):
        with pytest.raises(StateUnusable, match="cannot be a folder"):
            way(tmp_path / "file")
