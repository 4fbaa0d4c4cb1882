"""The route table: which requests go where, with what limits. Read once from TOML, every problem reported at once.

The counterpart is the exchange (gateway.proxy.exchange), which carries a Route out. What each option may hold is in
gateway.core.route_options.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple

from gateway.core.decide import Backend
from gateway.core.heads import usual_request_line
from gateway.core.route_options import IdPolicy, http_date, read_options
from gateway.core.shadow_options import shadowing_problems
from gateway.core.shadowing import Shadowing
from gateway.core.target import plain_path

HEALTH_PATH: Final = b"/_gateway/health"
DEFAULT_KEY: Final = "user_id"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}\Z")
_SEGMENT = re.compile(r"\{[a-z_][a-z0-9_]*\}\Z")


class RouteTableError(Exception):
    """A route table that cannot be used; `problems` holds a sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Handling(Enum):
    """What happens to a request before it goes on."""

    PASS = auto()  # nothing: the body streams from its first byte
    PEEK = auto()  # guards, a limit or a token's subject need the body's beginning
    DECIDE = auto()  # the flag does


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. Times are seconds, sizes bytes.

    `flag` decides between the backends by the top-level JSON string `key` of the body, and `id_policy` says what to do
    when there is none; without a flag all requests go to `backend`. `first_byte` counts from the end of the request,
    `idle` between two reads, `total` over everything (0: no limit). `rate_limit` is requests per minute and `key`, or
    per client address where the route has no key (0: none); `guards` check the body; `api_key` asks for the gateway's
    key, `jwt` for a valid token, `jwt_user` for the token of the user whom `key` names; `closed` answers 404 whatever
    the backends have. Legacy's answers carry `deprecated` (RFC 9745), `sunset` (RFC 8594) and links to the `successor`
    (RFC 5829) and to a page about the deprecation. `shadow` says which requests are also given to the other backend.
    """

    name: str
    path: str
    methods: frozenset[str] = frozenset()
    backend: Backend = Backend.LEGACY
    flag: str | None = None
    key: str | None = None
    id_policy: IdPolicy = IdPolicy.LEGACY
    connect: float = 3.0
    first_byte: float = 65.0
    idle: float = 65.0
    total: float = 0.0
    max_body: int = 100 * 1024 * 1024
    rate_limit: int = 0
    guards: frozenset[str] = frozenset()
    api_key: bool = False
    jwt: bool = False
    jwt_user: bool = False
    closed: bool = False
    deprecated: datetime | None = None
    sunset: datetime | None = None
    successor: str | None = None
    deprecation_link: str | None = None
    shadow: Shadowing | None = None
    # Worked out of the above when the table is read, because they are asked for on each request.
    handling: Handling = field(init=False, default=Handling.PASS)
    checks_head: bool = field(init=False, default=False)
    """Whether core.guards has something to say before the body."""
    checks_body: bool = field(init=False, default=False)
    """Whether it has something to say of the body's beginning."""
    plain: bool = field(init=False, default=False)
    """Whether its requests go to legacy, and the answers back, with nothing else to be done on the way."""
    notices: tuple[tuple[bytes, bytes], ...] = field(init=False, default=())
    """Lower-case names and lines of the fields that say that legacy's answer is on its way out."""

    def __post_init__(self) -> None:
        if self.key is None and (self.flag is not None or self.guards or self.jwt_user):
            object.__setattr__(self, "key", DEFAULT_KEY)
        asks_who = self.rate_limit > 0 or self.jwt_user
        in_body = asks_who and self.key is not None and self.key_segment() is None
        peeked = Handling.PEEK if self.guards or in_body else Handling.PASS
        object.__setattr__(self, "handling", Handling.DECIDE if self.flag is not None else peeked)
        object.__setattr__(self, "checks_head", self.closed or self.api_key or self.jwt or self.rate_limit > 0)
        object.__setattr__(self, "checks_body", bool(self.guards) or asks_who)
        object.__setattr__(self, "notices", tuple(_notices(self)))
        asks = self.handling is not Handling.PASS or self.checks_head or self.shadow is not None
        object.__setattr__(self, "plain", not (asks or self.notices) and self.backend is Backend.LEGACY)

    @property
    def protected(self) -> bool:
        """Whether a request may be refused here that the backend would have served."""
        return self.checks_head or self.checks_body

    def key_segment(self) -> int | None:
        """Where in the path the key stands (1 is the first segment), if the pattern has it as a {name}."""
        segments = self.path.split("/")
        name = f"{{{self.key}}}"
        return segments.index(name) if name in segments else None


