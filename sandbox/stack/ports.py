"""Free loopback ports: the documented default where it is free, another one (and a sentence about it) where not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per listener of the stack."""

    public: int = 8080
    ops: int = 9090
    legacy: int = 10000
    v2: int = 8002
    sandbox: int = 54321


def is_free(port: int) -> bool:
    """Whether this machine lets us listen on the port right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_port(taken: set[int]) -> int:
    """A port the kernel calls free that is not in `taken`."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def choose(wanted: Ports, say: Callable[[str], None], free: Callable[[int], bool] = is_free) -> Ports:
    """The wanted ports, each replaced and announced through `say` where it is taken, or asked for twice."""
    chosen: dict[str, int] = {}
    for name in Ports.__slots__:
        port: int = getattr(wanted, name)
        if port == 0 or port in chosen.values() or not free(port):
            other = any_port(set(chosen.values()))
            if port:
                say(f"port {port} ({name}) is taken; using {other} instead")
            port = other
        chosen[name] = port
    return Ports(**chosen)
