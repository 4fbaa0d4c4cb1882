"""A reply as the Messages API writes it: one object, or the events of a stream."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

from pydantic import JsonValue

from sandbox.models.mind import Reply

DELTA_CHARACTERS = 60


def message(reply: Reply, model: str) -> dict[str, JsonValue]:
    """The message object of the whole reply."""
    stop_details: JsonValue = None
    if reply.stop_reason == "refusal":
        stop_details = {
            "type": "refusal",
            "category": None,
            "explanation": "refused by the sandbox, as its settings say",
        }
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_block(reply)] if reply.text or reply.tool else [],
        "stop_reason": reply.stop_reason,
        "stop_sequence": reply.stop_sequence,
        "stop_details": stop_details,
        "usage": {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }


def _block(reply: Reply) -> JsonValue:
    if reply.tool is None:
        return {"type": "text", "text": reply.text, "citations": None}
    return {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": reply.tool, "input": reply.tool_input}


def events(reply: Reply, model: str) -> Iterator[dict[str, JsonValue]]:
    """The payloads of the stream, in order, as the API documents them."""
    whole = message(reply, model)
    usage = whole["usage"]
    assert isinstance(usage, dict)
    started = {**usage, "output_tokens": min(1, reply.output_tokens)}
    yield {
        "type": "message_start",
        "message": {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "usage": started},
    }
    if reply.text or reply.tool:
        block = _block(reply)
        assert isinstance(block, dict)
        empty: JsonValue = {**block, "input": {}} if reply.tool else {**block, "text": ""}
        yield {"type": "content_block_start", "index": 0, "content_block": empty}
        yield {"type": "ping"}
        for start in range(0, len(reply.text), DELTA_CHARACTERS):
            piece = reply.text[start : start + DELTA_CHARACTERS]
            delta: JsonValue = (
                {"type": "input_json_delta", "partial_json": piece}
                if reply.tool
                else {"type": "text_delta", "text": piece}
            )
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {
            "stop_reason": reply.stop_reason,
            "stop_sequence": reply.stop_sequence,
            "stop_details": whole["stop_details"],
        },
        "usage": usage,
    }
    yield {"type": "message_stop"}


def server_sent(event: dict[str, JsonValue]) -> bytes:
    """One event in the text/event-stream format."""
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