def _notices(route: Route) -> Iterator[tuple[bytes, bytes]]:
    if route.deprecated is not None:
        yield b"deprecation", b"Deprecation: @%d\r\n" % int(route.deprecated.timestamp())
    if route.sunset is not None:
        yield b"sunset", b"Sunset: %b\r\n" % http_date(route.sunset).encode()
    if route.successor is not None:
        yield b"link", b'Link: <%b>; rel="successor-version"\r\n' % route.successor.encode()
    if route.deprecation_link is not None:
        yield b"link", b'Link: <%b>; rel="deprecation"\r\n' % route.deprecation_link.encode()


_UNMATCHED = Route(name="unmatched", path="/*")
MAX_STARTS: Final = 1024
MAX_START_BYTES: Final = 256
"""Request lines come from clients, so the table is bounded. It starts anew when it is full."""


class Start(NamedTuple):
    """What a request line of the usual kind says, and the route that it leads to."""

    method: bytes
    path: bytes
    route: Route


@dataclass(slots=True)
class RouteTable:
    """Finds the route of a request: exact paths first, then patterns in the order of the file."""

    routes: tuple[Route, ...]
    unmatched: Route = _UNMATCHED
    _exact: dict[bytes, list[Route]] = field(default_factory=dict)
    # By first segment, None for patterns that do not begin with a literal one: most paths need no pattern at all.
    _patterns: dict[bytes | None, list[tuple[int, re.Pattern[bytes], Route]]] = field(default_factory=dict)
    # Requests repeat each other's first line: by its bytes.
    _starts: dict[bytes, Start] = field(default_factory=dict)
    _protects: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._protects = any(route.protected for route in (*self.routes, self.unmatched))
        for position, route in enumerate(self.routes):
            if "{" in route.path or route.path.endswith("*"):
                first = route.path.split("/", 2)[1]
                key = None if "{" in first or "*" in first else first.encode()
                self._patterns.setdefault(key, []).append((position, _compile(route.path), route))
            else:
                self._exact.setdefault(route.path.encode(), []).append(route)

    def start(self, line: bytes) -> Start | None:
        """What the request line `line` means; None if it is not of the usual kind, which takes a closer look."""
        return self._starts.get(line) or self._read(line)

    def _read(self, line: bytes) -> Start | None:
        usual = usual_request_line(line)
        if usual is None:
            return None
        method, path = usual
        start = Start(method, path, self.match(method, path))
        if len(line) <= MAX_START_BYTES:
            if len(self._starts) >= MAX_STARTS:
                self._starts.clear()
            self._starts[line] = start
        return start

    def match(self, method: bytes, path: bytes) -> Route:
        """The first route for `method` and the decoded `path`; `unmatched` if there is none.

        A closed one where the path, tidied up, is that of a protected route which it is not as it stands: the check
        would be passed by, and a backend that tidies up would serve it.
        """
        found = self._match(method, path)
        if not self._protects or not path.startswith(b"/"):
            return found
        plain = plain_path(path)
        if plain == path:
            return found
        for other in (self._match(method, plain), self._match(method, plain + b"/" * path.endswith(b"/"))):
            if other.protected and other is not found:
                return Route(name=other.name, path=other.path, closed=True)
        return found

    def _match(self, method: bytes, path: bytes) -> Route:
        for route in self._exact.get(path, ()):
            if not route.methods or method.decode("ascii") in route.methods:
                return route
        named = self._patterns.get(path.split(b"/", 2)[1]) if path.startswith(b"/") else None
        anywhere = self._patterns.get(None)
        if named is None and anywhere is None:
            return self.unmatched
        for _, pattern, route in sorted((named or []) + (anywhere or []), key=_position):
            if pattern.match(path) and (not route.methods or method.decode("ascii") in route.methods):
                return route
        return self.unmatched


def _position(entry: tuple[int, re.Pattern[bytes], Route]) -> int:
    return entry[0]


def _compile(path: str) -> re.Pattern[bytes]:
    parts = ["[^/]+" if _SEGMENT.match(part) else re.escape(part) for part in path.removesuffix("*").split("/")]
    return re.compile(("/".join(parts) + (".*" if path.endswith("*") else "")).encode() + rb"\Z", re.DOTALL)


