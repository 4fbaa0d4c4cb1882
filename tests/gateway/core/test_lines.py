"""Heads read without a parser, held against the parser: the same meaning, the same refusals, the same bytes sent on."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core import lines
from gateway.core.errors import GatewayError
from gateway.core.fields import Kind, kind_of
from gateway.core.framing import Framing, RequestFacts, receive_request, receive_response
from gateway.core.headers import Hop, request_passage, response_edits
from gateway.core.heads import Field, parse_fields, parse_status_line
from gateway.core.lines import FieldBlock, parsed_block, usual_block
from tests.gateway.proxy.cases import chunks, fields, framing, responses, sequences, syntax

NAMES = (
    b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect",
    b"TE", b"Keep-Alive", b"Trailer", b"X-Real-IP", b"X-Forwarded-For", b"X_Forwarded_For", b"Forwarded", b"Via",
    b"Date",
    b"X-Gateway-Backend", b"X-Gateway-Force", b"X-Gateway-Explain", b"X-Request-Id", b"traceparent", b"Idempotency-Key",
    b"tracestate",
    b"Origin", b"Max-Forwards", b"Cookie", b"Accept", b"X-A", b"x-a", b"Close", b"", b"X A", b"X\x00", b"X(",
)  # fmt: skip
VALUES = (
    b"a", b"a:80", b"0", b"5", b"+5", b"05", b"5,5", b"18446744073709551616", b"chunked", b"Chunked", b"gzip, chunked",
    b"identity", b"keep-alive", b"close", b"x-a", b"Close, X-A", b"upgrade", b"websocket", b"h2c", b"100-continue",
    b"trailers",
    b"1.1 us", b"for=1.1.1.1", b"1.1.1.1, 2.2.2.2", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", b"",
    b"a b",
    b"\xff\xe9", b"a\tb", b"a\x0bb", b"a\x7fb", b"a\x00b", b"a\rb", b"a\nb", b"a\r\n b", b"a\n\r\nb", b"x" * 300,
)  # fmt: skip
LINES = st.builds(
    lambda name, colon, value, end: name + colon + value + end,
    st.sampled_from(NAMES),
    st.sampled_from((b": ", b": ", b": ", b": ", b": ", b":", b":\t", b":  ", b" : ", b"")),
    st.sampled_from(VALUES) | st.binary(max_size=12),
    st.sampled_from((b"", b"", b"", b"", b" ", b"\t", b"\r", b"\n")),
)
HOSTED = st.builds(lambda more: [b"Host: a", *more], st.lists(LINES, max_size=6))
BLOCKS = st.builds(b"\r\n".join, HOSTED | st.lists(LINES, max_size=6))
TABLE = [row for table in (framing, chunks, syntax, fields, responses, sequences) for row in table.CASES]


def as_cut(data: bytes) -> bytes:
    """The field lines of a head as a connection hands them over: up to the first empty line, with their line ends."""
    return (b"\r\n" + data).partition(b"\r\n\r\n")[0].removesuffix(b"\r\n") + b"\r\n"


def content(block: FieldBlock) -> tuple[bytes, list[tuple[Kind, bytes, bytes, bytes]]]:
    return block.text, [(line.kind, line.name, line.value, line.text) for line in block.special]


def outcome(read: Callable[[], tuple[FieldBlock, object]]) -> object:
    """What reading came to, in a form that can be compared."""
    try:
        block, facts = read()
    except GatewayError as error:
        return type(error), error.detail
    return content(block), facts


def hold_against_the_parser(text: bytes) -> None:
    try:
        wanted: FieldBlock | None = parsed_block(text, 512)
    except (ValueError, GatewayError):
        wanted = None  # framing fields that contradict each other are found below, by who reads the facts
    for _ in range(2):  # as lines never seen, and as lines remembered
        block = usual_block(text, 512)
        if block is not None and wanted is not None:
            assert content(block) == content(wanted)
            assert block.pairs() == parse_fields(text[2:] + b"\r\n", limit=512)
    for minor in (0, 1):
        usual = outcome(partial(receive_request, usual_block(text, 128), text, minor))
        assert usual == outcome(partial(receive_request, None, text, minor))
        line = parse_status_line(b"HTTP/1.%d 200 OK\r\n" % minor)
        usual = outcome(partial(receive_response, usual_block(text, 512), text, line))
        assert usual == outcome(partial(receive_response, None, text, line))


@settings(max_examples=500)
@given(BLOCKS)
@example(b"")
@example(b"Host: a\r\nContent-Length: 5\r\nContent-Length: 5")
@example(b"Host: a\r\nHost: a")
def test_any_block_means_what_the_parser_says(block: bytes) -> None:
    hold_against_the_parser(as_cut(block))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_each_row_of_the_case_tables_means_what_the_parser_says(row: object) -> None:
    for message in (row.send, row.reply):  # type: ignore[attr-defined]  # Case of every table
        _, found, rest = message.partition(b"\r\n")
        if found and b"\r\n\r\n" in b"\r\n" + rest:
            hold_against_the_parser(as_cut(rest))


def lines_sent(facts: RequestFacts, pairs: list[Field], hop: Hop, authority: bytes | None, *, peeked: bool) -> bytes:
    """Line by line, which of a request's fields go to the backend and in what form; without the gateway's own."""
    sent: list[bytes] = []
    seen: set[Kind] = set()
    kept = {b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"set-cookie", b"x-forwarded-for"}
    kept |= {b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"via", b"idempotency-key", b"date", b"expect"}
    traced = any(kind_of(name) is Kind.TRACEPARENT and len(value) == 55 for name, value in pairs)
    for name, value in pairs:
        kind = kind_of(name)
        again = kind in seen
        if name.lower() in facts.options - kept or kind in (
            Kind.CONNECTION, Kind.UPGRADE, Kind.TE, Kind.HOP, Kind.TRANSFER_ENCODING, Kind.SPOOFED, Kind.OURS,
            Kind.EXPLAIN, Kind.FORCE,
        ):  # fmt: skip
            continue
        if kind is Kind.FORWARDING and (not hop.trusted_hops or name.lower() != b"x-real-ip"):
            continue
        if kind is Kind.EXPECT and (peeked or not facts.expects_continue):
            continue
        if kind is Kind.TRACEPARENT and (again or len(value) != 55):
            continue
        if kind is Kind.REQUEST_ID and (again or b"," in value):
            continue
        if kind is Kind.IDEMPOTENCY_KEY and peeked and (again or not value):
            continue
        if kind is Kind.TRACESTATE and not traced:
            continue
        seen.add(kind)
        sent.append(b"%b: %b\r\n" % (name, authority if kind is Kind.HOST and authority else value))
    return b"".join(sent)


SIMPLE = st.sampled_from((b"a", b"0", b"5", b"x-a", b"keep-alive, x-a", b"close", b"chunked", b"websocket"))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from([name for name in NAMES[:-4] if name not in (b"Host", b"host")]), SIMPLE)),
    st.sampled_from((0, 1)),
    st.sampled_from((None, b"b.example")),
    st.booleans(),
)
def test_the_edited_text_is_what_line_by_line_would_be_sent(
    pairs: list[Field], hops: int, authority: bytes | None, peeked: bool
) -> None:
    text = b"\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in [(b"Host", b"a"), *pairs])
    try:
        block, facts = receive_request(usual_block(text, 128), text, 1)
    except GatewayError:
        return
    hop = Hop(b"us", b"10.0.0.9", hops)
    passage = request_passage(
        facts, block.special, hop, 1, authority=authority, nameless=b"x", flagged=peeked, peeked=peeked
    )
    wanted = lines_sent(facts, block.pairs(), hop, authority, peeked=peeked)
    assert passage.edits._replace(own=b"").apply(block.text) == b"\r\n" + wanted


@given(st.lists(st.tuples(st.sampled_from(NAMES[:-4]), SIMPLE)), st.booleans())
def test_an_answers_edited_text_is_what_line_by_line_would_be_sent(pairs: list[Field], framed: bool) -> None:
    text = b"\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in pairs)
    try:
        block, facts = receive_response(usual_block(text, 512), text, parse_status_line(b"HTTP/1.1 200 OK\r\n"))
    except GatewayError:
        return
    wanted = b""
    for name, value in pairs:
        dropped = kind_of(name) in (
            Kind.CONNECTION, Kind.UPGRADE, Kind.TE, Kind.HOP, Kind.TRANSFER_ENCODING, Kind.SPOOFED, Kind.OURS,
        )  # fmt: skip
        nominated = name.lower() in facts.options & {b"x-a", b"close"}
        if not (dropped or nominated or (kind_of(name) is Kind.CONTENT_LENGTH and not framed)):
            wanted += b"%b: %b\r\n" % (name, value)
    edits = response_edits(facts, block.special, b"legacy", b"us", framed=framed)
    assert edits.apply(block.text) == b"\r\n" + wanted + b"Via: 1.1 us\r\nX-Gateway-Backend: legacy\r\n"


def test_a_request_without_host_gets_one_in_front() -> None:
    block, facts = receive_request(usual_block(b"\r\nX-A: 1\r\n", 128), b"\r\nX-A: 1\r\n", 0)
    passage = request_passage(facts, block.special, Hop(b"us", b"p"), 0, authority=None, nameless=b"old:80")
    assert passage.edits.apply(block.text).startswith(b"\r\nHost: old:80\r\nX-A: 1\r\n")
    assert facts.framing is Framing.NONE


def test_of_lines_that_are_alike_the_first_one_travels_on() -> None:
    text = b"\r\nHost: a\r\nX-Request-Id: 1\r\nX-A: 1\r\nX-Request-Id: 1\r\n"
    block, facts = receive_request(usual_block(text, 128), text, 1)
    passage = request_passage(facts, block.special, Hop(b"us", b"p"), 1, authority=None, nameless=b"x")
    assert passage.edits.apply(text).startswith(b"\r\nHost: a\r\nX-Request-Id: 1\r\nX-A: 1\r\nVia: ")


def test_the_table_of_lines_stays_within_its_bounds() -> None:
    for number in range(3 * lines.MAX_LINES):
        text = b"\r\nX-Line: %d\r\nX-Long: %d%b\r\n" % (number, number, b"x" * lines.MAX_LINE_BYTES)
        assert usual_block(text, 128) == (text, [])
    assert len(lines.SEEN) <= lines.MAX_LINES
    assert max(map(len, lines.SEEN)) <= lines.MAX_LINE_BYTES


def test_more_lines_than_the_limit_are_left_to_the_parser() -> None:
    assert usual_block(b"\r\n" + b"X-A: 1\r\n" * 3, 3) is not None
    assert usual_block(b"\r\n" + b"X-A: 1\r\n" * 4, 3) is None
