"""The extractor's rules as one table: what a sentence in the first person must look like to state a fact.

Every pattern is bounded and free of nested repeats, so that a sentence costs linear time. `what` is the fact itself.
Words in <angle brackets> stand for the lists in `_WORDS`. Counterpart: `cjk_rules`, for sentences without spaces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.models.topics import Topic

_WORDS = {
    "be": r"\b(?:I'm|I am|we're|we are|I've been|we've been|I have been)",
    "we": r"\b(?:I|we)",
    "really": r"(?:really |absolutely |genuinely |honestly |definitely |always |usually |generally |mostly |still |)",
    "now": (
        r"(?:actually |currently |now |also |just |thinking about |thinking of |trying to |starting to |planning to "
        r"|planning on |really |still |mostly |)"
    ),
    "what": r"(?P<what>[^,;:()\n]{2,160})",
    "long": r"(?P<what>[^;()\n]{2,200})",
    "name": r"(?P<what>(?-i:[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30}){0,2}))",
    "hello": r"^(?:hi|hello|hey)?[,! ]{0,3}",
    "hate": (
        r"love|like|enjoy|prefer|hate|dislike|adore|don't like|do not like|can't stand|cannot stand|don't eat"
        r"|don't drink|avoid"
    ),
    "type": r"vegetarian|vegan|pescatarian|teetotal(?:l?er)?|night owl|early bird|morning person",
    "manner": r"keep|use|write|answer|give|don't|do not|avoid|be|make sure|stick|call|explain|show",
    "stop": (
        r"use|using|give|giving|add|adding|include|including|write|writing|call|calling|say|saying|apologi[sz]e"
        r"|apologi[sz]ing|explain|explaining"
    ),
    "building": (
        r"building|developing|working on|creating|making|launching|designing|writing|drafting|implementing|migrating"
        r"|prototyping|organi[sz]ing|renovating|restoring|shipping|coding|planting|training for|studying for"
        r"|running(?= (?:an?|my|our|the)\b)"
    ),
    "build": r"build|create|make|write|develop|launch|start|design|run",
    "project": (
        r"project|app|startup|website|blog|podcast|tracker|pipeline|novel|game|plugin|thesis|dissertation|migration"
    ),
    "product": r"project|app|startup|company|tool|game|book|novel|blog|podcast|product",
    "errand": (
        r"need|see|try to|be able|ask|have to|know|let|check|think|give you|send you|assume|tell you|show you|be back"
    ),
    "kin": (
        r"wife|husband|partner|girlfriend|boyfriend|fianc[eé]e?|daughter|son|kids?|children|mom|mum|mother|dad|father"
        r"|sister|brother|grandma|grandmother|grandpa|grandfather|aunt|uncle|cousin|niece|nephew|roommate|flatmate"
        r"|best friend|friend|manager|boss|colleague|coworker|co-founder|cofounder|mentor|teacher|lawyer|doctor"
        r"|psychiatrist|therapist|dog|cat"
    ),
    "person": r"(?-i:(?:Dr\. |Mr\. |Ms\. |Mrs\. )?[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30})?)",
    "job": (
        r"engineer|developer|designer|teacher|nurse|doctor|lawyer|student|writer|author|manager|director|founder"
        r"|researcher|scientist|analyst|consultant|architect|accountant|chef|cook|artist|musician|photographer"
        r"|journalist|editor|driver|mechanic|electrician|plumber|carpenter|farmer|pilot|librarian|pharmacist|therapist"
        r"|psychologist|professor|lecturer|programmer|administrator|technician|translator|salesperson|marketer"
        r"|recruiter|paramedic|firefighter|dentist|vet|veterinarian|biologist|chemist|physicist|economist|historian"
        r"|freelancer|contractor|entrepreneur|producer|barista"
    ),
    "employer": (
        r"(?: (?:at|with|in|for (?!\d|the past|the last|over|about))"
        r" ?[^,;.()\n]{2,60}?(?= making| working| and\b| who| that|[,;.()]|$))?"
    ),
    "trouble": r"dispute|divorce|breakup|transition|crisis|relationship|move",
    "state": r"(?:recently |newly )?(?:married|divorced|engaged|single|retired|unemployed|pregnant|expecting)",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `form` is the fact's text, with {what} and {verb}; `in_questions` also reads questions."""

    topic: Topic
    pattern: re.Pattern[str]
    form: str
    in_questions: bool


def rule(topic: Topic, pattern: str, form: str = "{what}", *, in_questions: bool = False) -> Rule:
    """A rule from a pattern with <words> in it."""
    filled = re.sub(r"(?<!P)<(\w+)>", lambda match: _WORDS[match[1]], pattern)
    return Rule(topic, re.compile(filled, re.IGNORECASE), form, in_questions)


