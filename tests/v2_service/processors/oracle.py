"""A stand-in for the language model that answers from the material alone, so that the joined steps can be tested.

It knows one sentence form per kind of fact and obeys nothing that the material says.
"""

from __future__ import annotations

import re

from v2_service.contract import JsonObject, JsonValue, ModelReply, ModelRequest, Outcome, Usage

_LIKES = re.compile(r"^User: .*?(I (?:prefer|like|no longer like) [\w ]+)\.", re.MULTILINE)
_PROJECT = re.compile(r"^User: .*?I am building (\w+), ([\w ]+)\.", re.MULTILINE)
_EVENT = re.compile(r"^User: .*?My (\w+) is on ([\d-]+)\.", re.MULTILINE)


def answer(request: ModelRequest) -> ModelReply:
    """One answer that obeys the request's schema."""
    data: dict[str, JsonValue]
    if request.step == "extract":
        data = _extract(request.material)
    elif request.step == "memory":
        data = _memory(request.material)
    else:
        data = _sections(request.material)
    return ModelReply(Outcome.OK, data, Usage(len(request.material), 10, 1))


def _extract(material: str) -> JsonObject:
    return {
        "preferences": list(_LIKES.findall(material)),
        "projects": [{"name": n, "description": d, "details": []} for n, d in _PROJECT.findall(material)],
        "dates": [{"event": event, "date": date} for event, date in _EVENT.findall(material)],
        "beliefs": [],
        "decisions": [],
    }


def _memory(material: str) -> JsonObject:
    lists: dict[str, list[JsonValue]] = {}
    at = ""
    for line in material.splitlines():
        if line.endswith(":") and not line.startswith("- "):
            at = line[:-1]
        elif line.startswith("- "):
            lists.setdefault(at, []).append(line[2:])
    names = ("Preferences", "Projects", "Important Dates", "Beliefs & Values", "Decisions & Context")
    fields = ("preferences", "projects", "important_dates", "beliefs_and_values", "decisions_and_context")
    return {field: lists.get(name, []) for field, name in zip(fields, names, strict=True)}


def _sections(material: str) -> JsonObject:
    likes = sorted({line.removeprefix("- ") for line in material.splitlines() if "like" in line and line[:2] == "- "})
    return {
        "soul": {"communication_style": f"writes {material.count('User: ')} lines"},
        "identity": {"ai_name": "Assistant", "archetype": "Patient Builder"},
        "user": {"interests": [*likes]},
        "agents": {},
        "tools": {},
    }
