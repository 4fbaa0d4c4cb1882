"""Users without their ids."""

import stat
from pathlib import Path

import pytest

from gateway.observe.errors import EvidenceUnusable
from gateway.observe.pseudonyms import KEY_FILE, Pseudonyms, open_pseudonyms

USER = "6f0c6f4e-0d2e-4b7a-9a1f-0f6b1f2f3a44"


def test_spellings_of_one_uuid_are_one_user_and_other_ids_are_taken_as_they_are() -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    assert pseudonyms.of(USER) == pseudonyms.of(USER.upper()) == pseudonyms.of(USER.replace("-", ""))
    assert pseudonyms.of("ada") != pseudonyms.of("Ada")
    assert pseudonyms.of(USER) != Pseudonyms(b"x" * 32).of(USER)
    assert len(pseudonyms.of("\udcff")) == 20


def test_the_key_outlives_the_process_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = open_pseudonyms(tmp_path)
    assert open_pseudonyms(tmp_path).of(USER) == first.of(USER)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(EvidenceUnusable, match="32 bytes"):
        open_pseudonyms(tmp_path)