# How the person's own verb becomes a word about the person.
THIRD_PERSON = {
    "love": "loves", "like": "likes", "enjoy": "enjoys", "prefer": "prefers", "hate": "hates", "dislike": "dislikes",
    "adore": "adores", "don't like": "does not like", "do not like": "does not like", "can't stand": "cannot stand",
    "cannot stand": "cannot stand", "don't eat": "does not eat", "don't drink": "does not drink", "avoid": "avoids",
}  # fmt: skip

_TASTES = (
    rule(Topic.PREFERENCE, r"<we> <really>(?P<verb><hate>) (?!to (?:know|see|ask|hear)\b)<long>", "{verb} {what}"),
    rule(
        Topic.PREFERENCE,
        r"\bmy (?:absolute |all-time )?(?P<verb>favou?rite [\w -]{2,40}?) (?:is|are|was|has always been) <what>",
        "{verb}: {what}",
    ),
    rule(Topic.PREFERENCE, r"\b(?:I'd|I would) rather (?!not\b)<long>", "would rather {what}"),
    rule(Topic.PREFERENCE, r"<be> (?:a )?(?:big |huge |total )?fan of <what>", "is a fan of {what}"),
    rule(Topic.PREFERENCE, r"<be> not (?:a )?(?:big )?fan of <what>", "is no fan of {what}"),
    rule(Topic.PREFERENCE, r"<be> (?:a |an )?(?P<what><type>)\b"),
    rule(Topic.PREFERENCE, r"<be> (?:severely |mildly |very )?allergic to <what>", "is allergic to {what}"),
    rule(Topic.PREFERENCE, r"\bI get energy from <what>", "gets energy from {what}"),
    rule(
        Topic.PREFERENCE,
        r"\bI (?P<verb>always|never|usually) (?!mind\b|said\b|knew\b|thought\b|<hate>)<what>",
        "{verb} {what}",
    ),
    rule(
        Topic.PREFERENCE,
        r"^(?P<what>[\w' -]{2,60}) (?:is|are) driving me (?:crazy|mad|nuts)\b",
        "is annoyed by {what}",
    ),
    rule(Topic.RULE, r"^(?:please )?(?P<what>(?:always|never) [^;()\n]{3,140})"),
    rule(Topic.RULE, r"\bplease (?P<what>(?:<manner>) [^;()\n]{3,140})", in_questions=True),
    rule(Topic.AVOID, r"\b(?P<verb>don't|do not|never|stop) (?P<what>(?:<stop>) [^;()\n]{2,120})", "{verb} {what}"),
    rule(Topic.INTEREST, r"<be> (?:really |very |also |mostly )?(?:into|interested in|passionate about) <what>"),
    rule(Topic.INTEREST, r"<be> (?:really |very |also )?(?:obsessed with|curious about|fascinated by) <what>"),
    rule(
        Topic.INTEREST,
        r"<be> <now>(?:learn|learning|studying|practi[cs]ing|taking up|reading about|exploring) "
        r"(?:a lot )?(?:about |how to |to )?<what>",
        in_questions=True,
    ),
    rule(Topic.INTEREST, r"\bI (?:also |often |sometimes )?play (?:the )?<what>", "playing {what}"),
    rule(Topic.INTEREST, r"\bmy (?:main |biggest )?(?:hobby|hobbies|passion|passions) (?:is|are|include) <long>"),
)

