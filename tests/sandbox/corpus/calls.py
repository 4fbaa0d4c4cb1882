"""Functions, and callers without the service key."""

from __future__ import annotations

import json

from tests.sandbox.corpus.case import ONE_OBJECT, USER, Case, call, read

CALLS = [
    call("a scalar", "add", {"a": 1, "b": 2}),
    call("a scalar with a default", "add", {"a": 1}),
    call("a boolean", "truth", {}),
    call("no body at all", "truth"),
    call("a null", "null_text", {}),
    call("rows", "older_than", {"min_age": 40}),
    call("rows, selected and filtered", "older_than?select=id,who:name,age&age=lt.80&order=id.desc", {"min_age": 30}),
    call("rows, limited and counted", "older_than?select=id&limit=1", {"min_age": 1}, prefer="count=exact"),
    call("rows, capped", "older_than?select=id", {"min_age": 1}),
    call("a function without rows", "older_than", {"min_age": 900}),
    call("one row", "one_person?select=id,name", {"person_id": 1}),
    call("one row that is none", "one_person?select=id,name", {"person_id": -1}),
    call("one row as object", "one_person?select=id", {"person_id": 1}, accept=ONE_OBJECT),
    call("rows as one object", "older_than?select=id", {"min_age": 80}, accept=ONE_OBJECT),
    call("too many rows for one object", "older_than?select=id", {"min_age": 1}, accept=ONE_OBJECT),
    call("a set of scalars", "all_names", {}),
    call("void", "nothing", {"x": 1}),
    call("json in and out", "echo", {"doc": {"b": [1, None, "ä"], "a": 1.50}}),
    call("the whole body", "echo_whole", {"any": ["thing"]}),
    call("an array", "sum_all", {"numbers": [1, 2, 3]}),
    call("a vector", "nearest", {"target": [0, 1, 0], "most": 2}),
    call("a vector argument as text", "nearest", {"target": "[0,1,0]"}),
    call("a vector of a wrong size", "nearest", {"target": [0, 1]}),
    call("several outputs", "two_out", {"n": 4}),
    call("an odd name", "odd-call", {"an arg": "v"}),
    call("a function that writes", "add_visit", {"person": 3, "place": "Oslo"}, prefer="tx=rollback"),
    call("chosen arguments", "add?columns=a", {"a": 5, "b": 7}),
    call("the caller's role", "who", {}),
    read("a scalar by GET", "/rpc/add?a=1&b=2"),
    read("rows by GET", "/rpc/older_than?min_age=80&select=id,name"),
    read("rows by GET, filtered", "/rpc/older_than?min_age=1&id=eq.2&select=id"),
    read("an array by GET", "/rpc/sum_all?numbers={1,2}"),
    read("a vector by GET", "/rpc/nearest?target=[1,0,0]&select=id"),
    read("void by GET", "/rpc/nothing?x=1"),
    read("a function by HEAD", "/rpc/add?a=1", method="HEAD"),
    read("a range of a function", "/rpc/older_than?min_age=1&select=id", range="1-2"),
]

ANONYMOUS = [
    Case("anonymous sees no row", "GET", f"/user_profiles?user_id=eq.{USER}&select=user_id", anonymous=True),
    Case(
        "anonymous may not write",
        "POST",
        "/processing_jobs",
        json.dumps({"user_id": USER}).encode(),
        {"content-type": "application/json", "prefer": "tx=rollback"},
        anonymous=True,
    ),
    Case("anonymous role", "POST", "/rpc/who", b"{}", {"content-type": "application/json"}, anonymous=True),
    Case("a token of one part", "GET", "/people", headers={"authorization": "Bearer zz"}),
    Case("a token that is no base64", "GET", "/people", headers={"authorization": "Bearer a.b.c"}),
    Case("another scheme", "GET", "/rpc/who", headers={"authorization": "Basic YTpi"}),
]
