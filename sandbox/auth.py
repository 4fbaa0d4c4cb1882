"""`/auth/v1`: the few calls of the accounts service that a test or a demo needs, and its health."""

from __future__ import annotations

import uuid
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from sandbox.database import Database
from sandbox.desk import database_of
from sandbox.keys import SERVICE_ROLE, authorization, keys_of
from sandbox.postgrest.errors import RestError
from sandbox.postgrest.tokens import read_claims

USER = "select id::text, email, created_at, updated_at from auth.users"

router = APIRouter(prefix="/auth/v1")


class NewUser(BaseModel):
    """What an account may be made of; the service picks an id when none is given."""

    id: uuid.UUID | None = None
    email: str | None = Field(default=None, min_length=3, max_length=320)


def admin(request: Request) -> Database:
    """Lets only the service key pass."""
    try:
        claims = read_claims(keys_of(request).secret, authorization(request.headers))
    except RestError as error:
        raise HTTPException(401, {"code": 401, "error_code": "bad_jwt", "msg": error.message}) from error
    if claims.get("role") != SERVICE_ROLE:
        raise HTTPException(403, {"code": 403, "error_code": "not_admin", "msg": "User not allowed"})
    return database_of(request)


Admin = Annotated[Database, Depends(admin)]


@router.get("/health")
async def health(request: Request) -> dict[str, str]:
    """Alive only with its database."""
    await database_of(request).rows("select 1")
    return {"name": "sandbox", "version": "0", "description": "a local stand-in; nothing here is a real account"}


@router.post("/admin/users")
async def create_user(new: NewUser, database: Admin) -> Response:
    """Create an account; the database adds its profile row."""
    user_id = new.id or uuid.uuid4()
    try:
        await database.rows("insert into auth.users (id, email) values (%s, %s)", user_id, new.email)
    except psycopg.errors.UniqueViolation as error:
        told = {
            "code": 422,
            "error_code": "email_exists",
            "msg": "A user with this id or email address is there already",
        }
        raise HTTPException(422, told) from error
    return await get_user(user_id, database)


@router.get("/admin/users/{user_id}")
async def get_user(user_id: uuid.UUID, database: Admin) -> Response:
    """One account."""
    user = await database.row(f"{USER} where id = %s", user_id)
    if user is None:
        raise _not_found()
    return JSONResponse(_shown(user))


@router.get("/admin/users")
async def list_users(database: Admin, page: int = 1, per_page: int = 50) -> dict[str, object]:
    """Accounts in the order in which they were made."""
    limit = max(1, min(per_page, 1000))
    users = await database.rows(f"{USER} order by created_at, id limit %s offset %s", limit, (max(1, page) - 1) * limit)
    return {"users": [_shown(user) for user in users], "aud": "authenticated"}


@router.delete("/admin/users/{user_id}")
async def delete_user(user_id: uuid.UUID, database: Admin) -> dict[str, object]:
    """Delete an account with all that hangs on it."""
    if await database.row("delete from auth.users where id = %s returning 1 as gone", user_id) is None:
        raise _not_found()
    return {}


def _shown(user: dict[str, object]) -> dict[str, object]:
    return {
        "id": user["id"],
        "aud": "authenticated",
        "role": "authenticated",
        "email": user["email"] or "",
        "created_at": str(user["created_at"]),
        "updated_at": str(user["updated_at"]),
    }


def _not_found() -> HTTPException:
    return HTTPException(404, {"code": 404, "error_code": "user_not_found", "msg": "User not found"})
