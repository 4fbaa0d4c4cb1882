"""The stand-in language model as a function: one request in, one reply out. Pure and deterministic.

Counterparts: the wire modules turn HTTP bodies into a `Question` and a `Reply` into an HTTP answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from sandbox.models import prose, tokens
from sandbox.models.answer import answer
from sandbox.models.errors import InvalidRequest
from sandbox.models.knowledge import learn
from sandbox.models.material import Prompt, part
from sandbox.models.settings import ModelSettings
from sandbox.models.skeleton import schema_of

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "model_context_window_exceeded"]
ONE_WORD_TOKENS = 16

_CONDENSE = re.compile(r"\b(?:condens\w+|reduc(?:e|ing)|compress\w*|halve|half|shorten\w*|fewer)\b", re.I)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the caller forces or offers."""

    name: str
    schema: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `turns` are (role, text), oldest first; `schema` is the output format, `tool` the forced tool."""

    system: str
    turns: Sequence[tuple[str, str]]
    max_tokens: int
    schema: Mapping[str, JsonValue] | None = None
    tool: Tool | None = None
    stop_sequences: Sequence[str] = ()
    extra_input: str = ""

    @property
    def input_tokens(self) -> int:
        """Tokens of all that was sent: system, turns, and tool definitions."""
        return tokens.count("".join((self.system, self.extra_input, *(text for _, text in self.turns)))) + len(
            self.turns
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `tool_input` is set when the forced tool was called; `text` is its JSON then."""

    text: str
    stop_reason: StopReason
    input_tokens: int
    output_tokens: int
    stop_sequence: str | None = None
    tool: str | None = None
    tool_input: JsonValue = None


def reply_to(question: Question, settings: ModelSettings, *, truncate: bool = False) -> Reply:
    """Answer. `truncate` cuts the answer in the middle, as if max_tokens had been reached.

    Raises InvalidRequest for input over the context window, SchemaNotSupported for a schema that cannot be obeyed.
    """
    asked = question.input_tokens
    window = settings.context_window_tokens
    if asked > window:
        if settings.over_long_input == "error":
            raise InvalidRequest(f"prompt is too long: {asked} tokens > {window} maximum")
        return Reply("", "model_context_window_exceeded", asked, 0)
    if any(text in content for text in settings.refused_texts for _, content in question.turns):
        return Reply("", "refusal", asked, 1)
    text, value = _compose(question)
    room = min(question.max_tokens, window - asked)
    limit: StopReason = "max_tokens" if room == question.max_tokens else "model_context_window_exceeded"
    if truncate:
        room, limit = min(room, max(1, tokens.count(text) // 2)), "max_tokens"
    stop = next((sequence for sequence in question.stop_sequences if sequence and sequence in text), None)
    if stop is not None:
        text = text[: text.index(stop)]
    if tokens.count(text) > room:
        cut = tokens.cut(text, room)
        return Reply(cut, limit, asked, tokens.count(cut), None, question.tool.name if question.tool else None, {})
    if question.tool is not None:
        return Reply(text, "tool_use", asked, tokens.count(text), None, question.tool.name, value)
    reason: StopReason = "stop_sequence" if stop is not None else "end_turn"
    return Reply(text, reason, asked, max(1, tokens.count(text)), stop)


def _compose(question: Question) -> tuple[str, JsonValue]:
    """The whole answer, and its value when it is JSON."""
    turns = [part(text) for role, text in question.turns if role == "user"]
    system = part(question.system)
    # A system prompt may name the tags that stand in the user's turn: its own blocks count only when that has none.
    delimited = [turn for turn in turns if turn.delimited] or [prompt for prompt in (system,) if prompt.delimited]
    instruction = "\n".join((system.instruction, *(turn.instruction for turn in turns)))
    schema = question.tool.schema if question.tool else question.schema
    if schema is None and question.max_tokens <= ONE_WORD_TOKENS:
        return prose.echo(instruction) or f"ok {prose.MARK}", None
    fenced = schema is None
    if schema is None:
        schema = schema_of(instruction if delimited else _asking_part(system, turns))
    if schema is None and not delimited:
        return _talk(question, instruction), None
    materials = [text for prompt in delimited or turns for text in prompt.material]
    knowledge = learn(materials)
    if schema is None:
        return prose.document(instruction, knowledge), None
    room = question.max_tokens - (8 if fenced else 0)
    value = answer(schema, knowledge, room, condense=_CONDENSE.search(instruction) is not None)
    if fenced:
        return f"```json\n{json.dumps(value, ensure_ascii=False, indent=1)}\n```", value
    return json.dumps(value, ensure_ascii=False), value


def _asking_part(system: Prompt, turns: Sequence[Prompt]) -> str:
    """Where an example may stand when nothing is delimited: the turns, never a system prompt that only sets a scene."""
    return "\n".join(turn.instruction for turn in turns) if turns else system.instruction


def _talk(question: Question, instruction: str) -> str:
    message = next((text for role, text in reversed(question.turns) if role == "user"), "")
    if not question.system:
        return prose.echo(instruction) or prose.chat(message, "")
    earlier = "\n".join(text for _, text in question.turns[:-1])
    return prose.chat(message, f"{question.system}\n{earlier}")
