"""The body of Bedrock's POST /model/{id}/converse, and its answer."""

from __future__ import annotations

import json
import secrets
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sandbox.models import tokens
from sandbox.models.errors import InvalidRequest
from sandbox.models.mind import Question, Reply, Tool

DEFAULT_MAX_TOKENS = 4096

_STOP_REASONS = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "content_filtered",
    "model_context_window_exceeded": "model_context_window_exceeded",
}


class _Lenient(BaseModel):
    """Fields that the stand-in does not use are taken as they are: the SDK has checked them already."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class _Block(_Lenient):
    text: str = ""


class _Turn(_Lenient):
    role: Literal["user", "assistant"]
    content: list[_Block] = Field(min_length=1)


class _Inference(_Lenient):
    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, ge=1, alias="maxTokens")
    stop_sequences: list[str] = Field(default_factory=list, alias="stopSequences")


class ConverseRequest(_Lenient):
    """The part of the body that is read."""

    messages: list[_Turn] = Field(min_length=1)
    system: list[_Block] = Field(default_factory=list)
    inference: _Inference = Field(default_factory=_Inference, alias="inferenceConfig")
    tools: JsonValue = Field(default=None, alias="toolConfig")
    output: JsonValue = Field(default=None, alias="outputConfig")


def parse_converse(body: JsonValue) -> Question:
    """The body as a question. Raises InvalidRequest."""
    try:
        asked = ConverseRequest.model_validate(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "/".join(str(step) for step in problem["loc"])
        raise InvalidRequest(
            f"Malformed input request: #/{place}: {problem['msg']}, please reformat your input."
        ) from None
    if asked.messages[0].role != "user":
        raise InvalidRequest(
            "A conversation must start with a user message. Try again with a conversation that starts so."
        )
    return Question(
        system="\n".join(tokens.scrub(block.text) for block in asked.system),
        turns=[(t.role, "\n".join(tokens.scrub(block.text) for block in t.content)) for t in asked.messages],
        max_tokens=asked.inference.max_tokens,
        schema=_output_schema(asked.output),
        tool=_forced_tool(asked.tools),
        stop_sequences=asked.inference.stop_sequences,
    )


def converse_body(reply: Reply) -> dict[str, JsonValue]:
    """The reply on the wire. `latencyMs` is 0: the stand-in does not time itself."""
    content: JsonValue = [{"text": reply.text}]
    if reply.tool is not None:
        content = [
            {
                "toolUse": {
                    "toolUseId": f"tooluse_{secrets.token_hex(11)}",
                    "name": reply.tool,
                    "input": reply.tool_input,
                }
            }
        ]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _STOP_REASONS[reply.stop_reason],
        "usage": {
            "inputTokens": reply.input_tokens,
            "outputTokens": reply.output_tokens,
            "totalTokens": reply.input_tokens + reply.output_tokens,
        },
        "metrics": {"latencyMs": 0},
    }


def _at(value: JsonValue, *steps: str) -> JsonValue:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _output_schema(output: JsonValue) -> dict[str, JsonValue] | None:
    """The schema in `outputConfig`, where it is JSON inside a string. Raises InvalidRequest."""
    text = _at(output, "textFormat", "structure", "jsonSchema", "schema")
    if not isinstance(text, str):
        return None
    try:
        schema = json.loads(text)
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise InvalidRequest("outputConfig.textFormat.structure.jsonSchema.schema is not a JSON object")
    return schema


def _forced_tool(config: JsonValue) -> Tool | None:
    """The tool that `toolChoice` forces ("tool" or "any"); none when the model may choose."""
    choice, offered = _at(config, "toolChoice"), _at(config, "tools")
    if not isinstance(choice, dict) or not isinstance(offered, list) or not {"any", "tool"} & choice.keys():
        return None
    for tool in offered:
        name, schema = _at(tool, "toolSpec", "name"), _at(tool, "toolSpec", "inputSchema", "json")
        if isinstance(name, str) and ("any" in choice or _at(choice, "tool", "name") == name):
            return Tool(name, schema if isinstance(schema, dict) else {})
    raise InvalidRequest("toolChoice names a tool that is not in toolConfig.tools")
