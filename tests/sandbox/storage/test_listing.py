"""Listings: one level, folders and files, sorted and paged."""

from __future__ import annotations

import uuid

import pytest

from sandbox.running import RunningSandbox

LIST = "/storage/v1/object/list/user-imports"


@pytest.fixture
def folder(sandbox: RunningSandbox) -> str:
    folder = str(uuid.uuid4())
    for name in ("b.json", "a.json", "sub/one.json", "sub/two.json", "sub.json"):
        sandbox.upload(f"user-imports/{folder}/{name}", name.encode())
    return folder


def listed(sandbox: RunningSandbox, **wanted: object) -> list[str]:
    return [entry["name"] for entry in sandbox.http.post(LIST, json=wanted).json()]


def test_one_level_is_listed_by_name(sandbox: RunningSandbox, folder: str) -> None:
    assert listed(sandbox, prefix=folder) == ["a.json", "b.json", "sub", "sub.json"]
    assert listed(sandbox, prefix=f"{folder}/sub/") == ["one.json", "two.json"]


def test_a_folder_has_no_id_and_a_file_tells_its_size(sandbox: RunningSandbox, folder: str) -> None:
    entries = {entry["name"]: entry for entry in sandbox.http.post(LIST, json={"prefix": folder}).json()}
    assert (entries["sub"]["id"], entries["sub"]["metadata"]) == (None, None)
    assert (entries["a.json"]["metadata"]["size"], bool(entries["a.json"]["id"])) == (6, True)


def test_a_listing_can_be_paged_searched_and_turned_round(sandbox: RunningSandbox, folder: str) -> None:
    assert listed(sandbox, prefix=folder, limit=2, offset=1) == ["b.json", "sub"]
    assert listed(sandbox, prefix=folder, search="SUB") == ["sub", "sub.json"]
    turned = listed(sandbox, prefix=folder, sortBy={"column": "name", "order": "desc"})
    assert turned == ["sub.json", "sub", "b.json", "a.json"]


def test_an_empty_folder_is_an_empty_list(sandbox: RunningSandbox) -> None:
    assert listed(sandbox, prefix="nobody") == []
