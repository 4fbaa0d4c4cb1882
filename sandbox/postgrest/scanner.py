"""Reads one parameter's text and says where and why it stopped. Counterpart: the grammars in `query`."""

from __future__ import annotations

import re

from sandbox.postgrest.errors import ParseError
from sandbox.postgrest.model import Field, Step

NAME = re.compile(r"[\w$ ]+(?:-(?!>)[\w$ ]+)*")
INDEX = re.compile(r"-?\d+(?=$|::|[-.,):])")
# A JSON key ends where an arrow, a cast or the next word begins.
KEY = re.compile(r"(?:[^-:.,>()]|-(?!>))+")
UNQUOTED_ITEM = re.compile(r"[^,)]*")
KEY_EXPECTED = '"-", digit or any non reserved character different from: .,>()'
FIELD_EXPECTED = "field name (* or [a..z0..9_$])"


class Scanner:
    """A cursor over `text`; `what` names the grammar in errors, `before` counts characters of the key before it."""

    def __init__(self, what: str, text: str, before: int = 0) -> None:
        self._what = what
        self._before = before
        self.text = text
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def fail(self, expecting: str, first: str = "", quote: str = '"') -> ParseError:
        """The error at this very place. What is unexpected is the first character in which the text leaves `first`."""
        left = self.text[self.at :]
        agreed = next((n for n, letter in enumerate(first) if not left.startswith(letter, n)), 0)
        found = f"{quote}{left[agreed]}{quote}" if left[agreed:] else "end of input"
        column = self._before + self.at + 1
        return ParseError(self._what, self.text, column, f"unexpected {found} expecting {expecting}")

    def take(self, literal: str) -> bool:
        """Step over `literal` if it comes next."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def need(self, literal: str) -> None:
        """Step over `literal`, which must come next."""
        if not self.take(literal):
            raise self.fail(f'"{literal}"')

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Step over what the pattern matches here, if it does."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def rest(self) -> str:
        """Everything that is left."""
        left, self.at = self.text[self.at :], len(self.text)
        return left

    def quoted(self) -> str | None:
        """A text in double quotes with backslash escapes; None when no complete one stands here."""
        if not self.text.startswith('"', self.at):
            return None
        read: list[str] = []
        place = self.at + 1
        while place < len(self.text):
            character = self.text[place]
            if character == '"':
                self.at = place + 1
                return "".join(read)
            if character == "\\":
                place += 1
                if place >= len(self.text):
                    return None
                character = self.text[place]
            read.append(character)
            place += 1
        return None

    def name(self) -> str:
        """A column's or function's name, quoted or plain."""
        read = self.quoted()
        if read is None:
            read = self.match(NAME)
        if read is None or not read.strip():
            raise self.fail(FIELD_EXPECTED)
        return read.strip()

    def field(self) -> Field:
        """A name and its arrows."""
        name = self.name()
        steps: list[Step] = []
        while self.take("->"):
            as_text = self.take(">")
            steps.append(Step(self._key(), as_text))
        return Field(name, tuple(steps))

    def _key(self) -> str | int:
        index = self.match(INDEX)
        if index is not None:
            return int(index)
        key = self.quoted()
        if key is None:
            key = self.match(KEY)
        if key is None:
            raise self.fail(KEY_EXPECTED)
        return key

    def item(self) -> str:
        """One value of a list or of a logic tree: quoted as a whole, or all up to a comma or parenthesis."""
        start = self.at
        read = self.quoted()
        if read is not None and (self.done or self.text[self.at] in ",)"):
            return read
        self.at = start
        return self.match(UNQUOTED_ITEM) or ""
