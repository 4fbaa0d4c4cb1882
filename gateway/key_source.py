"""Where the public keys that check tokens come from: a file, or a URL that is asked now and then; never per request.

The supervisor follows it and tells the workers. The last good set of a URL stays in force however long the server is
away, and is kept beside the flags (`<flags path>.jwks`) for a restart. How that stands is in the metrics. Counterparts:
gateway.core.token_keys, fleet, ops.key_gauges.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from gateway.ops.access import is_loopback
from gateway.proxy.address import Address, client_tls
from gateway.proxy.question import Questions, Unanswered
from gateway.rollout.atomic_file import write_json

if TYPE_CHECKING:
    from gateway.core.token_keys import TokenKey

FILE_SECONDS: Final = 1.0
ASK_SECONDS: Final = 5.0
MAX_BYTES: Final = 65_536


class KeysUnreadable(ValueError):
    """No key set came from the source, or none that can be used; one sentence."""


def check_source(where: str) -> None:
    """Raises ValueError if `where` is neither a URL that may be asked nor a file with a key set."""
    if "://" in where:
        _target(where)
    else:
        if not _keys(_read_file(Path(where))):
            raise KeysUnreadable("the key set has no key for a signature that is accepted here")


class KeyStanding:
    """How many keys are in force, for how long nobody knows whether they are the newest, and how many looks failed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys = 0
        self.failures = 0
        self._clock = clock
        self._text = ""
        self._confirmed = clock()

    def age(self) -> float:
        """Seconds since the source and all workers last had the same keys; since the start while they never had."""
        return self._clock() - self._confirmed

    def in_force(self, text: str) -> None:
        """These keys are known, and may be old."""
        if text != self._text:
            self._text, self.keys = text, len(_keys(text)) if text else 0

    def confirmed(self, text: str) -> None:
        """A look found these keys, and all workers have them."""
        self.in_force(text)
        self._confirmed = self._clock()

    def failed(self) -> None:
        """A look found none, or not all workers have what it found."""
        self.failures += 1


class KeySource:
    """`where` is a path or a URL, which is asked every `seconds`."""

    def __init__(self, where: str, flags_path: Path, seconds: float) -> None:
        self._where = where
        self._by_url = "://" in where
        self._kept_at = flags_path.with_name(flags_path.name + ".jwks")
        self.seconds = seconds if self._by_url else FILE_SECONDS
        self.standing = KeyStanding()

    async def read(self) -> str:
        """The key set as it is now, checked. Raises KeysUnreadable."""
        if not self._by_url:
            return _checked(_read_file(Path(self._where)))
        text = _checked(await _fetch(self._where))
        self._keep(text)
        return text

    async def first(self) -> str:
        """The key set for a start: as it is now, else the last good one, else none; standard error says which."""
        try:
            found = await self.read()
        except KeysUnreadable as error:
            kept = self._kept()
            instead = "the last good ones stay" if kept else "routes that ask for a token answer 503"
            sys.stderr.write(f"token keys: {error}; {instead}\n")
            self.standing.failed()
            self.standing.in_force(kept)
            return kept
        self.standing.confirmed(found)
        return found

    def _keep(self, text: str) -> None:
        """A copy for bad days: a read-only disk must not stop the keys themselves."""
        try:
            if self._kept() != text:
                write_json(self._kept_at, {"from": self._where, "set": text})
        except OSError as error:
            sys.stderr.write(f"the token keys could not be kept: {error.strerror}\n")

    def _kept(self) -> str:
        """The last good set from this same URL, "" if there is none."""
        try:
            document = json.loads(_read_file(self._kept_at))
            return _checked(document["set"]) if document["from"] == self._where else ""
        except (ValueError, TypeError, KeyError):
            return ""


class Knowing(Protocol):
    """What is needed of the fleet."""

    async def know_keys(self, token_keys: str) -> list[str]:
        """Let all workers check tokens by this key set; returns what went wrong."""
        ...


async def follow_keys(source: KeySource, fleet: Knowing, known: str) -> None:
    """Tell the workers whenever the keys change; a source that fails changes nothing. Never ends by itself."""
    complaint = ""
    while True:
        await asyncio.sleep(source.seconds)
        try:
            found = await source.read()
        except KeysUnreadable as error:
            if str(error) != complaint:
                sys.stderr.write(f"token keys: {error}; the last good ones stay\n")
            complaint = str(error)
            source.standing.failed()
            continue
        complaint = ""
        if found != known and await fleet.know_keys(found):
            known = ""  # some workers may have these by now: even the old ones would have to be told again
            source.standing.failed()
            continue
        known = found
        source.standing.confirmed(found)


def _checked(text: str) -> str:
    _keys(text)
    return text


def _keys(text: str) -> "tuple[TokenKey, ...]":
    from gateway.core.token_keys import TokenKeysError, parse_jwks  # brings the cryptography library

    try:
        return parse_jwks(text)
    except TokenKeysError as error:
        raise KeysUnreadable(str(error)) from None


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise KeysUnreadable(f"{path.name} cannot be read: {error.strerror}") from None


async def _fetch(url: str) -> str:
    address, target = _target(url)
    questions = Questions(address, client_tls("") if address.tls else None, seconds=ASK_SECONDS)
    try:
        answer = await questions.ask("GET", target)
    except Unanswered as error:
        raise KeysUnreadable(f"{address.host} {error}") from None
    if answer.status != 200:
        raise KeysUnreadable(f"{address.host} answers {answer.status}")
    return _bounded(answer.body)


def _bounded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise KeysUnreadable(f"the key set has more than {MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise KeysUnreadable("the key set is not UTF-8") from None


def _target(url: str) -> tuple[Address, str]:
    """Whom to ask, and for what. Whoever can change the answer signs tokens, so it must come by TLS."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    if not parts.hostname or not (tls or (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise KeysUnreadable("give a path or https://HOST/PATH (http:// on loopback alone)")
    if parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise KeysUnreadable("the URL must have no user, fragment or blank")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls=tls), target
