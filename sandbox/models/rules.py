"""The extractor's rules as one table: what a sentence in the first person must look like to state a fact.

Every pattern is bounded and free of nested repeats, so that a sentence costs linear time. `what` is the fact itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.models.topics import Topic

_I = r"\bI(?:'m| am|'ve been| have been)?"
_WE = r"\b(?:I|we)"
_BE = r"\b(?:I'm|I am|we're|we are|I've been|we've been|I have been)"
_ADVERBS = (
    r"(?:really |absolutely |genuinely |honestly |definitely |always |usually |generally |mostly |still |actually "
    r"|currently |now |also |just |thinking about |thinking of |trying to |starting to |planning to |planning on |)"
)
_WHAT = r"(?P<what>[^,;:()\n]{2,160})"
_LONG = r"(?P<what>[^;()\n]{2,200})"
_NAME = r"(?P<what>(?-i:[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30}){0,2}))"
_KIN = (
    r"wife|husband|partner|girlfriend|boyfriend|fianc[eé]e?|daughter|son|kids?|children|mom|mum|mother|dad|father|sister"
    r"|brother|grandma|grandmother|grandpa|grandfather|aunt|uncle|cousin|niece|nephew|roommate|flatmate|friend|best friend"
    r"|manager|boss|colleague|coworker|co-founder|cofounder|mentor|teacher|lawyer|doctor|psychiatrist|therapist|dog|cat"
)
_JOBS = (
    r"engineer|developer|designer|teacher|nurse|doctor|lawyer|student|writer|author|manager|director|founder|researcher"
    r"|scientist|analyst|consultant|architect|accountant|chef|cook|artist|musician|photographer|journalist|editor|driver"
    r"|mechanic|electrician|plumber|carpenter|farmer|pilot|librarian|pharmacist|therapist|psychologist|professor|lecturer"
    r"|programmer|administrator|technician|translator|salesperson|marketer|recruiter|paramedic|firefighter|dentist|vet"
    r"|veterinarian|biologist|chemist|physicist|economist|historian|freelancer|contractor|entrepreneur|producer|barista"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `form` is the fact's text, with {what} and {verb}; `in_questions` also reads questions."""

    topic: Topic
    pattern: re.Pattern[str]
    form: str = "{what}"
    in_questions: bool = False


def _rule(topic: Topic, pattern: str, form: str = "{what}", *, in_questions: bool = False) -> Rule:
    return Rule(topic, re.compile(pattern, re.IGNORECASE), form, in_questions)


# How the person's own verb becomes a word about the person.
THIRD_PERSON = {
    "love": "loves", "like": "likes", "enjoy": "enjoys", "prefer": "prefers", "hate": "hates", "dislike": "dislikes",
    "adore": "adores", "don't like": "does not like", "do not like": "does not like", "can't stand": "cannot stand",
    "cannot stand": "cannot stand", "don't eat": "does not eat", "don't drink": "does not drink",
    "avoid": "avoids", "always": "always", "never": "never", "usually": "usually", "play": "plays",
}  # fmt: skip

