"""Finds dates in a sentence and writes full ones as ISO 8601; relative ones stay as the person said them."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"

_ABSOLUTE = re.compile(
    rf"\b(?P<iso>{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))\b"
    rf"|\b(?P<m1>{_MONTH})\.? (?P<d1>{_DAY})(?:,? (?P<y1>{_YEAR}))?\b"
    rf"|\b(?P<d2>{_DAY}) (?:of )?(?P<m2>{_MONTH})\.?(?:,? (?P<y2>{_YEAR}))?\b"
    rf"|\b(?P<us>(?:1[0-2]|0?[1-9])/(?:[12]\d|3[01]|0?[1-9])/{_YEAR})\b"
    rf"|(?P<cjk>(?:{_YEAR}年)?(?:1[0-2]|0?[1-9])月(?:[12]\d|3[01]|0?[1-9])[日号])"
    rf"|\b(?P<month>(?:in|since|until|by|this|next|last) (?:(?:early |mid |late )?{_MONTH}(?: {_YEAR})?|{_YEAR}))\b",
    re.IGNORECASE,
)
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COUNT = rf"(?:{'|'.join(_NUMBERS)}|\d{{1,2}})"
_RELATIVE = re.compile(
    rf"\b(?:(?P<which>next|last|this|every) (?P<unit>week|month|year|summer|winter|spring|fall|autumn|weekend"
    rf"|{'|'.join(_WEEKDAYS)})|(?P<day>tomorrow|yesterday|tonight|today)"
    rf"|in (?P<ahead>{_COUNT}) (?P<aheads>day|week|month)s?|(?P<back>{_COUNT}) (?P<backs>day|week|month|year)s? ago)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(?:birthday|anniversary|wedding|deadline|launch(?:es|ed|ing)?|trip|vacation|holiday|meeting|interview|exam"
    r"|appointment|surgery|flight|conference|graduat\w+|mov(?:e|ed|ing)|born|due|start(?:s|ed|ing)?|began|married|race"
    r"|marathon|release[ds]?|ship(?:s|ped|ping)?|approved|filed|quit|hired|joined|left|visit(?:s|ed|ing)?|concert|party"
    r"|see(?:ing)?|meet(?:ing)?|talk(?:ing)?|arriv\w+|arrive|return\w*|decided|signed|bought|finish\w*|submit\w*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class When:
    """A date as found: ISO where year, month and day are known, "March 14" style or the person's words otherwise."""

    text: str
    start: int
    end: int


def find_date(sentence: str, today: datetime.date | None = None) -> When | None:
    """The first date of a sentence. A relative one counts only beside a word for an event.

    With the day on which it was written, "tomorrow", "next Friday" and "March 14" become full dates.
    """
    found = _ABSOLUTE.search(sentence)
    if found is not None:
        return When(_written(found, today), found.start(), found.end())
    found = _RELATIVE.search(sentence)
    if found is not None and _EVENT.search(sentence):
        day = _reckoned(found, today) if today else None
        return When(day.isoformat() if day else found.group(), found.start(), found.end())
    return None


def _reckoned(found: re.Match[str], today: datetime.date) -> datetime.date | None:
    """The day that relative words mean; None when they mean no one day."""
    days: int | None = None
    if found["day"]:
        days = {"tomorrow": 1, "yesterday": -1}.get(found["day"].lower(), 0)
    elif found["ahead"] and found["aheads"].lower() != "month":
        days = _number(found["ahead"]) * (7 if found["aheads"].lower() == "week" else 1)
    elif found["back"] and found["backs"].lower() in ("day", "week"):
        days = -_number(found["back"]) * (7 if found["backs"].lower() == "week" else 1)
    elif found["unit"] and found["unit"].lower() in _WEEKDAYS:
        gap = (_WEEKDAYS.index(found["unit"].lower()) - today.weekday()) % 7
        days = {"next": gap or 7, "this": gap, "last": gap - 7}.get(found["which"].lower())
    return None if days is None else today + datetime.timedelta(days=days)


def _number(word: str) -> int:
    return _NUMBERS.get(word.lower()) or int(word)


def written_on(text: str) -> datetime.date | None:
    """The day on a "Date: 2024-05-01" line at the top of a text."""
    found = re.match(r"\s*date:\s*(\S{10})", text, re.IGNORECASE)
    return iso_day(found[1]) if found else None


def iso_day(text: str) -> datetime.date | None:
    """The first ISO 8601 day in `text`, such as a time stamp in brackets."""
    found = re.search(r"\d{4}-\d\d-\d\d", text)
    try:
        return datetime.date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None


def names_event(sentence: str) -> bool:
    """Whether the sentence speaks of something that happens on a day."""
    return _EVENT.search(sentence) is not None


def _written(found: re.Match[str], today: datetime.date | None) -> str:
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
    if not year and today:
        year = str(today.year)
    return f"{year}-{month:02}-{number:02}" if year else f"{_MONTHS[month - 1].title()} {number}"
