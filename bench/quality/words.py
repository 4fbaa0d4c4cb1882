"""Text whose every sentence is unique: invented names for facts, and filler that says nothing about anybody."""

from __future__ import annotations

from itertools import product

_ONSETS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = [onset + vowel for onset, vowel in product(_ONSETS, _VOWELS)]
_LENGTH = 4
# Coprime to the number of names, so that neighbours in number are no neighbours in spelling.
_STRIDE = 7_654_321
NAMES = len(_SYLLABLES) ** _LENGTH

_THINGS = (
    "The ferry timetable lists {n} crossings.",
    "A bridge of {n} planks needs paint each spring.",
    "Chapter {n} of the manual explains the valve.",
    "Catalogue entry {n} shows a brass lamp.",
    "The archive keeps box {n} in the cellar.",
    "Route {n} passes the old mill twice.",
    "Sample {n} was stored at room temperature.",
    "The museum moved exhibit {n} to the north hall.",
)
_CJK = ("第{n}号列车经过旧桥。", "目录第{n}页有一盏灯。", "第{n}便の船は朝に出る。", "倉庫の箱{n}は空である。")
_CODE = ("def step_{n}(row):", "    total = row[{n}] * 2", "    return total if total else {n}", "")


def name(number: int) -> str:
    """An invented name that is nobody's and nothing's: another one for each number below `NAMES`."""
    left = (number * _STRIDE) % NAMES
    syllables = []
    for _ in range(_LENGTH):
        left, place = divmod(left, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return "".join(syllables).capitalize()


def filler(number: int) -> str:
    """A sentence about nobody."""
    return _THINGS[number % len(_THINGS)].format(n=number)


def cjk_filler(number: int) -> str:
    """The same in Chinese or Japanese."""
    return _CJK[number % len(_CJK)].format(n=number)


def code(number: int, lines: int) -> str:
    """A fenced block of code."""
    body = "\n".join(_CODE[at % len(_CODE)].format(n=number + at) for at in range(lines))
    return f"```python\n{body}\n```"
