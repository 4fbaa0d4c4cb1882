"""The deterministic language model's eyes: real facts in real text, each with its evidence. Pure, linear time.

English mostly, some Chinese and Japanese. It reads the person's own lines when role prefixes tell whose they are.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from sandbox.models.cjk_rules import CJK_RULES
from sandbox.models.dates import find_date, names_event, written_on
from sandbox.models.material import passages
from sandbox.models.rules import RULES, THIRD_PERSON, Rule
from sandbox.models.sentences import Sentence, sentences
from sandbox.models.topics import Fact, Facts, Topic

LONGEST_FACT = 160
LONGEST_QUOTE = 140

# Every rule needs one of these words: what has none is passed over at the price of one search.
_CUE = re.compile(
    r"\b(?:i|i'm|i've|i'd|i'll|my|mine|me|we|we're|we've|we'll|our|us|please|never|always|don't|called|named"
    r"|most sense|right call|right choice)\b",
    re.IGNORECASE,
)
_CJK = re.compile(r"[一-鿿぀-ヿ가-힯]")
# What follows one of these is supposed, asked or reported, not stated.
_SUPPOSED = re.compile(
    r"(?:\bif|\bwhether|\bwhen|\bunless|\bsuppose|\bimagine|\bpretend|\blike|\bdo|\bdid|\bcan|\bcould|\bwould|\bshould"
    r"|\bhave|\bas)(?: (?:that|the|so|you think))?\s*$",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:,? (?:but|because|since|so that|which|though|although|and (?:i|we|then|hit|got|found)|so)\b"
    r"| (?:--|[—–-]) |\.{3}).*$",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:because|since|so that|as it|due to)\b[^.;]{3,160}", re.I)
# How an interest is followed is not part of its name.
_DETOUR = re.compile(r"\s+(?:coming from|through|by|so far)\b.*$", re.I)
_SUBJECT = re.compile(
    r"^(?:so |ok |well |hey |hi |hello |please |can you |could you )*"
    r"(?:what (?:is|are|'s)|explain|tell me about|how to|teach me(?: about)?|help me (?:with|understand))\s+"
    r"(?:an? |the )?(?!my\b|your?\b|this\b|that\b|it\b|me\b|these\b|those\b|going\b|up\b)(?P<what>[^?.,;:()\n]{2,60})",
    re.IGNORECASE,
)
SHORTEST_QUESTION = 12


def extract(materials: Sequence[str]) -> Facts:
    """Facts about the writer of `materials`, in the order found.

    Material whose lines carry role prefixes counts only with the user's lines; any other counts as the user's own.
    """
    facts = Facts()
    for source, text in enumerate(materials):
        parts = passages(text)
        roles = any(part.owner != "nobody" for part in parts)
        before: Sentence | None = None
        header = written_on(text)
        for part in parts:
            if part.owner == "other" or (roles and part.owner == "nobody"):
                before = None
                continue
            for sentence in sentences(text, part.start, part.end):
                _read(sentence, before, source, part.written_on or header, facts)
                before = sentence
    return facts


def _read(sentence: Sentence, before: Sentence | None, source: int, today: datetime.date | None, facts: Facts) -> None:
    if _CJK.search(sentence.text):
        _apply(CJK_RULES, sentence, before, source, facts)
    if _CUE.search(sentence.text):
        if _apply(RULES, sentence, before, source, facts) and not sentence.question:
            _add_quote(sentence, source, facts)
        _add_date(sentence, source, today, facts)
    elif names_event(sentence.text):
        _add_date(sentence, source, today, facts)
    subject = _SUBJECT.search(sentence.text)
    if subject:
        facts.add(Fact(Topic.INTEREST, _tidy(subject["what"]), "", "", source, sentence.start, sentence.end))
    if sentence.question and len(sentence.text) >= SHORTEST_QUESTION:
        text = sentence.text[:LONGEST_FACT]
        facts.add(Fact(Topic.QUESTION, text, "", "", source, sentence.start, sentence.end))


def _apply(rules: Sequence[Rule], sentence: Sentence, before: Sentence | None, source: int, facts: Facts) -> bool:
    found = False
    for rule in rules:
        if sentence.question and not rule.in_questions:
            continue
        match = rule.pattern.search(sentence.text)
        if match is None or _SUPPOSED.search(sentence.text, 0, match.start()):
            continue
        fact = _fact(rule, match, sentence, before, source)
        if fact is not None:
            facts.add(fact)
            found = True
    return found


def _fact(rule: Rule, match: re.Match[str], sentence: Sentence, before: Sentence | None, source: int) -> Fact | None:
    what = _tidy(match["what"])
    if len(what) < 2 and not _CJK.search(what):
        return None
    groups = match.groupdict()
    verb = (groups.get("verb") or "").lower()
    text = rule.form.format(what=what, verb=THIRD_PERSON.get(verb, verb))
    detail = ""
    if rule.topic is Topic.DECISION:
        detail = _context(sentence, before)
    elif rule.topic is Topic.PROJECT:
        text, detail = _project_name(text), sentence.text[:LONGEST_FACT]
    elif rule.topic is Topic.INTEREST:
        text = _DETOUR.sub("", text)
    start = sentence.start + match.start()
    return Fact(rule.topic, text[:LONGEST_FACT], detail, "", source, start, sentence.start + match.end())


def _tidy(what: str) -> str:
    """A fact without the clause that follows it, and without quotes or stops at its ends."""
    return _TAIL.sub("", what).strip(" \t\"'“”.,!?*`。，").strip()


def _project_name(text: str) -> str:
    """A project's name without its article and without what it is for."""
    called = re.search(r"\b(?:called|named)\s+[\"'“]?([^\"'”]{2,60})", text)
    name = re.sub(r"^(?:an?|the|my|our|some)\s+", "", called[1] if called else text, flags=re.IGNORECASE)
    name = re.sub(r"\s+(?:for|in|with|using|to|that|from|at|so|as|on|and (?:hit|i|we))\s.*$", "", name)
    return name if len(name) > 2 else text


def _context(sentence: Sentence, before: Sentence | None) -> str:
    """Why a decision fell: its own reason, else the sentence before it."""
    reason = _REASON.search(sentence.text)
    if reason:
        return reason.group().strip()
    return before.text[:LONGEST_FACT] if before is not None else ""


def _add_date(sentence: Sentence, source: int, today: datetime.date | None, facts: Facts) -> None:
    when = find_date(sentence.text, today)
    if when is not None and not sentence.question:
        event = sentence.text[:LONGEST_FACT].strip()
        facts.add(Fact(Topic.DATE, event, when.text, "", source, sentence.start, sentence.end))


def _add_quote(sentence: Sentence, source: int, facts: Facts) -> None:
    if 20 <= len(sentence.text) <= LONGEST_QUOTE:
        facts.add(Fact(Topic.QUOTE, sentence.text, "", "", source, sentence.start, sentence.end))
