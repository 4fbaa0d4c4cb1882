"""Who may touch storage, and which bucket is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from sandbox.desk import database_of
from sandbox.keys import SERVICE_ROLE, authorization, keys_of
from sandbox.postgrest.errors import RestError
from sandbox.postgrest.tokens import read_claims
from sandbox.storage.errors import Forbidden, StorageError, bucket_not_found

MAY_WRITE = (
    "select 1 as yes from pg_roles where rolname = %s and has_table_privilege(rolname, 'storage.objects', 'insert')"
)


class MissingAuthorization(StorageError):
    """The header is not there at all."""

    code, error = "400", "Error"

    def __init__(self) -> None:
        super().__init__("headers must have required property 'authorization'")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What uploads and downloads need to know of a bucket."""

    id: str
    size_limit: int | None


async def caller_is_service(request: Request) -> bool:
    """Whether the service key is shown, or one of a role that may write objects. Raises for no token or a bad one."""
    given = authorization(request.headers)
    if given is None:
        raise MissingAuthorization
    try:
        claims = read_claims(keys_of(request).secret, given)
    except RestError as error:
        raise Forbidden("Invalid Compact JWS") from error
    role = claims.get("role")
    return role == SERVICE_ROLE or await database_of(request).row(MAY_WRITE, role) is not None


Service = Annotated[bool, Depends(caller_is_service)]


async def readable(request: Request, bucket: str, *, service: bool) -> Bucket:
    """The bucket. Private ones do not exist for anybody but the service."""
    found = await database_of(request).row(
        "select id, public, file_size_limit from storage.buckets where id = %s", bucket
    )
    if found is None or not (service or found["public"]):
        raise bucket_not_found()
    return Bucket(found["id"], found["file_size_limit"])


async def writable(request: Request, bucket: str, *, service: bool) -> Bucket:
    """The bucket, for a caller who may write: only the service may, as no policy says otherwise."""
    found = await readable(request, bucket, service=True)
    if not service:
        raise Forbidden("new row violates row-level security policy")
    return found
