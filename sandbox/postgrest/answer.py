"""Turns a plan and the one row its statement gave into status, headers and body; and any error into the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from sandbox.postgrest.errors import RangeError, RestError, not_a_single_row
from sandbox.postgrest.media import OBJECT_MEDIA
from sandbox.postgrest.plan import Action, Plan

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """What every statement answers: total is None unless counted, inserted unless rows were merged."""

    total: int | None
    rows: int
    inserted: int | None
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, ready to send."""

    status: int
    headers: Sequence[Header]
    body: bytes = b""


def answer(plan: Plan, row: Row) -> Answer:
    """The answer to a request that the database carried out.

    Raises RestError when the rows found do not fit what was asked; the transaction must then be rolled back.
    """
    if plan.media == OBJECT_MEDIA and row.rows != 1 and _shows_rows(plan) and not plan.void:
        raise not_a_single_row(row.rows)
    if plan.action is Action.REPLACE and row.rows != 1:
        raise RestError(HTTPStatus.BAD_REQUEST, "PGRST115", "Payload values do not match URL in primary key column(s)")
    status = _status(plan, row)
    headers = [*_headers(plan, row), *_applied(plan)]
    if not _shows_rows(plan) or plan.void:
        return Answer(status, headers)
    headers.append(("Content-Type", f"{plan.media}; charset=utf-8"))
    return Answer(status, headers, b"" if plan.request.method == "HEAD" else row.body.encode())


def refusal(error: RestError) -> Answer:
    """The answer to a request that was not carried out."""
    headers = [("Content-Type", "application/json; charset=utf-8"), *error.headers]
    body = json.dumps(error.body(), ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(error.status, headers, body)


def content_range(first: int, last: int, total: int | None) -> str:
    """RFC 9110 section 14.4 with rows for bytes; a star where nothing is known or nothing is there."""
    shown = f"{first}-{last}" if total != 0 and first <= last else "*"
    return f"{shown}/{'*' if total is None else total}"


def _shows_rows(plan: Plan) -> bool:
    return plan.action in (Action.READ, Action.CALL) or plan.preferences.wants_rows


def _status(plan: Plan, row: Row) -> int:
    match plan.action:
        case Action.CREATE:
            merged = plan.preferences.resolution == "merge-duplicates" and row.inserted == 0
            return HTTPStatus.OK if merged else HTTPStatus.CREATED
        case Action.REPLACE:
            shown = HTTPStatus.OK if plan.preferences.wants_rows else HTTPStatus.NO_CONTENT
            return HTTPStatus.CREATED if row.inserted else shown
        case Action.UPDATE | Action.DELETE:
            return HTTPStatus.OK if plan.preferences.wants_rows else HTTPStatus.NO_CONTENT
        case Action.READ | Action.CALL:
            return _range_status(plan, row)


def _range_status(plan: Plan, row: Row) -> int:
    if plan.void:
        return HTTPStatus.NO_CONTENT
    if row.total is None:
        return HTTPStatus.OK
    if plan.window.offset > row.total:
        raise RangeError(
            f"An offset of {plan.window.offset} was requested, but there are only {row.total} rows.",
            headers=(*_headers(plan, row), *_applied(plan)),
        )
    return HTTPStatus.PARTIAL_CONTENT if row.rows < row.total else HTTPStatus.OK


def _headers(plan: Plan, row: Row) -> Iterable[Header]:
    counted = row.rows if plan.preferences.count is not None else None
    match plan.action:
        case Action.CREATE:
            if plan.location_table is not None and row.rows == 1:
                yield "Location", _location(plan.location_table, row.body)
            yield "Content-Range", content_range(1, 0, counted)
        case Action.UPDATE:
            yield "Content-Range", content_range(0, row.rows - 1, counted)
        case Action.DELETE:
            yield "Content-Range", content_range(1, 0, counted)
        case Action.READ:
            yield "Content-Range", _window_range(plan, row)
            yield "Content-Location", plan.request.location()
        case Action.CALL:
            yield "Content-Range", _window_range(plan, row)
        case Action.REPLACE:
            pass


def _window_range(plan: Plan, row: Row) -> str:
    first = plan.window.offset
    return content_range(first, first + row.rows - 1, row.total)


def _location(table: str, body: str) -> str:
    row = json.loads(body)[0]
    keys = "&".join(f"{quote(key)}=eq.{quote(str(value))}" for key, value in row.items())
    return f"/{table}?{keys}"


COMMON_PREFERENCES = ("count", "tx", "handling")
APPLIED = {
    Action.READ: COMMON_PREFERENCES,
    Action.CALL: COMMON_PREFERENCES,
    Action.CREATE: ("resolution", "return", *COMMON_PREFERENCES),
    Action.REPLACE: ("return", *COMMON_PREFERENCES),
    Action.UPDATE: ("return", *COMMON_PREFERENCES),
    Action.DELETE: ("return", *COMMON_PREFERENCES),
}


def _applied(plan: Plan) -> Iterable[Header]:
    kinds = [kind for kind in APPLIED[plan.action] if plan.resolves or kind != "resolution"]
    applied = plan.preferences.applied(*kinds)
    if applied:
        yield "Preference-Applied", applied
