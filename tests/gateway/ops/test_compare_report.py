"""The comparison's report: readable, complete as JSON, and without a word of anybody."""

from __future__ import annotations

import json

from gateway.core.noise import comparisons
from gateway.observe.side_by_side import Report
from gateway.ops.compare_report import MAX_SHOWN, markdown, plain
from tests.gateway.observe.test_side_by_side import EMPTY, made, pair


def report() -> Report:
    found = Report()
    found.compare(pair(made(user_md=EMPTY)))
    found.repeat(pair())
    found.leave_out("the user was imported again")
    return found


def test_the_page_says_what_was_compared_what_was_left_out_and_who_is_behind() -> None:
    text = markdown(report())
    assert "(control) and a dry run by v2 (candidate) of the same export: 1." in text
    assert "Left out: 1 (the user was imported again)." in text
    assert "**v2 is behind in: profile texts that are filled.**" in text
    assert "| profile texts that are filled | 2 | 1 | 0 | **yes** |" in text
    assert "| `/profile/texts/user_md` | missing 1 | 1 | 0 | nobody knows: too few repeats |" in text
    assert "| US dollars | unknown | 0.5 | unknown |  |" in text


def test_nothing_compared_is_no_good_news() -> None:
    assert markdown(Report()).endswith("**Nothing to compare.**\n")


def test_a_long_report_is_cut_and_says_so() -> None:
    long = Report()
    for number in range(MAX_SHOWN + 3):
        name = "x" * number
        long.compare(pair({**made(), f"p{name}": 1} | {"tiers": {f"t{name}": made()["tiers"]["medium"]}}))
    text = markdown(long)
    assert "more paths are in the JSON report." in text


def test_the_json_report_can_be_read_again_as_noise() -> None:
    document = json.loads(json.dumps(plain(report())))
    assert (document["pairs"], document["repeats"], document["behind"]) == (1, 1, ["texts_filled"])
    assert comparisons(document["comparisons"]).repeated == 1
    [observation] = document["observations"]
    assert observation["mismatches"] == [{"path": "/profile/texts/user_md", "kind": "missing"}]
