"""The words of a text as features: lower-cased, roughly stemmed, stop words out, a few synonyms as one concept."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9à-öø-ÿ]+(?:'[a-z]+)?|[Ѐ-ӿ]+|[一-鿿぀-ヿ가-힯]+")
_CJK = re.compile(r"[一-鿿぀-ヿ가-힯]")

_STOP_WORDS = """
a about above after again ai all also am an and any anything are as ask asked assistant at be because been
before being between both but by can chat conversation conversations could did discuss discussed do does doing
don't down during each ever every few for from further get go going got had has have having he help her here
hers him his how i i'd i'll i'm i've if in into is isn't it it's its itself just know let let's like lot made
make many may maybe me mention mentioned might more most much must my myself need new no nor not now of off on
once one only or other our ours out over own past please really remember said same say says see shall she
should so some something still such sure take talk talked tell than that that's the their theirs them then
there these they thing things think this those through to told too under until up us use used user using very
want was way we we're well were what what's when where which while who whom why will with would yes yet you
you're your yours yourself
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_ENDINGS = (
    *("'s", "ational", "ization", "isation", "ations", "ation", "ating", "ated", "ingly", "ings", "ing", "ies"),
    *("edly", "ers", "ed", "es", "er", "ly", "s", "e", "y"),
)

# Words that mean nearly the same share one feature, so that a paraphrase lies near its original: a concept per line.
_GROUPS = """
job work career employment occupation profession
dog puppy hound
cat kitten
car automobile vehicle
kid child children son daughter
wife husband spouse partner married marriage
doctor physician psychiatrist medical
home house apartment flat
movie film cinema
book novel read reading
food meal eat eating dinner lunch breakfast recipe cook cooking
trip travel vacation holiday journey flight
buy purchase bought
money budget expense spending cost price finance financial
bug error fail failure broken exception
fast quick speed performance latency
build create develop make making building
database postgresql postgres sql cockroachdb sqlite db
code programming coding developer software
lawyer attorney legal
sick ill illness disease health diagnosed
run running jog marathon
music song guitar piano listen
exercise gym workout fitness
team colleague coworker group
deploy release launch ship rollout
test testing qa
meeting appointment call
happy glad joy
sad unhappy depressed
afraid scared worried anxious fear
favourite favorite prefer preference love enjoy
big large huge
small tiny little
begin start starting began
end finish complete done
move moving moved relocate
school university college class education
friend friends buddy
decide decided decision choose chose choice
"""


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without its commonest English endings, so that "migrations" and "migrating" meet."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4 - (ending == "s"):
            return word[: -len(ending)]
    return word


_CONCEPTS = {stem(word): f"={group.split()[0]}" for group in _GROUPS.strip().split("\n") for word in group.split()}


def concept(stemmed: str) -> str | None:
    """The feature that a stem shares with its synonyms, if it has any."""
    return _CONCEPTS.get(stemmed)


def words(text: str) -> list[str]:
    """All words, lower-cased; a run of Chinese, Japanese or Korean becomes its pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        if _CJK.match(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            found.append(word)
    return found


def content_words(text: str) -> set[str]:
    """The stems of the words that say what a text is about."""
    return {stem(word) for word in words(text) if word not in STOP_WORDS and (len(word) > 2 or _CJK.match(word))}