RULES: tuple[Rule, ...] = (
    _rule(
        Topic.PREFERENCE,
        _WE
        + r" "
        + _ADVERBS
        + r"(?P<verb>love|like|enjoy|prefer|hate|dislike|adore|don't like|do not like|can't stand|cannot stand"
        r"|don't eat|don't drink|avoid) (?!to (?:know|see|ask|hear)\b)(?P<what>[^;()\n]{2,160})",
        "{verb} {what}",
    ),
    _rule(
        Topic.PREFERENCE,
        r"\bmy (?:absolute |all-time )?(?P<verb>favou?rite [\w -]{2,40}?) (?:is|are|was|has always been) " + _WHAT,
        "{verb}: {what}",
    ),
    _rule(Topic.PREFERENCE, r"\b(?:I'd|I would) rather (?!not\b)" + _LONG, "would rather {what}"),
    _rule(Topic.PREFERENCE, _BE + r" (?:a )?(?:big |huge |total )?fan of " + _WHAT, "is a fan of {what}"),
    _rule(Topic.PREFERENCE, _BE + r" not (?:a )?(?:big )?fan of " + _WHAT, "is no fan of {what}"),
    _rule(
        Topic.PREFERENCE,
        _BE
        + r" (?:a |an )?(?P<what>vegetarian|vegan|pescatarian|teetotal(?:l?er)?|night owl|early bird|morning person)\b",
    ),
    _rule(Topic.PREFERENCE, _BE + r" (?:severely |mildly |very )?allergic to " + _WHAT, "is allergic to {what}"),
    _rule(Topic.PREFERENCE, r"\bI get energy from " + _WHAT, "gets energy from {what}"),
    _rule(
        Topic.PREFERENCE,
        r"\bI (?P<verb>always|never|usually) (?!mind\b|said\b|knew\b|thought\b)" + _WHAT,
        "{verb} {what}",
    ),
    _rule(
        Topic.PREFERENCE, r"^(?P<what>[\w' -]{2,60}) (?:is|are) driving me (?:crazy|mad|nuts)\b", "is annoyed by {what}"
    ),
    _rule(Topic.RULE, r"^(?:please )?(?P<what>(?:always|never) [^;()\n]{3,140})"),
    _rule(
        Topic.RULE,
        r"\bplease (?P<what>(?:keep|use|write|answer|give|don't|do not|avoid|be|make sure|stick|call|explain|show) [^;()\n]{3,140})",
        in_questions=True,
    ),
    _rule(
        Topic.AVOID,
        r"\b(?:please )?(?:don't|do not|never|stop) (?P<what>(?:use|using|give|giving|add|adding|include|including|write|writing|call|calling|say|saying|apologi[sz]e|apologi[sz]ing|explain|explaining) [^;()\n]{2,120})",
    ),
    _rule(
        Topic.PROJECT,
        _BE
        + r" "
        + _ADVERBS
        + r"(?:building|developing|working on|creating|making|launching|designing|writing|drafting|implementing|migrating"
        r"|prototyping|organi[sz]ing|renovating|restoring|running|shipping|coding|planting|training for|studying for) "
        r"(?!it\b|this\b|that\b|a bit\b|out of\b|into\b)(?P<what>[^,;()\n?]{3,120})",
        in_questions=True,
    ),
    _rule(
        Topic.PROJECT,
        r"\bI (?:want|plan|intend|hope|would like|'d like|need) to (?:build|create|make|write|develop|launch|start|design|run) "
        r"(?!it\b|this\b|that\b|sure\b|sense\b)(?P<what>(?:an?|my|our|the) [^,;()\n?]{3,120})",
    ),
    _rule(
        Topic.PROJECT,
        r"\b(?:my|our) (?P<what>(?:[\w-]{2,24} ){0,4}(?:project|app|startup|website|blog|podcast|tracker|pipeline|novel|game|plugin|thesis|dissertation|side project|migration))\b",
        in_questions=True,
    ),
    _rule(
        Topic.PROJECT,
        r"\b(?:project|app|startup|company|tool|game|book|novel|blog|podcast|product) (?:is )?(?:called|named) [\"'“]?(?P<what>(?-i:[A-Z])[\w.+ -]{1,40}\w)",
    ),
    _rule(
        Topic.DECISION,
        _WE
        + r"(?:'ve| have)? (?:finally |just |already )?(?P<verb>decided|agreed|resolved|chose|opted|settled|committed) (?:to |on |for |that |not )?"
        + _LONG,
        "{decided}{what}",
    ),
    _rule(
        Topic.DECISION,
        _WE
        + r"(?:'ll| will|'m going to|'re going to| am going to|'ve picked|'m going with|'re going with) "
        + _ADVERBS
        + r"(?!need\b|see\b|try to\b|be able\b|ask\b|have to\b|know\b|let\b|check\b|think\b|give you\b|send you\b)"
        + _LONG,
    ),
    _rule(
        Topic.DECISION,
        r"^(?P<what>[\w /+-]{2,50}) (?:makes the most sense|is the (?:right|obvious) (?:call|choice|answer)|it is)\b",
        "{what}",
    ),
    _rule(
        Topic.BELIEF,
        _WE
        + r" "
        + _ADVERBS
        + r"(?:firmly |strongly |truly )?(?:believe|am convinced|'m convinced)(?: in| that)? "
        + _LONG,
    ),
    _rule(
        Topic.BELIEF,
        r"\bI " + _ADVERBS + r"(?:think|feel)(?: that| like)? (?!about\b|so\b|it over\b|of\b|I\b|we\b|you\b)" + _LONG,
    ),
    _rule(Topic.BELIEF, r"\bin my (?:humble )?(?:opinion|view|experience),? " + _LONG),
    _rule(
        Topic.VALUE,
        r"\b(?P<what>[\w' -]{3,60}?) (?:matters?|is (?:very |really |extremely )?(?:important|critical|crucial|sacred)|means a lot) (?:to|for) (?:me|us)\b",
    ),
    _rule(
        Topic.VALUE, r"\bI (?:really |deeply |highly )?(?:value|care (?:deeply |a lot |most )?about|stand for) " + _WHAT
    ),
    _rule(Topic.NAME, r"\b(?:my (?:full |first |real )?name is|my name's|call me|I go by) " + _NAME),
    _rule(Topic.NAME, r"^(?:hi|hello|hey)?[,! ]{0,3}(?:I'm|I am|this is) " + _NAME + r"(?=[,.!]| and | from |$)"),
    _rule(
        Topic.OCCUPATION,
        _BE
        + r" (?:currently |now |also )?(?:an?|the) (?P<what>(?:[\w-]{2,20} ){0,4}(?:"
        + _JOBS
        + r")(?: (?:at|for|with|in) [^,;.()\n]{2,60})?)\b",
        in_questions=True,
    ),
    _rule(Topic.OCCUPATION, r"\bI work (?:as|full-time as|part-time as) (?:an? |the )?" + _WHAT),
    _rule(Topic.OCCUPATION, r"\bI work (?:for|at|with) " + _WHAT, "works at {what}"),
    _rule(
        Topic.OCCUPATION,
        r"\bwe are (?P<what>an? [\w -]{2,40}(?:company|startup|agency|team|studio|shop))\b",
        "works at {what}",
    ),
    _rule(Topic.OCCUPATION, r"\bmy (?:job|profession|work) is " + _WHAT),
    _rule(Topic.PLACE, r"\bI(?:'m| am)? (?:currently |now )?(?:live|living|based|located|staying) in " + _WHAT),
    _rule(Topic.PLACE, r"\bI (?:just |recently )?(?:moved|am moving|relocated) to " + _WHAT),
    _rule(Topic.PLACE, r"^(?:hi|hello|hey)?[,! ]{0,3}(?:I'm|I am|I come) from " + _NAME),
    _rule(Topic.PLACE, r"\b(?:our|my) (?:neighbou?rhood|house|home|flat|apartment|hometown) (?:is )?in " + _NAME),
    _rule(
        Topic.PERSON,
        r"\bmy (?P<verb>"
        + _KIN
        + r")(?: is (?:called|named)|'s name is| called| named|,)? (?P<what>(?-i:(?:Dr\. |Mr\. |Ms\. |Mrs\. )?[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30})?))",
        "{what} ({verb})",
        in_questions=True,
    ),
    _rule(Topic.PERSON, r"\bmy (?P<what>" + _KIN + r")\b(?!'s name)", "{what}", in_questions=True),
    _rule(
        Topic.INTEREST,
        _BE
        + r" (?:really |very |also |mostly )?(?:into|interested in|passionate about|obsessed with|curious about|fascinated by) "
        + _WHAT,
    ),
    _rule(
        Topic.INTEREST,
        _BE
        + r" "
        + _ADVERBS
        + r"(?:learning|studying|practi[cs]ing|taking up|reading about|exploring) (?:about |how to |to )?"
        + _WHAT,
        in_questions=True,
    ),
    _rule(Topic.INTEREST, r"\bI (?:also |often |sometimes )?play (?:the )?" + _WHAT, "playing {what}"),
    _rule(Topic.INTEREST, r"\bmy (?:main |biggest )?(?:hobby|hobbies|passion|passions) (?:is|are|include) " + _LONG),
    _rule(
        Topic.EXPERTISE,
        _BE
        + r" (?:an? )?(?:expert in|experienced (?:in|with)|good at|fluent in|proficient in|comfortable with) "
        + _WHAT,
    ),
    _rule(
        Topic.EXPERTISE,
        r"\bI(?:'ve| have) (?P<what>\d{1,2}\+? years (?:of experience )?(?:in|with|as) [^,;()\n]{2,80})",
    ),
    _rule(Topic.EXPERTISE, r"\b(?:coming|switching|moving) from (?P<what>(?-i:[A-Z])[\w+#.-]{1,30})\b"),
    _rule(Topic.GOAL, r"\b(?:my (?:main |big )?(?:goal|dream|aim|plan) (?:is|for [\w ]{2,30} is)(?: to)?) " + _LONG),
    _rule(
        Topic.GOAL,
        _WE
        + r" "
        + _ADVERBS
        + r"(?:want|hope|plan|intend|need|aim) to (?!know\b|ask\b|see if\b|understand why\b)"
        + _LONG,
    ),
    _rule(
        Topic.LIFE,
        r"\b(?:diagnosed (?:me )?with|suffer from|struggling with|dealing with|recovering from) " + _WHAT,
        "dealing with {what}",
        in_questions=True,
    ),
    _rule(Topic.LIFE, r"\b(?:I'm|I am) (?:also )?on (?P<what>\d+ ?mg [\w]{3,30})", "takes {what}"),
    _rule(
        Topic.LIFE,
        _BE
        + r" (?P<what>(?:in|going through) an? [^,;()\n]{3,80}(?:dispute|divorce|breakup|transition|crisis|relationship|move))",
    ),
    _rule(
        Topic.LIFE,
        _BE
        + r" (?P<what>(?:recently |newly )?(?:married|divorced|engaged|single|retired|unemployed|pregnant|expecting))\b",
    ),
    _rule(Topic.LIFE, r"\bI(?:'m| am) (?P<what>\d{1,2} years old)\b"),
)

