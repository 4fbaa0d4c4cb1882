"""Where a request comes from: the peer, or what trusted proxies say."""

import pytest

from gateway.core.client_address import client_address


def found(chain: list[bytes], hops: int, peer: bytes = b"10.0.0.1") -> str:
    return client_address([(b"X-Forwarded-For", value) for value in chain], peer, hops)


@pytest.mark.parametrize(
    ("chain", "hops", "address"),
    [
        ([], 0, "10.0.0.1"),
        ([b"1.1.1.1"], 0, "10.0.0.1"),
        ([b"1.1.1.1"], 1, "1.1.1.1"),
        ([b"6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
        ([b"6.6.6.6", b"1.1.1.1, 10.0.0.2"], 2, "1.1.1.1"),
        ([b"1.1.1.1"], 3, "1.1.1.1"),
        ([], 1, "10.0.0.1"),
        ([b"nonsense"], 1, "10.0.0.1"),
        ([b"1.1.1.1:4711"], 1, "1.1.1.1"),
        ([b"[2001:db8:0:1::7]:4711"], 1, "2001:db8:0:1::/64"),
        ([b"::ffff:1.1.1.1"], 1, "1.1.1.1"),
    ],
)
def test_a_client_is_as_many_from_the_right_as_proxies_are_trusted(chain: list[bytes], hops: int, address: str) -> None:
    assert found(chain, hops) == address


def test_an_ipv6_client_cannot_change_its_address_within_its_network() -> None:
    assert found([], 0, b"2001:db8::1") == found([], 0, b"2001:db8::ffff:1") != found([], 0, b"2001:db8:0:1::1")


def test_a_unix_socket_has_one_address() -> None:
    assert found([], 0, b"unknown") == "unknown"
