"""`/storage/v1/bucket`: make, show, empty and delete buckets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from sandbox.desk import database_of
from sandbox.storage.access import Service, readable, writable
from sandbox.storage.errors import Duplicate, Forbidden, StorageError, bucket_not_found
from sandbox.storage.files import files_of

SHOW = """
select id, name, public, file_size_limit, allowed_mime_types, created_at, updated_at from storage.buckets
where %s::text is null or id = %s
order by name
"""

router = APIRouter(prefix="/storage/v1/bucket")


class NewBucket(BaseModel):
    """What a bucket is made of; its id is its name unless given."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[\w.\- ]+$")
    id: str | None = Field(default=None, min_length=1, max_length=100, pattern=r"^[\w.\- ]+$")
    public: bool = False
    file_size_limit: int | None = Field(default=None, ge=0)
    allowed_mime_types: list[str] | None = None


class NotEmpty(StorageError):
    """A bucket with objects cannot be deleted."""

    code, error = "409", "InvalidRequest"


@router.post("")
async def create(request: Request, new: NewBucket, service: Service) -> dict[str, str]:
    """Make a bucket."""
    if not service:
        raise Forbidden("new row violates row-level security policy")
    bucket = new.id or new.name
    try:
        await database_of(request).rows(
            "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) "
            "values (%s, %s, %s, %s, %s)",
            *(bucket, new.name, new.public, new.file_size_limit, new.allowed_mime_types),
        )
    except psycopg.errors.UniqueViolation as error:
        raise Duplicate from error
    return {"name": bucket}


@router.get("")
async def list_all(request: Request, service: Service) -> list[dict[str, object]]:
    """All buckets, by name; nobody but the service sees any."""
    if not service:
        return []
    return [_shown(row) for row in await database_of(request).rows(SHOW, None, None)]


@router.get("/{bucket}")
async def show(request: Request, bucket: str, service: Service) -> dict[str, object]:
    """One bucket."""
    await readable(request, bucket, service=service)
    row = await database_of(request).row(SHOW, bucket, bucket)
    if row is None:
        raise bucket_not_found()
    return _shown(row)


@router.post("/{bucket}/empty")
async def empty(request: Request, bucket: str, service: Service) -> dict[str, str]:
    """Delete every object of a bucket."""
    found = await writable(request, bucket, service=service)
    gone = await database_of(request).rows(
        "delete from storage.objects where bucket_id = %s returning version", found.id
    )
    for row in gone:
        await files_of(request).remove(row["version"])
    return {"message": "Successfully emptied"}


@router.delete("/{bucket}")
async def delete(request: Request, bucket: str, service: Service) -> dict[str, str]:
    """Delete an empty bucket."""
    found = await writable(request, bucket, service=service)
    try:
        await database_of(request).rows("delete from storage.buckets where id = %s", found.id)
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.RestrictViolation) as error:
        raise NotEmpty("The bucket you tried to delete is not empty") from error
    return {"message": "Successfully deleted"}


# The values of a row as the database gives them.
def _shown(row: dict[str, Any]) -> dict[str, object]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
