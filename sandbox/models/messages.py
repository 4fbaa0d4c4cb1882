"""The body of POST /v1/messages: checked as strictly as the real API does, and turned into a question for the mind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sandbox.models import tokens
from sandbox.models.errors import InvalidRequest
from sandbox.models.mind import Question, Tool
from sandbox.models.schema_limits import check
from sandbox.models.settings import ModelSettings


class _Strict(BaseModel):
    """Unknown fields are refused, as the real API does."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Block(BaseModel):
    """Any content block; only the parts with text in them are read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    text: str = ""
    content: str | list[Block] | None = None


class Turn(_Strict):
    """One message of the conversation."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class OutputFormat(_Strict):
    """A JSON schema that the answer must obey."""

    type: Literal["json_schema"]
    json_schema: dict[str, JsonValue] = Field(alias="schema")
    name: str | None = None


class OutputConfig(_Strict):
    """How to answer."""

    format: OutputFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class ToolDefinition(BaseModel):
    """A tool that the caller offers; server tools have a type and no schema."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1, max_length=128)
    input_schema: dict[str, JsonValue] = Field(default_factory=dict)


class ToolChoice(BaseModel):
    """Which tool is to be called."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class CountRequest(_Strict):
    """The fields that counting tokens shares with POST /v1/messages. Those not used are taken as they are."""

    model: str = Field(min_length=1, max_length=200)
    messages: Annotated[list[Turn], Field(min_length=1, max_length=100_000)]
    system: str | list[Block] = ""
    tools: list[ToolDefinition] = Field(default_factory=list)
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    thinking: JsonValue = None
    cache_control: JsonValue = None
    speed: JsonValue = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


class MessageRequest(CountRequest):
    """The body of POST /v1/messages."""

    max_tokens: int = Field(ge=1)
    stream: bool = False
    stop_sequences: list[str] = Field(default_factory=list, max_length=8192)
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    metadata: JsonValue = None
    service_tier: JsonValue = None
    container: JsonValue = None
    context_management: JsonValue = None
    diagnostics: JsonValue = None
    inference_geo: str | None = None
    anthropic_version: str | None = None
    anthropic_beta: JsonValue = None
    betas: JsonValue = None


def parse_message(body: JsonValue) -> MessageRequest:
    """Raises InvalidRequest, worded as the real API words it."""
    try:
        return MessageRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(_first_problem(error)) from None


def parse_count(body: JsonValue) -> CountRequest:
    """Raises InvalidRequest."""
    try:
        return CountRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(_first_problem(error)) from None


def parse_json(body: bytes) -> JsonValue:
    """Raises InvalidRequest when the body is not JSON."""
    try:
        value: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body is not valid JSON") from None
    return value


def question_of(request: CountRequest, settings: ModelSettings) -> Question:
    """The request as the mind reads it. Raises InvalidRequest, SchemaNotSupported."""
    turns = [(turn.role, _text(turn.content)) for turn in request.messages]
    if turns[0][0] != "user":
        raise InvalidRequest('messages: first message must use the "user" role')
    for index, (role, text) in enumerate(turns):
        if not text.strip() and not (role == "assistant" and index == len(turns) - 1) and not _other(request, index):
            raise InvalidRequest(f"messages.{index}: user messages must have non-empty content")
    format_ = (request.output_config.format if request.output_config else None) or request.output_format
    if format_ is not None and settings.strict_schemas:
        check(format_.json_schema)
    return Question(
        system=_text(request.system),
        turns=turns,
        max_tokens=request.max_tokens if isinstance(request, MessageRequest) else 1,
        schema=format_.json_schema if format_ is not None else None,
        tool=_forced(request),
        stop_sequences=request.stop_sequences if isinstance(request, MessageRequest) else (),
        extra_input=json.dumps([tool.input_schema for tool in request.tools]) if request.tools else "",
    )


def _other(request: CountRequest, index: int) -> bool:
    """Whether a turn holds something that is not text, such as an image."""
    content = request.messages[index].content
    return isinstance(content, list) and any(block.type != "text" for block in content)


def _forced(request: CountRequest) -> Tool | None:
    choice = request.tool_choice
    if choice is None or choice.type not in ("tool", "any"):
        return None
    wanted = [tool for tool in request.tools if choice.type == "any" or tool.name == choice.name]
    if not wanted:
        raise InvalidRequest(f"tool_choice: tool '{choice.name or ''}' not found in provided tools")
    return Tool(wanted[0].name, wanted[0].input_schema)


def _text(content: str | Sequence[Block]) -> str:
    """All text of a turn; blocks are joined by newlines, the text inside tool results included."""
    if isinstance(content, str):
        return tokens.scrub(content)
    pieces = []
    for block in content:
        if block.text:
            pieces.append(tokens.scrub(block.text))
        if block.content:
            pieces.append(_text(block.content))
    return "\n".join(pieces)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in problem["loc"]) or "body"
    told = {"missing": "Field required", "extra_forbidden": "Extra inputs are not permitted"}
    return f"{place}: {told.get(problem['type'], problem['msg'])}"
