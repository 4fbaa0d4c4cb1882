"""What a request can be refused with before it reaches the database, and how the database's own refusals are answered.

RestError                   an answer with PostgREST's body {code, details, hint, message}
├── ParseError              PGRST100, 400: a query parameter that nobody can read
├── BodyError               PGRST102, 400: a body that is no usable JSON
├── RangeError              PGRST103, 416: rows asked for that cannot exist
└── MediaError              PGRST107, 415: an answer in a form that cannot be made

Everything else is a plain RestError made by the functions below. Codes and texts are those of PostgREST 12.0.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

TABLE_NOT_FOUND = "42P01"
NO_PRIVILEGE = "42501"
READ_ONLY_TRANSACTION = "25006"


@dataclass(eq=False, slots=True)
class RestError(Exception):
    """An answer other than success. `headers` come on top of the usual ones."""

    status: int
    code: str
    message: str
    details: str | None = None
    hint: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"

    def body(self) -> dict[str, str | None]:
        """The JSON object, keys in PostgREST's order; empty for an error without a code."""
        if not self.code:
            return {}
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


class ParseError(RestError):
    """A parameter that cannot be read. `what` names the grammar, `column` counts from 1."""

    def __init__(self, what: str, text: str, column: int, details: str) -> None:
        message = f'"failed to parse {what} ({text})" (line 1, column {column})'
        RestError.__init__(self, HTTPStatus.BAD_REQUEST, "PGRST100", message, details)


class BodyError(RestError):
    """A body that is no usable JSON."""

    def __init__(self, message: str) -> None:
        RestError.__init__(self, HTTPStatus.BAD_REQUEST, "PGRST102", message)


class RangeError(RestError):
    """Rows asked for that cannot exist."""

    def __init__(self, details: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        RestError.__init__(self, status, "PGRST103", "Requested range not satisfiable", details, headers=headers)


class MediaError(RestError):
    """An answer in a form that cannot be made."""

    def __init__(self, wanted: str) -> None:
        message = f"None of these media types are available: {wanted}"
        RestError.__init__(self, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "PGRST107", message)


def unknown_column(table: str, column: str) -> RestError:
    """A body names a column that the table lacks."""
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST204", f"Column '{column}' of relation '{table}' does not exist")


def not_found() -> RestError:
    """A path that names nothing, or a write to no table: PostgREST's empty object."""
    return RestError(HTTPStatus.NOT_FOUND, "", "")


def unknown_function(
    schema: str, name: str, arguments: list[str], *, by_post: bool, instead: str | None = None
) -> RestError:
    """No function takes these arguments; `instead` is one that would do."""
    listed = ", ".join(arguments)
    if arguments:
        called = f"function {schema}.{name}({listed})"
        word = "parameter" if len(arguments) == 1 else "parameters"
        sought = f"with {word} {listed}"
    else:
        called = f"function {schema}.{name} without parameters"
        sought = "without parameters"
    unnamed = " or with a single unnamed json/jsonb parameter" if by_post else ""
    return RestError(
        HTTPStatus.NOT_FOUND,
        "PGRST202",
        f"Could not find the {called} in the schema cache",
        f"Searched for the function {schema}.{name} {sought}{unnamed}, but no matches were found in the schema cache.",
        None if instead is None else f"Perhaps you meant to call the function {schema}.{instead}",
    )


def no_relationship(schema: str, origin: str, target: str) -> RestError:
    """An embedded resource: this front follows no foreign keys."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST200",
        f"Could not find a relationship between '{origin}' and '{target}' in the schema cache",
        f"Searched for a foreign key relationship between '{origin}' and '{target}' in the schema '{schema}', "
        "but no matches were found.",
    )


def limit_without_order() -> RestError:
    """A limited write that does not say which rows come first."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST109",
        "A 'limit' was applied without an explicit 'order'",
        hint="Apply an 'order' using unique column(s)",
    )


def unknown_preferences(unknown: Iterable[str]) -> RestError:
    """A caller who wants to be told."""
    told = f"Invalid preferences: {', '.join(unknown)}"
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST122", "Invalid preferences given with handling=strict", told)


def not_a_single_row(rows: int) -> RestError:
    """One object was asked for; there are none or several."""
    return RestError(
        HTTPStatus.NOT_ACCEPTABLE,
        "PGRST116",
        "JSON object requested, multiple (or no) rows returned",
        f"The result contains {rows} rows",
        # PostgREST names the form that was asked for as well as the one that it sends.
        headers=(("Content-Type", "application/vnd.pgrst.object+json; charset=utf-8"),),
    )


def bad_token(message: str) -> RestError:
    """A Bearer token that does not hold."""
    told = message.replace('"', '\\"')
    challenge = f'Bearer error="invalid_token", error_description="{told}"'
    return RestError(HTTPStatus.UNAUTHORIZED, "PGRST301", message, headers=(("WWW-Authenticate", challenge),))


# PostgREST's table from SQLSTATE to HTTP status: the longest prefix that fits decides.
STATUS_BY_SQLSTATE = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "23503": 409,
    "23505": 409,
    "25": 500,
    READ_ONLY_TRANSACTION: 405,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "42883": 404,
    TABLE_NOT_FOUND: 404,
    "42P17": 500,
    NO_PRIVILEGE: 403,
    "53": 503,
    "53400": 500,
    "54": 500,
    "55": 500,
    "57": 500,
    "57P01": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,
    "XX": 500,
}


def database_status(sqlstate: str, *, anonymous: bool) -> int:
    """HTTP status for an error of the database; `PTxyz` is a function's own status xyz."""
    if sqlstate == NO_PRIVILEGE and anonymous:
        return HTTPStatus.UNAUTHORIZED
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:]) if sqlstate[2:].isdigit() else HTTPStatus.INTERNAL_SERVER_ERROR
    for length in (5, 2):
        status = STATUS_BY_SQLSTATE.get(sqlstate[:length])
        if status is not None:
            return status
    return HTTPStatus.BAD_REQUEST
