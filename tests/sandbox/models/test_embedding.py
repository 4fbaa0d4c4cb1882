"""Embeddings: deterministic, of length one, near for like texts, on the thresholds that searches use."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.models.embedding import embed
from tests.sandbox.models.exports import conversations

# The thresholds of the monolith's search: by tier, and without tier.
NEAR, ANY_TIER = 0.10, 0.25
CHUNK = 2000


def cosine(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(embed(one), embed(other), strict=True))


@given(st.text(max_size=200))
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    vector = embed(text)
    assert len(vector) == 1024
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


def test_the_same_text_has_the_same_vector() -> None:
    assert embed("I love tea") == embed("I love tea")
    assert cosine("I love tea", "i LOVE tea!") > 0.99


def test_without_normalisation_the_length_says_how_much_there_is() -> None:
    assert math.hypot(*embed("tea cake bread", normalize=False)) > 1.2


PARAPHRASES = [
    ("We are planning a trip to Italy", "Our Italian vacation travel plans", "The printer is out of ink"),
    ("How do I fix this database error?", "The postgres db is broken", "My daughter paints horses"),
    ("we decided to move to Berlin", "I relocated, it was our choice: Berlin", "Bread needs flour and water"),
    ("I migrated our services", "the migration of a service", "cooking pasta for friends"),
    ("我喜欢在山里徒步", "在山里徒步很开心", "今天股票下跌了"),
]


@pytest.mark.parametrize(("text", "paraphrase", "unrelated"), PARAPHRASES)
def test_a_paraphrase_is_nearer_than_an_unrelated_text(text: str, paraphrase: str, unrelated: str) -> None:
    assert cosine(text, paraphrase) > cosine(text, unrelated) + 0.05


ON_TOPIC = [
    ("what did I say about the CockroachDB migration?", "CockroachDB"),
    ("do you remember my expense tracker?", "Expense Tracker"),
    ("tell me about rust ownership", "Rust"),
    ("career as staff engineer", "Career"),
    ("how do I squash commits in git", "Git"),
]


@pytest.mark.parametrize(("question", "title"), ON_TOPIC)
def test_a_question_finds_its_conversations_among_real_ones(question: str, title: str) -> None:
    ranked = sorted(
        ((cosine(question, text[:CHUNK]), name) for name, text in conversations("minimal_nodes_20.json")), reverse=True
    )
    assert title in ranked[0][1]
    assert ranked[0][0] > NEAR
    assert ranked[len(ranked) // 2][0] < NEAR


def test_unrelated_questions_mostly_stay_below_the_threshold() -> None:
    questions = ["quantum chromodynamics", "how tall is the eiffel tower", "weather in Paris tomorrow", "opera singers"]
    scores = [
        cosine(question, text[:CHUNK]) for question in questions for _, text in conversations("minimal_nodes_20.json")
    ]
    assert sum(score > NEAR for score in scores) <= len(scores) // 20


def test_a_planted_sentence_is_found_within_a_long_text() -> None:
    filler = " ".join(text for _, text in conversations("disconnected_nodes.json"))[:1500]
    planted = f"{filler} User: My grandmother's violin was built in Cremona."
    assert cosine("what do you know about my grandmother's violin from Cremona", planted) > NEAR
    assert cosine("grandmother violin Cremona", "My grandmother's violin was built in Cremona") > ANY_TIER


def test_fewer_dimensions_keep_the_order() -> None:
    def near(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embed(one, 256), embed(other, 256), strict=True))

    scores = [near("a trip to Italy", text) for text in ("our trip to Italy", "Italy in spring", "a broken printer")]
    assert all(nearer > farther for nearer, farther in pairwise(scores))
