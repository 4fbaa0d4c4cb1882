"""wrk's report and script: units, failures that must not become figures, requests that it can send."""

from __future__ import annotations

import pytest

from bench.errors import Unmeasured
from bench.load.wrk import parse_report
from bench.request import Request, raw, wrk_script

REPORT = """Running 2s test @ http://127.0.0.1:40001/small
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.51ms    2.02ms  41.29ms   94.51%
    Req/Sec    26.66k     4.40k   32.09k    80.00%
  Latency Distribution
     50%    1.01ms
     75%    1.60ms
     90%    2.41ms
     99%   12.04ms
  53076 requests in 2.00s, 41.91MB read
Requests/sec:  26537.12
Transfer/sec:     20.95MB
"""


def test_a_report_gives_requests_seconds_and_percentiles() -> None:
    report = parse_report(REPORT)
    assert (report.requests, report.seconds) == (53_076, 2.0)
    assert (report.p50_us, report.p99_us) == (1010.0, 12_040.0)


@pytest.mark.parametrize(("text", "value"), [("30.00us", 30.0), ("1.50s", 1_500_000.0), ("1.01ms", 1010.0)])
def test_latencies_are_microseconds_whatever_the_unit(text: str, value: float) -> None:
    assert parse_report(REPORT.replace("1.01ms", text)).p50_us == value


@pytest.mark.parametrize(
    "line", ["  Non-2xx or 3xx responses: 12\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"]
)
def test_failed_requests_make_no_figure(line: str) -> None:
    with pytest.raises(Unmeasured):
        parse_report(REPORT + line)


@pytest.mark.parametrize("text", ["", REPORT.replace("53076 requests", "0 requests"), "unable to connect"])
def test_no_answers_make_no_figure(text: str) -> None:
    with pytest.raises(Unmeasured, match="no answers"):
        parse_report(text)


def test_raw_requests_carry_each_body_with_its_length() -> None:
    request = Request("POST", "/x", (("Content-Type", "text/plain"),), ("a", "béc"))
    assert raw(request, "127.0.0.1:1") == [
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na",
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nb\xc3\xa9c",
    ]


def test_a_script_quotes_what_lua_would_misread() -> None:
    assert 'wrk.body = "{\\"a\\": \\"\\\\\\\\\\"}"' in wrk_script(Request("POST", "/", (), ('{"a": "\\\\"}',)))


def test_a_script_with_several_bodies_formats_them_once() -> None:
    script = wrk_script(Request("POST", "/", (), ("one", "two")))
    assert 'local bodies = {"one", "two"}' in script
    assert "wrk.init" not in script, "wrk's own init calls ours: that would never end"


def test_a_script_with_a_unique_field_changes_it_for_each_request() -> None:
    script = wrk_script(Request("GET", "/", (("Accept", "*/*"),), unique_field="X-Trace-Id"))
    assert script.index("for i = 1, 1021 do") < script.index('wrk.headers["X-Trace-Id"]') < script.index("wrk.format()")


@pytest.mark.parametrize("text", ["a\nb", "é"])
def test_texts_that_lua_reads_differently_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        wrk_script(Request("GET", "/", (("X-A", text),)))
