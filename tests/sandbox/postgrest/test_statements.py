"""Statements: whatever a caller sends is a quoted name or a parameter, never SQL."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from sandbox.postgrest.catalog import Catalog, Table
from sandbox.postgrest.errors import RestError
from sandbox.postgrest.plan import Options, plan
from sandbox.postgrest.request import Request
from sandbox.postgrest.sqlgen import array_literal

CATALOG = Catalog(tables={"t": Table("t", {"id": "integer", "data": "jsonb"}, ("id",))})
MARK = "zq'\";--zq"


def pieces(composed: Composable) -> list[Composable]:
    """All leaves of a statement."""
    if isinstance(composed, Composed):
        return [leaf for part in composed for leaf in pieces(part)]
    return [composed]


def planned(query: str, method: str = "GET", body: bytes = b"") -> tuple[list[Composable], tuple[str | bytes, ...]]:
    statement = plan(Request(method, "/t", query, body=body), CATALOG, Options()).statement
    return pieces(statement.text), statement.values


def test_a_value_becomes_a_parameter() -> None:
    leaves, values = planned("id=eq.5'%3B drop table t%3B--&data->>a=like.*x*")
    assert values == ("5'; drop table t;--", "%x%")
    assert all("drop" not in str(leaf) for leaf in leaves)


def test_a_name_becomes_a_quoted_identifier() -> None:
    leaves, _ = planned('select="na\\"me%3B drop"')
    assert Identifier('na"me; drop') in leaves


def test_a_cast_to_anything_unknown_is_an_identifier() -> None:
    leaves, _ = planned("select=id::pg_sleep")
    assert Identifier("pg_sleep") in leaves


def test_a_json_key_is_a_literal() -> None:
    leaves, _ = planned("select=data->it's")
    assert Literal("it's") in leaves


def test_an_array_literal_escapes_its_elements() -> None:
    assert array_literal(["a", 'b"c', "d\\e", "f,g"]) == '{"a","b\\"c","d\\\\e","f,g"}'


@given(
    key=st.sampled_from(["select", "order", "or", "columns", "on_conflict", "id", "data->x", "x"]),
    before=st.text(alphabet='a.:->(),"', max_size=8),
    after=st.text(alphabet='a.:->(),"', max_size=8),
    method=st.sampled_from(["GET", "PATCH", "DELETE", "POST"]),
)
def test_no_caller_s_text_ever_becomes_sql(key: str, before: str, after: str, method: str) -> None:
    try:
        statement = plan(
            Request(method, "/t", f"{key}={before}eq.{MARK}{after}", body=b'{"id": 1}'), CATALOG, Options()
        ).statement
    except RestError:
        return
    assert not any(isinstance(leaf, SQL) and "zq" in leaf.as_string() for leaf in pieces(statement.text))
