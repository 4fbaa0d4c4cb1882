"""Checks that the route table can put in front of a backend nobody may touch: closed, key, token, limit, storage path.

Pure; the exchange asks before a byte goes up. A refusal is a ClientFault.
"""

import hmac
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote
from uuid import UUID

from gateway.core.bearer import Verifier, bearer_token, is_preflight
from gateway.core.errors import Closed, Refused, TokenKeysMissing, TooManyRequests, Unauthorized, Where
from gateway.core.heads import Field
from gateway.core.peek import Peeked
from gateway.core.routes import Route

MAX_KEYS: Final = 10_000
"""Users or addresses whose requests are counted at a time; the one not seen for longest makes room."""
MAX_TOLD: Final = 1000
"""Of them, how many a worker tells the others about at a time; the rest waits for the next time."""

Spent = tuple[str, int, str, int]
"""Requests that a worker let pass: name and limit of the route, the key, how many."""


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


def check_owner(peeked: Peeked, owner: str) -> None:
    """The user whom the body names must be `owner`, letter by letter. Raises Refused.

    Of a longer body only the beginning is read, and its end might name somebody else.
    """
    if not peeked.complete:
        raise Refused("The body is too long to be checked on this route.", Where.ROUTE)
    if peeked.identity.value != owner:
        raise _anothers()


def _anothers() -> Refused:
    return Refused("The token is not that of the user whom this request is about.", Where.ROUTE)


def _person(user: str) -> str:
    """The key of a user's limit: a UUID in capitals, in braces or without dashes is the database's same person."""
    try:
        return f"id {UUID(user)}"
    except ValueError:
        return f"id {user}"


class RateLimiter:
    """A token bucket per key: `per_minute` requests, with bursts up to the same number. Bounded in keys.

    `spent` counts what it let pass and nobody has been told of yet.
    """

    __slots__ = ("_buckets", "_rate", "_size", "spent")

    def __init__(self, per_minute: int) -> None:
        self._size = float(per_minute)
        self._rate = per_minute / 60.0
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.spent: dict[str, int] = {}

    def check(self, key: str, now: float) -> None:
        """Take one token of `key` at `now`. Raises TooManyRequests."""
        tokens = self._tokens(key, now)
        allowed = tokens >= 1.0
        self._keep(key, tokens - 1.0 if allowed else tokens, now)
        if not allowed:
            raise TooManyRequests("Too many requests on this route.", Where.ROUTE)
        if key in self.spent or len(self.spent) < MAX_KEYS:
            self.spent[key] = self.spent.get(key, 0) + 1

    def take(self, key: str, count: int, now: float) -> None:
        """Another worker let `count` requests of `key` pass. A debt is no more than one full bucket."""
        self._keep(key, max(-self._size, self._tokens(key, now) - count), now)

    def _tokens(self, key: str, now: float) -> float:
        tokens, since = self._buckets.pop(key, (self._size, now))
        return min(self._size, tokens + (now - since) * self._rate)

    def _keep(self, key: str, tokens: float, now: float) -> None:
        self._buckets[key] = (tokens, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)


class Asked(NamedTuple):
    """A request's head, as the guards see it; `path` is the decoded one, `address` the client's."""

    route: Route
    method: bytes
    path: bytes
    fields: list[Field]
    address: str


class Guards:
    """All checks of one worker; keeps the buckets of the routes that have a limit.

    Without a `verifier` no token passes.
    """

    __slots__ = ("_api_key", "_limiters", "_verifier")

    def __init__(self, api_key: str, verifier: Verifier | None = None) -> None:
        self._api_key = api_key.encode()
        self._verifier = verifier
        self._limiters: dict[tuple[str, int], RateLimiter] = {}

    def check_head(self, asked: Asked, now: float, wall: float) -> str:
        """What can be said before the body; `now` is monotonic, `wall` Unix seconds.

        Returns whom the body must name, "" if it may name anybody. Raises Closed, Unauthorized, Refused,
        TokenKeysMissing, TooManyRequests.
        """
        route = asked.route
        if route.closed:
            raise Closed("There is nothing at this path.", Where.ROUTE)
        if route.api_key:
            check_api_key(asked.fields, self._api_key)
        segment = route.key_segment()
        user = None if segment is None else asked.path.split(b"/")[segment].decode("utf-8", "replace")
        # Before the limit: requests without a token must not use up that of the user whom they name.
        owner = self._check_token(asked, wall) if route.jwt else ""
        if route.jwt_user and owner and user is not None and user != owner:
            raise _anothers()
        if route.rate_limit:
            if user is not None:
                self._limit(route, _person(user), now)
            elif route.key is None:
                self._limit(route, f"address {asked.address}", now)
        return owner if route.jwt_user and user is None else ""

    def _check_token(self, asked: Asked, wall: float) -> str:
        """Whose token it is; "" for a browser's preflight, which has none and to which the backend answers."""
        if is_preflight(asked.method, asked.fields):
            return ""
        token = bearer_token(asked.fields)
        if self._verifier is None:
            raise TokenKeysMissing("The keys that check tokens are not known yet.", Where.ROUTE)
        return self._verifier.subject(token, wall)

    def check_body(self, route: Route, peeked: Peeked, address: str, now: float, owner: str) -> None:
        """What the body's beginning says; `owner` is what check_head returned. Raises Refused, TooManyRequests.

        A request without a usable id counts for its address: leaving the id out must not be a way around the limit.
        """
        if owner:
            check_owner(peeked, owner)
        if "storage-path-of-user" in route.guards:
            check_storage_path(peeked)
        if route.rate_limit and route.key_segment() is None:
            user = peeked.identity.value
            self._limit(route, f"address {address}" if user is None else _person(user), now)

    def keep(self, api_key: str, verifier: Verifier | None, routes: Iterable[Route]) -> None:
        """Go on with new keys and table; the buckets of routes whose limit stays the same stay too."""
        self._api_key = api_key.encode()
        self._verifier = verifier
        kept = {(route.name, route.rate_limit) for route in routes}
        self._limiters = {name: limiter for name, limiter in self._limiters.items() if name in kept}

    def tell(self) -> list[Spent]:
        """What was let pass since the last time, at most MAX_TOLD keys of it."""
        told: list[Spent] = []
        for (name, limit), limiter in self._limiters.items():
            keys = list(limiter.spent)[: MAX_TOLD - len(told)]
            told += [(name, limit, key, limiter.spent.pop(key)) for key in keys]
        return told

    def hear(self, told: Iterable[Spent], now: float) -> None:
        """What other workers let pass counts here too."""
        for name, limit, key, count in told:
            self._limiter(name, limit).take(key, count, now)

    def _limit(self, route: Route, key: str, now: float) -> None:
        self._limiter(route.name, route.rate_limit).check(key, now)

    def _limiter(self, name: str, limit: int) -> RateLimiter:
        limiter = self._limiters.get((name, limit))
        if limiter is None:
            limiter = self._limiters[name, limit] = RateLimiter(limit)
        return limiter
