"""Flags come from Unleash if there is a URL, else from the file; the caller follows both alike."""

from pathlib import Path

import pytest

from flags.file_source import FileSource
from flags.opening import open_source
from flags.unleash_source import UnleashSource
from tests.flags.documents import GROUP, at
from tests.flags.unleash import CLIENT_TOKEN, unleash_server


def test_without_a_url_the_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "features.json"
    path.write_bytes(at(33))
    source = open_source(path)
    assert isinstance(source, FileSource)
    assert source.poll()
    source.close()


def test_with_a_url_the_server_is_followed_and_its_copy_is_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "features.json"
    path.write_bytes(at(33))
    with unleash_server("44") as server:
        source = open_source(path, unleash_url=server.url, unleash_token=CLIENT_TOKEN)
        assert isinstance(source, UnleashSource)
        assert source.poll()
        source.close()
    assert source.snapshot is not None
    lead = source.snapshot.features[GROUP].lead
    assert lead is not None
    assert lead.percentage == 44
    assert (tmp_path / "features.json.unleash").exists()


def test_a_url_that_is_none_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        open_source(tmp_path / "features.json", unleash_url="unleash.internal")