def parse_routes(text: str) -> RouteTable:
    """The table written in `text`. Raises RouteTableError with all problems."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RouteTableError([f"not TOML: {error}"]) from None
    problems = [f"unknown table '{name}'" for name in document.keys() - {"defaults", "route"}]
    defaults = document.get("defaults", {})
    rows = document.get("route", [])
    if not isinstance(defaults, dict) or not isinstance(rows, list):
        raise RouteTableError([*problems, "'defaults' must be a table and 'route' a list of tables"])
    base = read_options(defaults, "defaults", problems)
    if base.get("jwt_user") and not base.get("jwt"):
        problems.append("defaults: 'jwt_user' needs 'jwt = true'")
    _check_dates(base, "defaults", problems)
    if "shadow" in base:
        problems.append("defaults: 'shadow' belongs to a route")
    routes: list[Route] = []
    for number, row in enumerate(rows, 1):
        route = _read_route(row, f"route {number}", base, problems)
        if route is not None:
            routes.append(route)
    _check_clashes(routes, problems)
    if problems:
        raise RouteTableError(problems)
    return RouteTable(tuple(routes), Route(name="unmatched", path="/*", **base))  # type: ignore[arg-type]  # checked above


def _read_route(row: object, label: str, base: dict[str, object], problems: list[str]) -> Route | None:
    if not isinstance(row, dict):
        problems.append(f"{label}: not a table")
        return None
    name, path, methods = row.get("name"), row.get("path"), row.get("methods", [])
    if not isinstance(name, str) or not _NAME.match(name):
        problems.append(f"{label}: 'name' must be lower-case letters, digits and dashes")
        name = label
    label = f"route '{name}'"
    before = len(problems)
    if not isinstance(path, str) or not path.startswith("/") or "*" in path[:-1] or " " in path:
        problems.append(
            f"{label}: 'path' must begin with '/', with {{names}} as whole segments and '*' only at its end"
        )
    elif path.encode() == HEALTH_PATH:
        problems.append(f"{label}: {path} is the gateway's own")
    elif any(("{" in part or "}" in part) and not _SEGMENT.match(part) for part in path.split("/")):
        problems.append(f"{label}: a {{name}} must be a whole segment of 'path'")
    if not isinstance(methods, list) or not all(isinstance(one, str) and _METHOD.match(one) for one in methods):
        problems.append(f"{label}: 'methods' must be a list of upper-case method names")
    options = base | read_options(
        {k: v for k, v in row.items() if k not in ("name", "path", "methods")}, label, problems
    )
    if "flag" in options and "backend" in row:
        problems.append(f"{label}: 'flag' and 'backend' exclude each other")
    if "id_policy" in row and "flag" not in options:
        problems.append(f"{label}: 'id_policy' needs a 'flag', since nothing else is decided by an id")
    if options.get("jwt_user") and not options.get("jwt"):
        problems.append(f"{label}: 'jwt_user' needs 'jwt = true'")
    _check_dates(options, label, problems)
    if isinstance(shadow := options.get("shadow"), Shadowing):
        flag = options.get("flag")
        wrong = shadowing_problems(shadow, None if flag is None else str(flag), methods)
        problems += [f"{label}: 'shadow': {problem}" for problem in wrong]
    if len(problems) > before:
        return None
    return Route(name=name, path=str(path), methods=frozenset(methods), **options)  # type: ignore[arg-type]  # checked above


def _check_dates(options: dict[str, object], label: str, problems: list[str]) -> None:
    """RFC 9745 section 4: what is deprecated ends no earlier than it is deprecated."""
    deprecated, sunset = options.get("deprecated"), options.get("sunset")
    if isinstance(deprecated, datetime) and isinstance(sunset, datetime) and sunset < deprecated:
        problems.append(f"{label}: 'sunset' must not be earlier than 'deprecated'")


def _check_clashes(routes: list[Route], problems: list[str]) -> None:
    seen: set[str] = set()
    taken: dict[tuple[str, str], str] = {}
    for route in routes:
        if route.name in seen or route.name in ("unmatched", "own"):
            problems.append(f"route '{route.name}': the name is taken")
        seen.add(route.name)
        for method in route.methods or {"any method"}:
            other = taken.setdefault((route.path, method), route.name)
            if other != route.name:
                problems.append(f"route '{route.name}': {method} {route.path} belongs to '{other}'")
