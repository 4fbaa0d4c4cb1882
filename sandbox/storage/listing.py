"""`/storage/v1/object/list`: one level of a bucket, folders first seen as names without an id."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from sandbox.desk import database_of
from sandbox.storage.access import Service, readable

MAX_LISTED = 1000
# The next segment after the prefix names the entry; a name that goes on after it is a folder.
LIST = """
with below as (
    select o.*, split_part(substr(o.name, length(%(folder)s) + 1), '/', 1) as entry,
           strpos(substr(o.name, length(%(folder)s) + 1), '/') > 0 as nested
    from storage.objects o
    where o.bucket_id = %(bucket)s and starts_with(o.name, %(folder)s)
)
select distinct on (entry, nested) entry, nested, id::text, created_at, updated_at, last_accessed_at, etag, size,
       mimetype, cache_control
from below where strpos(lower(entry), lower(%(search)s)) > 0
order by entry, nested, name
"""

router = APIRouter(prefix="/storage/v1/object/list")


class Order(BaseModel):
    """How a listing is sorted."""

    column: Literal["name", "created_at", "updated_at"] = "name"
    order: Literal["asc", "desc"] = "asc"


class Listing(BaseModel):
    """Which part of a bucket to list."""

    prefix: str = ""
    limit: int = Field(default=100, ge=1, le=MAX_LISTED)
    offset: int = Field(default=0, ge=0)
    search: str = ""
    sortBy: Order = Order()  # noqa: N815 -- the name on the wire


@router.post("/{bucket}")
async def list_objects(request: Request, bucket: str, wanted: Listing, service: Service) -> list[dict[str, object]]:
    """Entries directly below the prefix."""
    found = await readable(request, bucket, service=service)
    folder = wanted.prefix.strip("/")
    values = {"bucket": found.id, "folder": f"{folder}/" if folder else "", "search": wanted.search}
    rows = await database_of(request).named_rows(LIST, values)
    column = "entry" if wanted.sortBy.column == "name" else wanted.sortBy.column
    rows.sort(key=lambda row: row[column], reverse=wanted.sortBy.order == "desc")
    return [_shown(row) for row in rows[wanted.offset : wanted.offset + wanted.limit]]


# The values of a row as the database gives them.
def _shown(row: dict[str, Any]) -> dict[str, object]:
    if row["nested"]:
        empty = ("id", "updated_at", "created_at", "last_accessed_at", "metadata")
        return {"name": row["entry"], **dict.fromkeys(empty)}
    return {
        "name": row["entry"],
        "id": row["id"],
        "updated_at": row["updated_at"].isoformat(),
        "created_at": row["created_at"].isoformat(),
        "last_accessed_at": row["last_accessed_at"].isoformat(),
        "metadata": {
            "eTag": row["etag"],
            "size": row["size"],
            "mimetype": row["mimetype"],
            "cacheControl": row["cache_control"],
            "lastModified": row["updated_at"].isoformat(),
            "contentLength": row["size"],
            "httpStatusCode": 200,
        },
    }
