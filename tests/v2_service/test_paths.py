"""Storage paths and user ids: only the user's own folder, whatever the spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.errors import StoragePathRefused, UserIdInvalid
from v2_service.paths import storage_path, user_id

USER = "6f0c6f4e-0d2e-4b7a-9a1f-0f6b1f2f3a44"
BUCKETS = ("user-imports", "imports")


def test_the_users_own_file_is_accepted_in_either_bucket() -> None:
    for bucket in BUCKETS:
        path = storage_path(f"{bucket}/{USER}/2026/raw 1.json", USER, BUCKETS)
        assert (path.bucket, path.name) == (bucket, f"{USER}/2026/raw 1.json")
        assert str(path) == f"{bucket}/{USER}/2026/raw 1.json"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "user-imports",
        f"user-imports/{USER}",
        f"user-imports/{USER}/",
        f"/user-imports/{USER}/raw.json",
        f"user-imports/{USER}/../raw.json",
        f"user-imports/{USER}/a/./raw.json",
        f"user-imports//{USER}/raw.json",
        f"other/{USER}/raw.json",
        "user-imports/6f0c6f4e-0d2e-4b7a-9a1f-0f6b1f2f3a45/raw.json",
        f"user-imports/{USER}x/raw.json",
        f"user-imports/{USER}/..\\raw.json",
        f"user-imports/{USER}/%2e%2e/raw.json",
        f"user-imports/{USER}/raw.json?x=1",
        f"user-imports/{USER}/raw.json#x",
        f"user-imports/{USER}/raw\n.json",
        f"user-imports/{USER}/{'x' * 1100}",
    ],
)
def test_everything_else_is_refused(path: str) -> None:
    with pytest.raises(StoragePathRefused):
        storage_path(path, USER, BUCKETS)


@given(st.text(max_size=80))
def test_no_text_leads_out_of_the_users_folder(tail: str) -> None:
    try:
        path = storage_path(f"user-imports/{USER}/{tail}", USER, BUCKETS)
    except StoragePathRefused:
        return
    assert path.name.startswith(f"{USER}/")
    assert not {"", ".", ".."} & set(path.name.split("/"))


def test_user_ids_have_one_spelling() -> None:
    assert user_id(USER.upper()) == USER
    for text in ("", "user", USER.replace("-", ""), f"{{{USER}}}", f"urn:uuid:{USER}", f" {USER}"):
        with pytest.raises(UserIdInvalid):
            user_id(text)
