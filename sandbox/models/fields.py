"""What a field's name asks for: the topics that answer it, or a measure of style."""

from __future__ import annotations

import re
from functools import lru_cache

from sandbox.models.topics import Topic

Topics = tuple[Topic, ...]

_T = Topic
# First match wins, so the narrow words stand before the wide ones.
_TABLE: tuple[tuple[str, Topics], ...] = (
    (r"tone_?examples", (_T.QUOTE,)),
    (r"humou?r_?examples", ()),
    (r"\w*_?style|tone|humou?r|formality|emoji|traits?|emotional|vibe|greeting", ()),
    (r"archetype|essence|ai_?name|behaviou?ral_?rules|depth", ()),
    (r"output_?preferences?|format_?preferences?", (_T.RULE, _T.PREFERENCE)),
    (r"memory_?directives?", (_T.RULE, _T.PROJECT)),
    (r"dates?|events?|timeline|milestones?|important_?dates", (_T.DATE,)),
    (r"decisions?|choices?", (_T.DECISION,)),
    (r"beliefs?|opinions?|worldview", (_T.BELIEF, _T.VALUE)),
    (r"values?", (_T.VALUE, _T.BELIEF)),
    (r"projects?|working_?on|building", (_T.PROJECT,)),
    (r"likely_?usage|usage|use_?cases?|capabilit\w+", (_T.PROJECT, _T.GOAL, _T.INTEREST)),
    (r"goals?|plans?|aspirations?", (_T.GOAL, _T.PROJECT)),
    (r"preferred_?address|names?", (_T.NAME,)),
    (r"location|places?|city|country|home|lives_?in", (_T.PLACE,)),
    (r"occupation|jobs?|work|profession|career|role", (_T.OCCUPATION,)),
    (r"relationships?|people|family|friends|contacts?", (_T.PERSON,)),
    (r"expertise|skills?|experience", (_T.EXPERTISE, _T.OCCUPATION)),
    (r"interests?|hobb(?:y|ies)|topics?|curiosity|passions?", (_T.INTEREST, _T.PROJECT)),
    (r"questions?", (_T.QUESTION,)),
    (r"quotes?|signature_?phrases?|phrases", (_T.QUOTE,)),
    (r"(?:do_?not|dont|avoid|boundar(?:y|ies)|never|dislikes?)", (_T.AVOID, _T.RULE)),
    (r"behaviou?ral_?rules?|rules?|guidelines?|do|instructions?", (_T.RULE, _T.PREFERENCE)),
    (r"preferences?|likes|favou?rites?|tastes?", (_T.PREFERENCE, _T.RULE)),
    (r"life(?:_?context)?|background|situation|circumstances|health", (_T.LIFE, _T.PLACE, _T.OCCUPATION, _T.GOAL)),
    (r"facts?|memor(?:y|ies)|notes?|highlights?|key_?points?|observations?|summary|insights?|details", tuple(Topic)),
)  # fmt: skip
_COMPILED = tuple((re.compile(rf"(?:^|_)(?:{pattern})(?:_|$)"), topics) for pattern, topics in _TABLE)


def snake(name: str) -> str:
    """A field's name or a heading as lower-case words joined by underscores."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:120])
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


@lru_cache(maxsize=4096)
def topics_of(name: str) -> Topics:
    """The topics that answer a field called `name`; () when none does or when it asks for a measure of style."""
    plain = snake(name)
    for pattern, topics in _COMPILED:
        if pattern.search(plain):
            return topics
    return ()
