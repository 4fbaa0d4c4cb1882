"""Where a request comes from, as far as it can be believed; what request limits count when there is no user id."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from gateway.core.heads import Field

_IPV6_PREFIX = 64
"""Bits of an IPv6 address that belong to one customer; the rest is theirs to change from request to request."""


def client_address(fields: list[Field], peer: bytes, trusted_hops: int) -> str:
    """The client's address behind `trusted_hops` proxies that each append to X-Forwarded-For; `peer` if none are.

    IPv6 addresses are cut to their network of 64 bits, and IPv4 ones mapped into IPv6 are IPv4. What is no address
    counts as the peer's, so that nonsense buys no limit of its own.
    """
    if trusted_hops:
        chain = [part for name, value in fields if name.lower() == b"x-forwarded-for" for part in value.split(b",")]
        if chain:
            # The proxy next to us appended the last one, so the client is as many from the right as there are proxies.
            found = _normal(chain[-min(trusted_hops, len(chain))].strip(b" \t"))
            if found is not None:
                return found
    return _normal(peer) or peer.decode("latin-1")


@lru_cache(maxsize=4096)
def _normal(text: bytes) -> str | None:
    bare = text.decode("latin-1")
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address: IPv4Address | IPv6Address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, _IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(address)
