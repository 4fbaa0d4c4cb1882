"""What one message says, by content type, and what the person never saw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import message
from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.export.content import clean, read_message, read_plain
from v2_service.processors.export.drops import DropReason


def with_content(content: JsonValue, role: str = "assistant", **more: JsonValue) -> JsonObject:
    return {"author": {"role": role}, "content": content, **more}


PROSE: list[tuple[str, JsonValue, str]] = [
    ("text", {"content_type": "text", "parts": ["a", "b"]}, "a\nb"),
    ("no content type", {"parts": ["a"]}, "a"),
    ("parts with text", {"content_type": "text", "parts": [{"text": "a"}, "b"]}, "a\nb"),
    (
        "audio transcription",
        {"content_type": "multimodal_text", "parts": [{"text": "said", "asset_pointer": "x"}]},
        "said",
    ),
    ("code shown to everybody", {"content_type": "code", "text": "print(1)"}, "print(1)"),
    ("code in parts", {"content_type": "code", "parts": ["print(1)"]}, "print(1)"),
    ("a quote", {"content_type": "tether_quote", "text": "quoted", "url": "u"}, "quoted"),
    ("an unknown type with prose", {"content_type": "brand_new", "parts": ["hello"]}, "hello"),
    ("a string for parts", {"content_type": "text", "parts": "hello"}, "hello"),
]


@pytest.mark.parametrize(("name", "content", "text"), PROSE, ids=[row[0] for row in PROSE])
def test_prose_is_read_from(name: str, content: JsonValue, text: str) -> None:
    reading = read_message(with_content(content))
    assert (reading.drop, reading.role, reading.text, reading.source) == (None, "assistant", text, "conversation")


LEFT_OUT: list[tuple[str, JsonObject, DropReason]] = [
    ("tool output", message("x", "tool"), DropReason.TOOL_OUTPUT),
    ("system", message("x", "system"), DropReason.SYSTEM),
    ("hidden", message("x", metadata={"is_visually_hidden_from_conversation": True}), DropReason.HIDDEN),
    ("a tool call", message("x", "assistant", recipient="python"), DropReason.TOOL_CALL),
    ("thoughts", with_content({"content_type": "thoughts", "thoughts": [{"content": "x"}]}), DropReason.REASONING),
    ("a recap", with_content({"content_type": "reasoning_recap", "content": "x"}), DropReason.REASONING),
    ("execution output", with_content({"content_type": "execution_output", "text": "x"}), DropReason.TOOL_OUTPUT),
    ("browsing", with_content({"content_type": "tether_browsing_display", "result": "x"}), DropReason.TOOL_OUTPUT),
    ("an error", with_content({"content_type": "system_error", "text": "x"}), DropReason.TOOL_OUTPUT),
    ("the model's memory", with_content({"content_type": "model_editable_context"}), DropReason.MODEL_CONTEXT),
    ("empty text", message(""), DropReason.EMPTY_TEXT),
    ("blank text", message(" \n "), DropReason.EMPTY_TEXT),
    ("null parts", with_content({"content_type": "text", "parts": None}), DropReason.EMPTY_TEXT),
    ("null text", with_content({"content_type": "code", "text": None}), DropReason.EMPTY_TEXT),
    ("null content", with_content(None), DropReason.EMPTY_TEXT),
    ("null author", {"author": None, "content": {"parts": ["x"]}}, DropReason.UNKNOWN_ROLE),
    ("no author", {"content": {"parts": ["x"]}}, DropReason.UNKNOWN_ROLE),
    ("another role", message("x", "critic"), DropReason.UNKNOWN_ROLE),
    (
        "an unknown type without prose",
        with_content({"content_type": "brand_new", "blob": 1}),
        DropReason.UNKNOWN_CONTENT,
    ),
    ("empty custom instructions", with_content({"content_type": "user_editable_context"}), DropReason.EMPTY_TEXT),
]


@pytest.mark.parametrize(("name", "raw", "reason"), LEFT_OUT, ids=[row[0] for row in LEFT_OUT])
def test_l_49_and_l_55_a_message_is_left_out_with_its_reason(name: str, raw: JsonObject, reason: DropReason) -> None:
    assert read_message(raw).drop is reason


def test_a_null_metadata_hides_nothing() -> None:
    assert read_message(message("x", metadata=None, recipient=None)).text == "x"


def test_images_are_counted_and_text_beside_them_is_kept() -> None:
    parts: JsonValue = [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://1"}, "what is this?"]
    reading = read_message(with_content({"content_type": "multimodal_text", "parts": parts}, "user"))
    assert (reading.text, reading.attachments) == ("what is this?", 1)


def test_custom_instructions_are_the_persons_own_words() -> None:
    content: JsonObject = {
        "content_type": "user_editable_context",
        "user_profile": "I teach.",
        "user_instructions": "Be brief.",
    }
    hidden: JsonObject = {"is_visually_hidden_from_conversation": True}
    reading = read_message(with_content(content, "user", metadata=hidden))
    assert (reading.role, reading.source) == ("user", "custom_instructions")
    assert reading.text == "About me: I teach.\nHow to answer me: Be brief."


def test_older_custom_instructions_lie_in_the_metadata() -> None:
    metadata: JsonObject = {
        "is_user_system_message": True,
        "user_context_message_data": {"about_user_message": "I teach.", "about_model_message": None},
    }
    reading = read_message(message("", "system", metadata=metadata))
    assert (reading.source, reading.text) == ("custom_instructions", "About me: I teach.")


@pytest.mark.parametrize(
    ("raw", "role", "text"),
    [
        ({"role": "user", "content": " hi "}, "user", "hi"),
        ({"role": "assistant", "content": ["a", {"type": "text", "text": "b"}]}, "assistant", "a\nb"),
        ({"role": "user", "content": {"parts": ["a"]}}, "user", "a"),
    ],
)
def test_the_pre_parsed_form_is_read(raw: JsonObject, role: str, text: str) -> None:
    reading = read_plain(raw)
    assert (reading.drop, reading.role, reading.text) == (None, role, text)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"role": "system", "content": "x"}, DropReason.SYSTEM),
        ({"role": "tool", "content": "x"}, DropReason.TOOL_OUTPUT),
        ({"role": None, "content": "x"}, DropReason.UNKNOWN_ROLE),
        ({"role": "user", "content": None}, DropReason.EMPTY_TEXT),
        ({"role": "user"}, DropReason.EMPTY_TEXT),
    ],
)
def test_the_pre_parsed_form_leaves_out(raw: JsonObject, reason: DropReason) -> None:
    assert read_plain(raw).drop is reason


def test_text_is_made_fit_for_every_store() -> None:
    assert clean("  a\x00b\ud800 ") == "ab?"
    assert clean("\x00") == ""


json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["author", "role", "content", "parts", "text", "metadata", "content_type", "recipient"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
fields = st.sampled_from(["author", "content", "metadata", "recipient", "role", "create_time"])


@given(st.dictionaries(fields, json_values))
def test_l_55_no_shape_of_message_raises(raw: JsonObject) -> None:
    for reading in (read_message(raw), read_plain(raw)):
        assert (reading.drop is None) == bool(reading.text) or reading.drop is not None
        assert reading.text == reading.text.strip()
