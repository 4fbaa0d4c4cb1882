"""Finds dates in a sentence and writes full ones as ISO 8601; relative ones stay as the person said them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"

_ABSOLUTE = re.compile(
    rf"\b(?P<iso>{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))\b"
    rf"|\b(?P<m1>{_MONTH})\.? (?P<d1>{_DAY})(?:,? (?P<y1>{_YEAR}))?\b"
    rf"|\b(?P<d2>{_DAY}) (?:of )?(?P<m2>{_MONTH})\.?(?:,? (?P<y2>{_YEAR}))?\b"
    rf"|\b(?P<us>(?:1[0-2]|0?[1-9])/(?:[12]\d|3[01]|0?[1-9])/{_YEAR})\b"
    rf"|(?P<cjk>(?:{_YEAR}年)?(?:1[0-2]|0?[1-9])月(?:[12]\d|3[01]|0?[1-9])[日号])"
    rf"|\b(?P<month>(?:in |since |until |by |this |next |last )(?:(?:early |mid |late )?{_MONTH}(?: {_YEAR})?|{_YEAR}))\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:(?:next|last|this|every) (?:week|month|year|summer|winter|spring|fall|autumn|weekend|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)|tomorrow|yesterday|in (?:two|three|four|five|six|\d{1,2}) (?:days|weeks|months)"
    r"|(?:two|three|four|five|six|\d{1,2}) (?:days|weeks|months|years) ago)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(?:birthday|anniversary|wedding|deadline|launch(?:es|ed|ing)?|trip|vacation|holiday|meeting|interview|exam"
    r"|appointment|surgery|flight|conference|graduat\w+|mov(?:e|ed|ing)|born|due|start(?:s|ed|ing)?|began|married|race"
    r"|marathon|release[ds]?|ship(?:s|ped|ping)?|approved|filed|quit|hired|joined|left|visit(?:s|ed|ing)?|concert|party)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class When:
    """A date as found: ISO where year, month and day are known, "March 14" style or the person's words otherwise."""

    text: str
    start: int
    end: int


def find_date(sentence: str) -> When | None:
    """The first date of a sentence. A relative one counts only beside a word for an event."""
    found = _ABSOLUTE.search(sentence)
    if found is not None:
        return When(_written(found), found.start(), found.end())
    found = _RELATIVE.search(sentence)
    if found is not None and _EVENT.search(sentence):
        return When(found.group(), found.start(), found.end())
    return None


def names_event(sentence: str) -> bool:
    """Whether the sentence speaks of something that happens on a day."""
    return _EVENT.search(sentence) is not None


def _written(found: re.Match[str]) -> str:
    if found["iso"]:
        return found["iso"]
    if found["us"]:
        month, day, year = found["us"].split("/")
        return f"{year}-{int(month):02}-{int(day):02}"
    month_name, day, year = found["m1"] or found["m2"], found["d1"] or found["d2"], found["y1"] or found["y2"]
    if not month_name:
        return found.group()
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(month_name.lower()[:3]))
    number = int(re.sub(r"\D", "", day))
    return f"{year}-{month:02}-{number:02}" if year else f"{_MONTHS[month - 1].title()} {number}"
