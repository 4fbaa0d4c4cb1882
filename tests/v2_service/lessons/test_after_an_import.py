"""What an import leaves behind: the upload, for another time."""

from __future__ import annotations

import httpx

from tests.v2_service.exports import export
from tests.v2_service.running import RunningService


def stored(service: RunningService, path: str) -> httpx.Response:
    key = service.sandbox.env["SUPABASE_SERVICE_KEY"]
    address = f"{service.sandbox.env['SUPABASE_URL']}/storage/v1/object/{path}"
    return httpx.get(address, headers={"Authorization": f"Bearer {key}", "apikey": key}, trust_env=False)


def test_l_14_and_l_16_the_upload_stays_and_the_profile_knows_its_path(service: RunningService, user: str) -> None:
    content = export(2)
    job = service.imported(user, content)
    assert job["status"] == "complete"
    path = service.profile(user)["storage_path"]
    assert path == job["storage_path"]
    assert stored(service, path).content == content