CJK_RULES: tuple[Rule, ...] = (
    _rule(Topic.NAME, r"(?:我叫|我的名字(?:是|叫))(?P<what>[^\s,。,!！?？、的]{1,8})"),
    _rule(Topic.NAME, r"(?:私|わたし|僕|ぼく)の名前は(?P<what>[^\s、。!！]{1,12}?)(?:です|だ|と)"),
    _rule(Topic.PREFERENCE, r"我(?:很|非常|最|特别|比较|真的)?(?P<what>(?:不喜欢|喜欢|喜歡|讨厌|更喜欢|偏好|爱吃|爱)[^,。,!！?？;；\n]{1,40})"),
    _rule(Topic.PREFERENCE, r"(?P<what>[^\s、。,!！?？「」は]{1,20}が(?:大好き|好き|嫌い|苦手))"),
    _rule(Topic.PLACE, r"我(?:现在|目前)?住在(?P<what>[^,。,!！?？;；\n]{1,20})"),
    _rule(Topic.PLACE, r"(?P<what>[^\s、。,!！?？は]{1,15})に住んで"),
    _rule(Topic.OCCUPATION, r"我是(?:一名|一个|一位|个)(?P<what>[^,。,!！?？;；\n]{1,20})"),
    _rule(Topic.OCCUPATION, r"(?P<what>[^\s、。,!！?？は]{1,15})として働いて"),
    _rule(Topic.PROJECT, r"我(?:正在|在)(?:做|开发|写|设计|构建|准备)(?P<what>[^,。,!！?？;；\n]{2,40})"),
    _rule(Topic.PROJECT, r"(?P<what>[^\s、。,!！?？は]{2,30})を(?:開発|作っ|書い|設計)(?:して|て)"),
    _rule(Topic.DECISION, r"我(?:们)?(?:已经)?(?:决定|決定)(?:了)?(?P<what>[^,。,!！?？;；\n]{2,60})"),
    _rule(Topic.DECISION, r"(?P<what>[^\s、。!！?？]{2,40})ことに(?:した|しました|決めた|決めました)"),
    _rule(Topic.BELIEF, r"我(?:认为|觉得|相信|認為)(?P<what>[^。!！?？;；\n]{2,60})"),
)  # fmt: skip