_WORK = (
    rule(
        Topic.PROJECT,
        r"<be> <now>(?:<building>) (?!it\b|this\b|that\b|a bit\b|out of\b|into\b)(?P<what>[^,;()\n?]{3,120})",
        in_questions=True,
    ),
    rule(
        Topic.PROJECT,
        r"\bI (?:want|plan|intend|hope|would like|'d like|need) to (?:<build>) "
        r"(?P<what>(?:an?|my|our|the) [^,;()\n?]{3,120})",
    ),
    rule(Topic.PROJECT, r"\b(?:my|our) (?P<what>(?:[\w-]{2,24} ){0,4}(?:<project>))\b", in_questions=True),
    rule(
        Topic.PROJECT,
        r"\b(?:<product>) (?:is )?(?:called|named) [\"'“]?(?P<what>(?-i:[A-Z])[\w.+ -]{1,40}\w)",
    ),
    rule(
        Topic.DECISION,
        r"<we>(?:'ve| have)? (?:finally |just |already )?(?:decided|agreed|resolved|chose|opted|settled|committed) "
        r"(?:to |on |for |that )?<long>",
    ),
    rule(
        Topic.DECISION,
        r"<we>(?:'ll| will|'m going to|'re going to| am going to|'ve picked|'m going with|'re going with) "
        r"<now>(?!(?:<errand>)\b)<long>",
    ),
    rule(
        Topic.DECISION,
        r"^(?P<what>[\w /+-]{2,50}) (?:makes the most sense|is the (?:right|obvious) (?:call|choice))\b",
    ),
    rule(
        Topic.OCCUPATION,
        r"<be> (?:currently |now |also )?(?:an?|the) (?P<what>(?:[\w-]{2,20} ){0,4}(?:<job>)\b<employer>)",
        in_questions=True,
    ),
    rule(Topic.OCCUPATION, r"\bI work (?:as|full-time as|part-time as) (?:an? |the )?<what>"),
    rule(Topic.OCCUPATION, r"\bI work (?:for|at|with) <what>", "works at {what}"),
    rule(
        Topic.OCCUPATION,
        r"\bwe are (?P<what>an? [\w -]{2,40}(?:company|startup|agency|team|studio|shop))\b",
        "works at {what}",
    ),
    rule(Topic.OCCUPATION, r"\bmy (?:job|profession|work) is <what>"),
    rule(
        Topic.EXPERTISE,
        r"<be> (?:an? )?(?:expert in|experienced (?:in|with)|good at|fluent in|proficient in|comfortable with) <what>",
    ),
    rule(
        Topic.EXPERTISE,
        r"\bI(?:'ve| have) (?P<what>\d{1,2}\+? years (?:of experience )?(?:in|with|as) [^,;()\n]{2,80})",
    ),
    rule(Topic.EXPERTISE, r"\b(?:coming|switching|moving) from (?P<what>(?-i:[A-Z])[\w+#.-]{1,30})\b"),
    rule(Topic.GOAL, r"\bmy (?:main |big )?(?:goal|dream|aim|plan) (?:is|for [\w ]{2,30} is)(?: to)? <long>"),
    rule(
        Topic.GOAL,
        r"<we> <really>(?:want|hope|plan|intend|need|aim) to (?!know\b|ask\b|see if\b|understand why\b|be\b)<long>",
    ),
)

_LIFE = (
    rule(
        Topic.BELIEF,
        r"<we> <really>(?:firmly |strongly |truly )?(?:believe|am convinced|'m convinced)(?: in| that)? <long>",
    ),
    rule(
        Topic.BELIEF,
        r"\bI <really>(?:think|feel)(?: that| like)? (?!about\b|so\b|it over\b|of\b|I\b|we\b|you\b)<long>",
    ),
    rule(Topic.BELIEF, r"\bin my (?:humble )?(?:opinion|view|experience),? <long>"),
    rule(
        Topic.VALUE,
        r"\b(?P<what>[\w' -]{3,60}?) (?:matters?|means a lot|is (?:very |really |extremely )?"
        r"(?:important|critical|crucial|sacred)) (?:to|for) (?:me|us)\b",
    ),
    rule(
        Topic.VALUE,
        r"\bI (?:really |deeply |highly )?(?:value|care (?:deeply |a lot |most )?about|stand for) <what>",
    ),
    rule(Topic.NAME, r"\b(?:my (?:full |first |real )?name is|my name's|call me|I go by) <name>"),
    rule(Topic.NAME, r"<hello>(?:I'm|I am|this is) <name>(?=[,.!]| and | from |$)"),
    rule(Topic.PLACE, r"\bI(?:'m| am)? (?:currently |now )?(?:live|living|based|located|staying) in <what>"),
    rule(Topic.PLACE, r"\bI (?:just |recently )?(?:moved|am moving|relocated) to <what>"),
    rule(Topic.PLACE, r"<hello>(?:I'm|I am|I come) from <name>"),
    rule(Topic.PLACE, r"\b(?:our|my) (?:neighbou?rhood|house|home|flat|apartment|hometown) (?:is )?in <name>"),
    rule(
        Topic.PERSON,
        r"\bmy (?P<verb><kin>)(?: is (?:called|named)|'s name is| called| named|,)? (?P<what><person>)",
        "{what} ({verb})",
        in_questions=True,
    ),
    rule(
        Topic.PERSON,
        r"\bmy (?P<what><kin>)\b(?!'s name| is (?:called|named)| called| named|,? <person>)",
        in_questions=True,
    ),
    rule(
        Topic.LIFE,
        r"\b(?:diagnosed (?:me )?with|suffer from|struggling with|dealing with|recovering from) <what>",
        "dealing with {what}",
        in_questions=True,
    ),
    rule(Topic.LIFE, r"\b(?:I'm|I am) (?:also )?on (?P<what>\d+ ?mg (?:of )?\w{3,30})", "takes {what}"),
    rule(Topic.LIFE, r"<be> (?P<what>(?:in|going through) an? [^,;()\n]{3,80}(?:<trouble>))\b"),
    rule(Topic.LIFE, r"<be> (?P<what><state>)\b(?!-)"),
    rule(Topic.LIFE, r"\bI(?:'m| am) (?P<what>\d{1,2} years old)\b"),
)

RULES: tuple[Rule, ...] = (*_TASTES, *_WORK, *_LIFE)
