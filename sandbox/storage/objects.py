"""`/storage/v1/object`: upload, download, delete and list, streamed both ways."""

from __future__ import annotations

import uuid
from email.utils import format_datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, JSONResponse, Response

from sandbox.desk import database_of
from sandbox.storage.access import Bucket, Service, readable, writable
from sandbox.storage.errors import Duplicate, StorageError, TooLarge, object_not_found
from sandbox.storage.files import Stored, files_of
from sandbox.storage.names import checked

DEFAULT_MIME = "application/octet-stream"
DEFAULT_CACHE = "no-cache"
MAX_DELETED_AT_ONCE = 1000
NOT_MODIFIED = 304
INSERT = """
insert into storage.objects (bucket_id, name, version, etag, size, mimetype, cache_control)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (bucket_id, name) do nothing returning id
"""
REPLACE = """
insert into storage.objects (bucket_id, name, version, etag, size, mimetype, cache_control)
values (%(bucket)s, %(name)s, %(version)s, %(etag)s, %(size)s, %(mime)s, %(cache)s)
on conflict (bucket_id, name) do update
set version = excluded.version, etag = excluded.etag, size = excluded.size, mimetype = excluded.mimetype,
    cache_control = excluded.cache_control, updated_at = now()
returning new.id, old.version as replaced
"""

router = APIRouter(prefix="/storage/v1/object")


class Removal(BaseModel):
    """Names to delete, each in full."""

    prefixes: list[str] = Field(max_length=MAX_DELETED_AT_ONCE)


@router.delete("/{bucket}")
async def delete_many(request: Request, bucket: str, wanted: Removal, service: Service) -> list[dict[str, str]]:
    """Delete objects by name; names that are not there are passed over."""
    found = await writable(request, bucket, service=service)
    gone = await database_of(request).rows(
        "delete from storage.objects where bucket_id = %s and name = any(%s) returning id::text, name, version",
        *(found.id, wanted.prefixes),
    )
    for row in gone:
        await files_of(request).remove(row["version"])
    return [{"bucket_id": found.id, "name": row["name"], "id": row["id"]} for row in gone]


@router.get("/authenticated/{bucket}/{name:path}")
@router.head("/authenticated/{bucket}/{name:path}")
@router.get("/{bucket}/{name:path}")
@router.head("/{bucket}/{name:path}")
async def download(request: Request, bucket: str, name: str, service: Service) -> Response:
    """The object, streamed; 304 for a known ETag, 206 for a Range (RFC 9110)."""
    checked(name)
    found = await readable(request, bucket, service=service)
    row = await database_of(request).row(
        "select version, etag, mimetype, cache_control, updated_at from storage.objects "
        "where bucket_id = %s and name = %s",
        *(found.id, name),
    )
    if row is None:
        raise object_not_found()
    headers = {
        "etag": row["etag"],
        "last-modified": format_datetime(row["updated_at"], usegmt=True),
        "cache-control": row["cache_control"],
    }
    if _is_known(request, row["etag"]):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return FileResponse(files_of(request).path(row["version"]), media_type=row["mimetype"], headers=headers)


@router.post("/{bucket}/{name:path}")
async def upload(request: Request, bucket: str, name: str, service: Service) -> Response:
    """Store the body as a new object; with `x-upsert: true` over an old one."""
    if request.headers.get("x-upsert", "").lower() == "true":
        return await replace(request, bucket, name, service)
    found = await writable(request, bucket, service=service)
    stored = await _receive(request, found, checked(name))
    row = await database_of(request).row(INSERT, found.id, name, *_columns(request, stored))
    if row is None:
        await files_of(request).remove(stored.version)
        raise Duplicate
    return _stored(found, name, row["id"])


@router.put("/{bucket}/{name:path}")
async def replace(request: Request, bucket: str, name: str, service: Service) -> Response:
    """Store the body as the object, whether or not there was one."""
    found = await writable(request, bucket, service=service)
    stored = await _receive(request, found, checked(name))
    version, etag, size, mime, cache = _columns(request, stored)
    values = {"bucket": found.id, "name": name, "version": version, "etag": etag, "size": size}
    row = await database_of(request).named_row(REPLACE, {**values, "mime": mime, "cache": cache})
    assert row is not None, "an upsert answers its row"
    if row["replaced"] is not None:
        await files_of(request).remove(row["replaced"])
    return _stored(found, name, row["id"])


@router.delete("/{bucket}/{name:path}")
async def delete(request: Request, bucket: str, name: str, service: Service) -> dict[str, str]:
    """Delete one object."""
    found = await writable(request, bucket, service=service)
    row = await database_of(request).row(
        "delete from storage.objects where bucket_id = %s and name = %s returning version", found.id, checked(name)
    )
    if row is None:
        raise object_not_found()
    await files_of(request).remove(row["version"])
    return {"message": "Successfully deleted"}


async def _receive(request: Request, bucket: Bucket, name: str) -> Stored:
    declared = request.headers.get("content-length", "")
    if bucket.size_limit is not None and declared.isdigit() and int(declared) > bucket.size_limit:
        raise TooLarge
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UnsupportedBody(name)
    return await files_of(request).store(request.stream(), bucket.size_limit)


class UnsupportedBody(StorageError):
    """Forms are not read here: send the object itself."""

    code, error = "415", "invalid_mime_type"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: this sandbox takes the object as the request body, not as a form")


def _columns(request: Request, stored: Stored) -> tuple[uuid.UUID, str, int, str, str]:
    mime = request.headers.get("content-type") or DEFAULT_MIME
    cache = request.headers.get("cache-control") or DEFAULT_CACHE
    return stored.version, stored.etag, stored.size, mime, cache


def _is_known(request: Request, etag: str) -> bool:
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in known or "*" in known


def _stored(bucket: Bucket, name: str, object_id: uuid.UUID) -> Response:
    return JSONResponse({"Key": f"{bucket.id}/{name}", "Id": str(object_id)})
