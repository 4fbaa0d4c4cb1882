"""Demo users and the exports they upload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.stack.seeds import NOT_EXPORTS, exports, make_seeds

DATA = Path(__file__).parents[2] / "data"
FOLDER = DATA / "exports"


def test_every_importable_sample_is_used() -> None:
    names = {path.name for path in exports(FOLDER)}
    assert len(names) == 10
    assert not names & NOT_EXPORTS
    assert {seed.export for seed in make_seeds(FOLDER, 10)} == names


def test_folders_are_searched_to_the_bottom() -> None:
    assert len(exports(DATA)) == 22


def test_users_are_the_same_at_every_run_so_that_buckets_stay() -> None:
    first, second = ([seed.user_id for seed in make_seeds(FOLDER, 12)] for _ in range(2))
    assert first == second
    assert len(set(first)) == 12


def test_uploads_are_plain_lists_under_the_users_own_folder() -> None:
    for seed in make_seeds(FOLDER, 10):
        assert isinstance(json.loads(seed.body), list)
        assert seed.storage_path.startswith(f"user-imports/{seed.user_id}/")
        assert seed.conversations == len(json.loads(seed.body))


def test_a_folder_without_exports_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no exports"):
        next(make_seeds(tmp_path, 1))
