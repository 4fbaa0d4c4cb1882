"""The extractor finds what was planted, and only what the person said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.models.extractor import extract
from sandbox.models.topics import Topic
from tests.sandbox.models.exports import EXPORTS, whole

PLANTED: list[tuple[str, Topic, str]] = [
    ("I really love hiking in the Alps.", Topic.PREFERENCE, "loves hiking in the Alps"),
    ("I don't like long meetings, but I go.", Topic.PREFERENCE, "does not like long meetings"),
    ("My favorite color is teal.", Topic.PREFERENCE, "favorite color: teal"),
    ("I'm allergic to peanuts.", Topic.PREFERENCE, "is allergic to peanuts"),
    ("I’m vegetarian.", Topic.PREFERENCE, "vegetarian"),
    ("I'd rather work at night.", Topic.PREFERENCE, "would rather work at night"),
    ("I'm building a chess app called Rooky.", Topic.PROJECT, "Rooky"),
    ("We're organizing a street festival in May.", Topic.PROJECT, "street festival"),
    ("I want to write a novel about bees.", Topic.PROJECT, "novel about bees"),
    ("My expense tracker works.", Topic.PROJECT, "expense tracker"),
    ("I decided to quit smoking because of my kids.", Topic.DECISION, "quit smoking"),
    ("We've settled on PostgreSQL.", Topic.DECISION, "PostgreSQL"),
    ("I'll go with axum.", Topic.DECISION, "go with axum"),
    ("I believe that honesty matters.", Topic.BELIEF, "honesty matters"),
    ("In my opinion, tests come first.", Topic.BELIEF, "tests come first"),
    ("Family is very important to me.", Topic.VALUE, "Family"),
    ("My name is Ines Duarte.", Topic.NAME, "Ines Duarte"),
    ("Hi, I'm Bob.", Topic.NAME, "Bob"),
    ("I am a senior software engineer at Acme and I like it.", Topic.OCCUPATION, "senior software engineer at Acme"),
    ("I work as a florist.", Topic.OCCUPATION, "florist"),
    ("I live in Lisbon.", Topic.PLACE, "Lisbon"),
    ("We just moved house; I moved to Ghent.", Topic.PLACE, "Ghent"),
    ("My daughter Emma starts school.", Topic.PERSON, "Emma (daughter)"),
    ("My boss is called Ravi.", Topic.PERSON, "Ravi (boss)"),
    ("I'm learning Rust at night.", Topic.INTEREST, "Rust at night"),
    ("What is quantum computing?", Topic.INTEREST, "quantum computing"),
    ("I'm fluent in Spanish.", Topic.EXPERTISE, "Spanish"),
    ("My goal is to run a marathon.", Topic.GOAL, "run a marathon"),
    ("I was diagnosed with asthma.", Topic.LIFE, "dealing with asthma"),
    ("I'm recently divorced.", Topic.LIFE, "recently divorced"),
    ("Please keep answers short.", Topic.RULE, "keep answers short"),
    ("Don't use emoji.", Topic.AVOID, "Don't use emoji"),
    ("我叫小明。", Topic.NAME, "小明"),
    ("我很喜欢爬山。", Topic.PREFERENCE, "喜欢爬山"),
    ("我住在上海。", Topic.PLACE, "上海"),
    ("我决定换工作。", Topic.DECISION, "换工作"),
    ("私の名前は田中です。", Topic.NAME, "田中"),
    ("京都に住んでいます。", Topic.PLACE, "京都"),
]


@pytest.mark.parametrize(("sentence", "topic", "text"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_planted_fact_is_found_with_its_evidence(sentence: str, topic: Topic, text: str) -> None:
    material = f"Hello there. {sentence} Thanks!"
    facts = extract([material]).of(topic)
    assert text.lower() in [fact.text.lower() for fact in facts]
    for fact in facts:
        assert material[fact.start : fact.end].strip()
        assert 0 <= fact.start < fact.end <= len(material)


NOT_STATED = [
    "If I like it, I will tell you.",
    "Should I move to Berlin?",
    "Do you think I love tea?",
    "Can you explain it as if I'm a doctor?",
    "The engineer lives in Lisbon.",
    "You love hiking.",
]


@pytest.mark.parametrize("sentence", NOT_STATED)
def test_what_is_only_supposed_or_asked_is_no_fact(sentence: str) -> None:
    facts = extract([sentence])
    topics = {Topic.PREFERENCE, Topic.PLACE, Topic.OCCUPATION, Topic.NAME}
    assert facts.texts(*topics) == []


def test_only_the_persons_own_lines_count() -> None:
    text = "# I love titles\nUser: I love tea.\nIt is warm. I live in Rome.\nAssistant: I love coffee. I live in Paris."
    facts = extract([text])
    assert facts.texts(Topic.PREFERENCE) == ["loves tea"]
    assert facts.texts(Topic.PLACE) == ["Rome"]


def test_lines_with_title_time_and_role_count_by_role_and_fragments_do_not() -> None:
    text = (
        "[Trip] [2024-05-01T10:00:00] user: I love trains.\n[2024-05-01T10:01:00] assistant: I love planes.\n"
        "[Trip] half a sentence where I love boats\n"
    )
    assert extract([text]).texts(Topic.PREFERENCE) == ["loves trains"]


def test_a_listing_without_roles_is_the_persons_own_and_titles_are_left_out() -> None:
    facts = extract(["[Food] I love soup.\n[Sport] What do runners eat before races?"])
    assert facts.texts(Topic.PREFERENCE) == ["loves soup"]
    assert facts.texts(Topic.QUESTION) == ["What do runners eat before races?"]


def test_a_decision_keeps_its_reason_or_the_sentence_before() -> None:
    (reasoned,) = extract(["I decided to leave Acme because the commute is long."]).of(Topic.DECISION)
    assert reasoned.detail == "because the commute is long"
    (followed,) = extract(["The offer was good. I decided to stay."]).of(Topic.DECISION)
    assert followed.detail == "The offer was good."


def test_a_date_is_kept_with_its_event() -> None:
    facts = extract(["Date: 2024-05-01\n# Plans\nUser: My wedding is next Friday. Our flight leaves on 3 June 2025."])
    assert [(fact.text, fact.detail) for fact in facts.of(Topic.DATE)] == [
        ("My wedding is next Friday.", "2024-05-03"),
        ("Our flight leaves on 3 June 2025.", "2025-06-03"),
    ]


def test_the_same_fact_is_kept_once() -> None:
    assert extract(["I love tea. I love TEA!", "i love tea"]).texts(Topic.PREFERENCE) == ["loves tea"]


REAL: list[tuple[str, Topic, str]] = [
    ("minimal_nodes_20.json", Topic.PREFERENCE, "enjoys both coding and mentoring"),
    ("minimal_nodes_20.json", Topic.PROJECT, "CLI expense tracker"),
    ("minimal_nodes_20.json", Topic.DECISION, "go for the Staff Engineer role"),
    ("minimal_nodes_20.json", Topic.DECISION, "CDC"),
    ("minimal_nodes_20.json", Topic.OCCUPATION, "senior engineer"),
    ("no_content_type.json", Topic.PERSON, "Emma (daughter)"),
    ("no_content_type.json", Topic.PERSON, "Dr. Patel (psychiatrist)"),
    ("no_content_type.json", Topic.OCCUPATION, "senior engineer at Sun Microsystems"),
    ("no_content_type.json", Topic.PLACE, "Brookline"),
    ("branch_no_current_node.json", Topic.INTEREST, "MQTT protocol"),
]


@pytest.mark.parametrize(("export", "topic", "text"), REAL, ids=[f"{row[0]}: {row[2]}" for row in REAL])
def test_real_exports_give_real_facts(export: str, topic: Topic, text: str) -> None:
    assert text in extract([whole(export)]).texts(topic)


VALID_EXPORTS = sorted(
    path.name
    for path in EXPORTS.glob("*.json")
    if path.name not in ("not_valid_json_2023.json", "sibling_model_comparisons.json")
)


@pytest.mark.parametrize("export", VALID_EXPORTS)
def test_every_fact_of_a_real_export_points_at_the_persons_own_words(export: str) -> None:
    text = whole(export)
    others = [line for line in text.split("\n") if line.startswith("Assistant: ")]
    for fact in extract([text]):
        evidence = text[fact.start : fact.end]
        assert evidence.strip()
        assert not any(evidence in line for line in others if len(evidence) > 40)


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_is_read_without_an_error_and_facts_stay_inside_it(materials: list[str]) -> None:
    for fact in extract(materials):
        assert 0 <= fact.start < fact.end <= len(materials[fact.source])


def test_the_number_of_facts_is_bounded() -> None:
    text = " ".join(f"I love dish number {number}." for number in range(2000))
    assert len(extract([text]).of(Topic.PREFERENCE)) == 400
