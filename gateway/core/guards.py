"""Checks that the route table can put in front of a backend nobody may touch: API key, request limit, storage path.

Pure; the exchange asks before a byte goes up. A refusal is a ClientFault.
"""

import hmac
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from gateway.core.errors import Refused, TooManyRequests, Unauthorized, Where
from gateway.core.heads import Field
from gateway.core.peek import Peeked
from gateway.core.routes import Route

MAX_KEYS: Final = 10_000
"""Users or addresses whose requests are counted at a time; the one not seen for longest makes room."""


def check_api_key(fields: list[Field], wanted: bytes) -> None:
    """`Authorization: Bearer` or `X-Api-Key` must hold the key. Raises Unauthorized."""
    for name, value in fields:
        key = name.lower()
        if key == b"authorization" and value[:7].lower() == b"bearer ":
            given = value[7:].strip()
        elif key == b"x-api-key":
            given = value
        else:
            continue
        if wanted and hmac.compare_digest(given, wanted):
            return
    raise Unauthorized("This route needs the API key.", Where.ROUTE)


def check_storage_path(peeked: Peeked) -> None:
    """A storage path must be `bucket/<user id>/...` without dot segments, in whatever encoding. Raises Refused.

    The monolith reads any object that it is told to read; this keeps one user's import out of another's folder. A body
    that is longer than what is read of it could say something else at its end, so it is refused too.
    """
    path, user = peeked.storage_path, peeked.identity.value
    if not peeked.complete:
        raise Refused("The body is too long to be checked on this route.", Where.ROUTE)
    if path is None:
        return
    segments = unquote(unquote(path)).split("/")
    odd = any(segment in ("", ".", "..") for segment in segments) or "\\" in path or "\x00" in unquote(path)
    if user is None or odd or len(segments) < 3 or segments[1] != user:
        raise Refused("storage_path must lie in the user's own folder.", Where.ROUTE)


class RateLimiter:
    """A token bucket per key: `per_minute` requests, with bursts up to the same number. Bounded in keys."""

    __slots__ = ("_buckets", "_rate", "_size")

    def __init__(self, per_minute: int) -> None:
        self._size = float(per_minute)
        self._rate = per_minute / 60.0
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str, now: float) -> None:
        """Take one token of `key` at `now`. Raises TooManyRequests."""
        tokens, since = self._buckets.pop(key, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooManyRequests("Too many requests on this route.", Where.ROUTE)


class Guards:
    """All checks of one worker; keeps the buckets of the routes that have a limit."""

    __slots__ = ("_api_key", "_limiters")

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key.encode()
        self._limiters: dict[tuple[str, int], RateLimiter] = {}

    def check_head(self, route: Route, fields: list[Field], path: bytes, address: str, now: float) -> None:
        """What can be said before the body; `path` is the decoded one. Raises Unauthorized, TooManyRequests."""
        if route.api_key:
            check_api_key(fields, self._api_key)
        if route.rate_limit:
            segment = route.key_segment()
            if segment is not None:
                self._limit(route, f"id {path.split(b'/')[segment].decode('utf-8', 'replace')}", now)
            elif route.key is None:
                self._limit(route, f"address {address}", now)

    def check_body(self, route: Route, peeked: Peeked, address: str, now: float) -> None:
        """What the body's beginning says. Raises Refused, TooManyRequests.

        A request without a usable id counts for its address: leaving the id out must not be a way around the limit.
        """
        if "storage-path-of-user" in route.guards:
            check_storage_path(peeked)
        if route.rate_limit and route.key_segment() is None:
            user = peeked.identity.value
            self._limit(route, f"address {address}" if user is None else f"id {user}", now)

    def keep(self, api_key: str, routes: Iterable[Route]) -> None:
        """Go on with a new key and table; the buckets of routes whose limit stays the same stay too."""
        self._api_key = api_key.encode()
        kept = {(route.name, route.rate_limit) for route in routes}
        self._limiters = {name: limiter for name, limiter in self._limiters.items() if name in kept}

    def _limit(self, route: Route, key: str, now: float) -> None:
        limiter = self._limiters.get((route.name, route.rate_limit))
        if limiter is None:
            limiter = self._limiters[route.name, route.rate_limit] = RateLimiter(route.rate_limit)
        limiter.check(key, now)
