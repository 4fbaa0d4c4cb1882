"""Free text of the stand-in: an answer that quotes what the context holds, or a Markdown document of known facts.

Every one carries the mark [sandbox].
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.models.features import content_words
from sandbox.models.fields import topics_of
from sandbox.models.knowledge import Knowledge, learn
from sandbox.models.topics import Topic

MARK = "[sandbox]"
LONGEST_QUOTE = 240
MOST_QUOTES = 4
LONGEST_CONTEXT = 200_000

_ECHO = re.compile(r"\b(?:the (?:single |one )?word|exactly)[ :]+[\"'“`]?(\w{1,20})\b", re.I)
_TITLE = re.compile(r"\b([A-Z][A-Za-z]{2,20})\.md\b")
_PREFIX = re.compile(
    r"^(?:\W*\[[^\]\n]{0,200}\]\s*)*(?:\*\*)?(?:(?P<user>user|human)|assistant|ai)?(?:\*\*)?\s*:?\s*", re.I
)
_SECTIONS: tuple[tuple[str, tuple[Topic, ...]], ...] = (
    ("Work and people", (Topic.NAME, Topic.OCCUPATION, Topic.EXPERTISE, Topic.PLACE, Topic.PERSON)),
    ("Preferences", (Topic.PREFERENCE, Topic.RULE, Topic.AVOID)),
    ("Projects", (Topic.PROJECT, Topic.GOAL)),
    ("Important dates", (Topic.DATE,)),
    ("Beliefs and values", (Topic.BELIEF, Topic.VALUE)),
    ("Decisions", (Topic.DECISION,)),
    ("Interests", (Topic.INTEREST,)),
    ("Life", (Topic.LIFE,)),
    ("In their own words", (Topic.QUOTE,)),
)


def echo(instruction: str) -> str | None:
    """The one word that the instructions want back, when they want just one."""
    found = _ECHO.search(instruction[:400])
    return f"{found[1]} {MARK}" if found else None


def document(instruction: str, knowledge: Knowledge, per_section: int = 12) -> str:
    """Markdown of all that is known, titled by the file that the instructions name."""
    title = _TITLE.search(instruction)
    lines = [
        f"# {title[1].title() if title else 'Notes'}",
        f"_{MARK} Made of found facts by a deterministic extractor._",
    ]
    if knowledge.style.sentences:
        style = knowledge.style
        lines += ["", "## Voice", f"- {style.communication}", f"- Tone: {style.tone}; {style.emoji}; {style.humor}"]
        lines.append(f"- Traits: {', '.join(style.traits)}")
    handed = [(name, said) for name, said in knowledge.given.measures.items() if said and not topics_of(name)]
    for measure, said in handed[:8]:
        lines.append(
            f"- {measure.replace('_', ' ').capitalize()}: {said if isinstance(said, str) else ', '.join(said[:7])}"
        )
    for heading, topics in _SECTIONS:
        facts = knowledge.facts.of(*topics)[:per_section]
        if facts:
            lines += ["", f"## {heading}"]
            lines += [f"- {fact.text}" + (f" ({fact.detail})" if fact.detail else "") for fact in facts]
    if len(knowledge.facts) == 0:
        lines += ["", "not enough data"]
    return "\n".join(lines)


def chat(message: str, context: str) -> str:
    """An answer to `message` that quotes the lines of `context` that share most words with it."""
    context = context[:LONGEST_CONTEXT]
    quotes = best_lines(message, context)
    if quotes:
        told = "\n".join(f'- "{quote}"' for quote in quotes)
        return f"{MARK} This is what you told me before that bears on it:\n{told}"
    known = learn((context,)).facts
    facts = known.texts(Topic.OCCUPATION, Topic.PROJECT, Topic.PREFERENCE, Topic.DECISION, Topic.PERSON)[:MOST_QUOTES]
    if facts and not content_words(message):
        return f"{MARK} What I know of you: {'; '.join(facts)}."
    subject = " ".join(message.split())[:120]
    return f"{MARK} I have nothing on that in what you told me. You asked: {subject}"


def best_lines(message: str, context: str) -> list[str]:
    """Up to `MOST_QUOTES` passages of the context, best first, own words before others at equal rank."""
    wanted = content_words(message)
    if not wanted:
        return []
    ranked: list[tuple[float, int, str]] = []
    for index, line in enumerate(_lines(context)):
        prefix = _PREFIX.match(line)
        text = line[prefix.end() :] if prefix else line
        shared = wanted & content_words(text)
        if shared:
            own = 0.5 if prefix and prefix["user"] else 0.0
            ranked.append((sum(min(len(word), 8) for word in shared) / 8 + own, -index, " ".join(text.split())))
    ranked.sort(reverse=True)
    quotes = dict.fromkeys(text[:LONGEST_QUOTE] for _, _, text in ranked if len(text) > 12)
    return list(quotes)[:MOST_QUOTES]


def _lines(context: str) -> Sequence[str]:
    return [
        piece for line in context.split("\n") for piece in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'])", line) if piece.strip()
    ]
