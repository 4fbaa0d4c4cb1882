"""What a worker hears of the others."""

from gateway.gossip import news_for

A_SPENT, B_SPENT = ["route", 6, "id a", 2], ["route", 6, "id b", 1]


def test_each_worker_hears_what_the_others_let_pass() -> None:
    answers = [{"ejected": 0.0, "spent": [A_SPENT]}, {"ejected": 0.0, "spent": [B_SPENT]}, {"spent": []}]
    assert news_for(0, answers) == {"op": "heard", "ejected": 0.0, "spent": [B_SPENT], "copied": []}
    assert news_for(2, answers) == {"op": "heard", "ejected": 0.0, "spent": [A_SPENT, B_SPENT], "copied": []}


def test_the_longest_ejection_counts() -> None:
    answers = [{"ejected": 0.0}, {"ejected": 3.5}, {"ejected": 40}]
    assert news_for(0, answers) == {"op": "heard", "ejected": 40.0, "spent": [], "copied": []}
    assert news_for(2, answers) == {"op": "heard", "ejected": 3.5, "spent": [], "copied": []}


def test_copies_that_the_others_took_today_are_told() -> None:
    told = news_for(0, [{"copied": [["a", 1, 9]]}, {"copied": [["a", 1, 2]]}, {"copied": [["b", 1, 3]]}])
    assert told is not None
    assert told["copied"] == [["a", 1, 2], ["b", 1, 3]]


def test_without_news_nothing_is_said() -> None:
    assert news_for(0, [{"ejected": 9.0, "spent": [A_SPENT]}, {"ejected": 0.0, "spent": []}]) is None


def test_a_worker_that_does_not_answer_or_knows_no_gossip_is_passed_over() -> None:
    assert news_for(0, [None, None, {"error": "unknown op"}]) is None
