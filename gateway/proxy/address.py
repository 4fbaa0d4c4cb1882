"""Where a listener or a backend is: host and port, or the path of a Unix socket, with or without TLS."""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is set for a Unix socket, else host and port are."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False

    @property
    def authority(self) -> bytes:
        """The Host field for a request whose client sent none (HTTP/1.0)."""
        if self.path:
            return b"localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}".encode()


def parse_upstream(url: str) -> Address:
    """`http://host:port`, `https://host`, `unix:/path/to/socket`; a bare `host:port`, as platforms name their private
    services, is http. Raises ValueError with a sentence."""
    if _HOST_PORT.match(url):
        url = f"http://{url}"
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        path = "/" + path.lstrip("/")
        if len(path.encode()) > 107 or path == "/":
            raise ValueError("the path of a Unix socket has 1 to 107 bytes")
        return Address(path=path)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give http://HOST:PORT, https://HOST or unix:/PATH")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError("a backend is a scheme, a host and a port: no path, query or user")
    try:
        parts.hostname.encode("idna")  # as the resolver will
    except UnicodeError:
        raise ValueError("the name of the host has an empty or too long part") from None
    tls = parts.scheme == "https"
    return Address(host=parts.hostname, port=parts.port or (443 if tls else 80), tls=tls)


def parse_listen(text: str) -> Address:
    """`HOST:PORT` with an IPv6 host in brackets; port 0 means any free one. Raises ValueError with a sentence."""
    found = _HOST_PORT.match(text)
    if found is None or int(found[3]) > 65535:
        raise ValueError("give HOST:PORT, an IPv6 host in brackets")
    return Address(host=found[1] or found[2], port=int(found[3]))


def client_tls(ca_file: str) -> ssl.SSLContext:
    """How https backends are checked: by the system's authorities, or only by those in `ca_file` (PEM).

    Raises OSError (ssl.SSLError is one) if the file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
