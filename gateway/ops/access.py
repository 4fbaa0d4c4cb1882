"""Who may use the ops port: a bearer token, or nobody but this machine. Counterpart: `gateway.ops.api`.

Browsers are the danger on a loopback port without a token: a page of any site can send requests to it. So a request
that comes from another origin is refused, and so is one whose Host is a name that somebody pointed at this machine.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.ops.errors import ForbiddenOriginError, NotAuthorisedError, OpsAccessError


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port, brackets allowed) means this machine alone."""
    bare = host.removeprefix("[").removesuffix("]")
    if bare.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class OpsAccess:
    """Where the ops port listens (`host`) and the token it wants; None or "" is allowed on loopback alone."""

    host: str
    token: str | None = None

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise OpsAccessError(f"the ops port on {self.host} needs a token: set one, or listen on 127.0.0.1")

    def check(self, *, authorization: str | None, host: str | None, origin: str | None, fetch_site: str | None) -> None:
        """Check the headers of one request. Raises NotAuthorisedError or ForbiddenOriginError."""
        if fetch_site not in (None, "same-origin", "none"):
            raise ForbiddenOriginError("requests from pages of other sites are refused")
        if origin is not None and urlsplit(origin).netloc != (host or ""):
            raise ForbiddenOriginError("requests from pages of other sites are refused")
        if self.token:
            scheme, _, given = (authorization or "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
                raise NotAuthorisedError("a bearer token is needed")
        elif not is_loopback(urlsplit(f"//{host or ''}").hostname or ""):
            raise ForbiddenOriginError("without a token the ops port answers to localhost and loopback addresses only")
