"""The route table: which requests go where, with what limits. Read once from TOML, every problem reported at once.

The counterpart is the exchange (gateway.proxy.exchange), which carries a Route out.
"""

import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import Final

from gateway.core.decide import Backend

HEALTH_PATH: Final = b"/_gateway/health"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}\Z")
_SEGMENT = re.compile(r"\{[a-z_][a-z0-9_]*\}\Z")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z")
GUARDS: Final = frozenset({"storage-path-of-user"})


class RouteTableError(Exception):
    """A route table that cannot be used; `problems` holds a sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table. Times are seconds, sizes bytes.

    `flag` decides between the backends by the top-level JSON string `key` of the body; without a flag all requests go
    to `backend`. `first_byte` counts from the end of the request, `idle` between two reads, `total` over everything
    (0: no limit). `rate_limit` is requests per minute and key (0: none); `guards` are checks of the body on flagged
    routes; `api_key` asks for the gateway's key; `sunset` is an HTTP date for answers of the legacy backend (RFC 8594).
    """

    name: str
    path: str
    methods: frozenset[str] = frozenset()
    backend: Backend = Backend.LEGACY
    flag: str | None = None
    key: str = "user_id"
    connect: float = 3.0
    first_byte: float = 65.0
    idle: float = 65.0
    total: float = 0.0
    max_body: int = 100 * 1024 * 1024
    rate_limit: int = 0
    guards: frozenset[str] = frozenset()
    api_key: bool = False
    sunset: str | None = None


_UNMATCHED = Route(name="unmatched", path="/*")
_NUMBERS = {"connect", "first_byte", "idle", "total"}
_COUNTS = {"max_body", "rate_limit"}
_OPTIONS = {item.name for item in fields(Route)} - {"name", "path", "methods"}


@dataclass(slots=True)
class RouteTable:
    """Finds the route of a request: exact paths first, then patterns in the order of the file."""

    routes: tuple[Route, ...]
    unmatched: Route = _UNMATCHED
    _exact: dict[bytes, list[Route]] = field(default_factory=dict)
    # By first segment, None for patterns that do not begin with a literal one: most paths need no pattern at all.
    _patterns: dict[bytes | None, list[tuple[int, re.Pattern[bytes], Route]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for position, route in enumerate(self.routes):
            if "{" in route.path or route.path.endswith("*"):
                first = route.path.split("/", 2)[1]
                key = None if "{" in first or "*" in first else first.encode()
                self._patterns.setdefault(key, []).append((position, _compile(route.path), route))
            else:
                self._exact.setdefault(route.path.encode(), []).append(route)

    def match(self, method: bytes, path: bytes) -> Route:
        """The first route for `method` and the decoded `path`; `unmatched` if there is none."""
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
    base = _read_options(defaults, "defaults", problems)
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
    options = base | _read_options(
        {k: v for k, v in row.items() if k not in ("name", "path", "methods")}, label, problems
    )
    if "flag" in options and "backend" in row:
        problems.append(f"{label}: 'flag' and 'backend' exclude each other")
    if options.get("guards") and not options.get("flag"):
        problems.append(f"{label}: 'guards' need a 'flag', since only flagged routes read the body")
    if len(problems) > before:
        return None
    return Route(name=name, path=str(path), methods=frozenset(methods), **options)  # type: ignore[arg-type]  # checked above


def _read_options(row: dict[str, object], label: str, problems: list[str]) -> dict[str, object]:
    options: dict[str, object] = {}
    for name, value in row.items():
        if name not in _OPTIONS:
            problems.append(f"{label}: unknown option '{name}'")
        elif name in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
                problems.append(f"{label}: '{name}' must be seconds from 0 to 86400")
            elif name != "total" and value == 0:
                problems.append(f"{label}: '{name}' must be more than 0")
            else:
                options[name] = float(value)
        elif name in _COUNTS:
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                problems.append(f"{label}: '{name}' must be a whole number, 0 or more")
            else:
                options[name] = value
        else:
            _read_choice(name, value, label, options, problems)
    return options


def _read_choice(name: str, value: object, label: str, options: dict[str, object], problems: list[str]) -> None:
    if name == "backend":
        if value in list(Backend):
            options[name] = Backend(str(value))
        else:
            problems.append(f"{label}: 'backend' must be one of {', '.join(Backend)}")
    elif name == "guards":
        if isinstance(value, list) and all(isinstance(one, str) and one in GUARDS for one in value):
            options[name] = frozenset(value)
        else:
            problems.append(f"{label}: 'guards' must be a list from {', '.join(sorted(GUARDS))}")
    elif name == "api_key":
        if isinstance(value, bool):
            options[name] = value
        else:
            problems.append(f"{label}: 'api_key' must be true or false")
    elif name == "sunset":
        if isinstance(value, str) and _HTTP_DATE.match(value):
            options[name] = value
        else:
            problems.append(f"{label}: 'sunset' must be a date like 'Fri, 31 Dec 2027 23:59:59 GMT'")
    elif isinstance(value, str) and value and value.isprintable():
        options[name] = value
    else:
        problems.append(f"{label}: '{name}' must be text")


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
