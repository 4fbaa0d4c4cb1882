"""Tells a prompt's instructions from the person's material, and in the material the person's own lines from the rest.

Material is what stands in tags such as <material-3f2a>…</material-3f2a>, or below a `--- label ---` rule; a prompt
with neither is material as a whole. Nothing in material is ever read as an instruction.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.models.dates import iso_day

# HTML knows none of these names, except as <data> and <source>, which are left out: people paste HTML.
_NAMES = (
    "material|conversations?|transcript|documents?|messages|chunks?|facts|memory|memories|export|context|records?"
    "|user_(?:data|content|material|text)|person|corpus|notes|answer|previous_answer"
)
_TAG = re.compile(rf"<(?P<close>/)?(?P<name>(?:{_NAMES})(?:[-_:][A-Za-z0-9]{{1,64}})*)(?:\s[^<>]{{0,200}})?>", re.I)
_RULE = re.compile(r"^-{3,8} ?[\w(][^\n]{0,80}?-{3,8}[ \t]*$", re.M)

Owner = Literal["user", "other", "nobody"]

_OWN = r"user|human|me|you"
_OTHERS = r"assistant|ai|chatgpt|gpt|claude|bot|model|system|tool|developer"
_ROLE_LINE = re.compile(
    r"^(?P<brackets>(?:\[[^\]\n]{0,200}\][ \t]*){0,3})"
    rf"(?:\*\*)?(?:(?P<own>{_OWN})|(?:{_OTHERS}))(?:\*\*)?[ \t]*[:：]",
    re.I | re.M,
)
# "… between <material> and </material>" names the tags and holds nothing.
_MENTION = re.compile(r"[\W_]*(?:and|to|or|then)?[\W_]*")
_BRACKET_LINE = re.compile(r"^\[[^\]\n]{1,200}\]", re.M)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One turn, parted. `delimited` is False when no tag or rule says what is material; then it is all of the text."""

    instruction: str
    material: tuple[str, ...]
    delimited: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one material text, by character offsets, whose words it holds, and the day on its time stamp."""

    owner: Owner
    start: int
    end: int
    written_on: datetime.date | None = None


def part(text: str) -> Prompt:
    """Part one turn. Linear in the length of `text`."""
    blocks = list(_tagged(text))
    if blocks:
        outside, position = [], 0
        for opened, _, _, closed in blocks:
            outside.append(text[position:opened])
            position = closed
        outside.append(text[position:])
        return Prompt("\n".join(outside), tuple(text[start:end] for _, start, end, _ in blocks), delimited=True)
    rule = _RULE.search(text)
    if rule:
        return Prompt(text[: rule.start()], (text[rule.end() :],), delimited=True)
    return Prompt(text, (text,), delimited=False)


def _tagged(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Outermost blocks as (before the tag, content start, content end, after the tag).

    A block ends at the last closing tag of its name before the next opening one: material that holds a closing tag of
    its own does not get out of its block.
    """
    tags = list(_TAG.finditer(text))
    closing: dict[int, int] = {}
    last_close: dict[str, int] = {}
    for index in range(len(tags) - 1, -1, -1):
        name = tags[index]["name"].lower()
        if tags[index]["close"]:
            last_close.setdefault(name, index)
        elif name in last_close:
            closing[index] = last_close.pop(name)
    behind = 0
    for index, end in sorted(closing.items()):
        if index >= behind and not _MENTION.fullmatch(text, tags[index].end(), tags[end].start()):
            yield tags[index].start(), tags[index].end(), tags[end].start(), tags[end].end()
            behind = end + 1


def has_roles(text: str) -> bool:
    """Whether any line says who speaks."""
    return _ROLE_LINE.search(text) is not None


def passages(text: str) -> list[Passage]:
    """Part material by who speaks. Without role prefixes ("User:", "[time] user:") all of it is nobody's line."""
    marks: list[tuple[int, int, Owner, str]] = [
        (match.start(), match.end(), "user" if match["own"] else "other", match["brackets"])
        for match in _ROLE_LINE.finditer(text)
    ]
    if not marks:
        return [Passage("nobody", 0, len(text))]
    if any(brackets for _, _, _, brackets in marks):
        # In a "[title] [time] user: …" listing, a bracketed line without a role begins a fragment of unknown origin.
        starts = {start for start, _, _, _ in marks}
        marks.extend((m.start(), m.end(), "other", "") for m in _BRACKET_LINE.finditer(text) if m.start() not in starts)
        marks.sort()
    found = [Passage("nobody", 0, marks[0][0])] if marks[0][0] else []
    for index, (_, start, owner, brackets) in enumerate(marks):
        end = marks[index + 1][0] if index + 1 < len(marks) else len(text)
        found.append(Passage(owner, start, end, iso_day(brackets)))
    return found
