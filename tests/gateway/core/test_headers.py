"""Forwarding fields behind trusted proxies, and the memory of spellings; the rest stands in the case tables."""

from gateway.core import fields
from gateway.core.framing import receive_request
from gateway.core.headers import Hop, request_passage
from gateway.core.lines import usual_block


def lines(block: bytes, *, peer: bytes = b"10.0.0.9", hops: int = 0) -> dict[bytes, bytes]:
    text = b"\r\nHost: a\r\n" + block
    fields, facts = receive_request(usual_block(text, 128), text, 1)
    passage = request_passage(facts, fields.special, Hop(b"us", peer, hops), 1, authority=None, nameless=b"x")
    found = passage.edits.apply(fields.text)
    return dict(line.split(b": ", 1) for line in found.split(b"\r\n") if line)


FORWARDED = (
    b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n"
    b"Forwarded: for=1.1.1.1, for=2.2.2.2;proto=https\r\n"
)


def test_nobody_is_believed_by_default() -> None:
    found = lines(FORWARDED)
    assert found[b"X-Forwarded-For"] == b"10.0.0.9"
    assert found[b"X-Forwarded-Proto"] == b"http"
    assert found[b"X-Forwarded-Host"] == b"a"
    assert found[b"Forwarded"] == b"for=10.0.0.9;host=a;proto=http"


def test_as_many_hops_are_believed_as_are_trusted_counted_from_the_right() -> None:
    assert lines(FORWARDED, hops=1)[b"X-Forwarded-For"] == b"3.3.3.3, 10.0.0.9"
    assert lines(FORWARDED, hops=2)[b"X-Forwarded-For"] == b"2.2.2.2, 3.3.3.3, 10.0.0.9"
    found = lines(FORWARDED, hops=1)
    assert (found[b"X-Forwarded-Proto"], found[b"X-Forwarded-Host"]) == (b"https", b"public.example")
    assert found[b"Forwarded"] == b"for=2.2.2.2;proto=https, for=10.0.0.9;host=public.example;proto=https"


def test_an_ipv6_address_is_quoted_where_rfc_7239_wants_it() -> None:
    found = lines(b"", peer=b"2001:db8::1")
    assert found[b"X-Forwarded-For"] == b"2001:db8::1"
    assert found[b"Forwarded"] == b'for="[2001:db8::1]";host=a;proto=http'


def test_spellings_are_remembered_within_a_bound() -> None:
    for number in range(3 * fields.MAX_SPELLINGS):
        fields.kind_of(b"X-Spelling-%d" % number)
    assert len(fields.SPELLINGS) <= fields.MAX_SPELLINGS
    assert fields.kind_of(b"hOsT") is fields.Kind.HOST
    assert fields.kind_of(b"X_Forwarded-FOR") is fields.Kind.SPOOFED
    assert fields.kind_of(b"x_gateway_backend") is fields.Kind.OURS


def test_commas_inside_quotes_part_no_element() -> None:
    found = lines(b'Forwarded: for="a,b";host=x\r\n', hops=1)
    assert found[b"Forwarded"] == b'for="a,b";host=x, for=10.0.0.9;host=a;proto=http'


def test_values_of_a_trusted_proxy_that_are_no_host_or_scheme_are_not_taken_over() -> None:
    found = lines(b'X-Forwarded-Host: "; evil\r\nX-Forwarded-Proto: e vil\r\n', hops=1)
    assert (found[b"X-Forwarded-Host"], found[b"X-Forwarded-Proto"]) == (b"a", b"http")


def test_a_forwarded_field_whose_quotes_do_not_end_is_not_taken_over() -> None:
    for value in (b'for="1.1.1.1', b'for=1.1.1.1;host="a, for=2.2.2.2', b'"' + b'\\"' * 30_000, b'for="1.1.1.1\\'):
        found = lines(b"Forwarded: %b\r\n" % value, hops=1)
        assert found[b"Forwarded"] == b"for=10.0.0.9;host=a;proto=http"
