"""The measures over planted facts, each against a case whose answer is known."""

from __future__ import annotations

from datetime import date

import pytest

from bench.quality.export import Truth
from bench.quality.judge import Quality, Stored, covered, judge, last_values
from bench.quality.planted import Decoy, Hiding, Kind, Planted

DAY, LATER = date(2024, 5, 1), date(2024, 6, 1)
TEA = Planted(Kind.LIKING, "Babebibo", "I prefer Babebibo tea.", "c", DAY)
OLD = Planted(Kind.FAVOURITE, "Dadedido", "My favourite soup is Dadedido.", "c", DAY, topic="soup")
NEW = Planted(Kind.FAVOURITE, "Fafefifo", "My favourite soup is Fafefifo.", "c", LATER, topic="soup")
FLIGHT = Planted(Kind.RELATIVE, "Gagegigo", "My flight to Gagegigo leaves tomorrow.", "c", DAY, date(2024, 5, 2))
SAID = "\n".join(one.sentence for one in (TEA, OLD, FLIGHT))
ABANDONED = Decoy(Hiding.ABANDONED_ANSWER, "Kakekiko", "c")
ASKED = Decoy(Hiding.QUESTION, "Lalelilo", "c")


def truth() -> Truth:
    planted = [TEA, OLD, FLIGHT, NEW]
    return Truth(planted, [ABANDONED, ASKED], {"Talk": [SAID], "Later": [NEW.sentence]})


def fact(category: str, subject: str, detail: str = "", *notes: str) -> dict[str, object]:
    return {"category": category, "subject": subject, "detail": detail, "notes": list(notes)}


MATERIALS = [
    f"Date: 2024-05-01\n# Talk\nUser: {SAID}",
    f"Date: 2024-06-01\n# Later\nUser: {NEW.sentence}",
]
FACTS = [
    fact("preferences", "prefers Babebibo tea"),
    fact("preferences", "favourite soup: Fafefifo"),
    fact("dates", FLIGHT.sentence, "2024-05-02"),
]
MEMORY = "Babebibo, Fafefifo, Gagegigo"


def judged(
    facts: list[dict[str, object]] | None = None,
    materials: list[str] | None = None,
    sent: str = "",
    memory: str = MEMORY,
) -> Quality:
    shown = MATERIALS if materials is None else materials
    return judge(truth(), shown, [*shown, sent], Stored(FACTS if facts is None else facts, memory, []))


def test_a_perfect_import_is_perfect() -> None:
    found = judged()
    shares = (found.coverage, found.evidence_reached_extraction, found.recall, found.precision, found.in_memory)
    assert shares == (1.0,) * 5
    assert found.latest_value_wins == 1.0
    nothing = (found.material_days_wrong, found.days_wrong, found.duplicates, found.decoys_that_leaked)
    assert nothing == (0,) * 4
    assert (found.days_told, found.values_changed, found.decoys_believed) == (1, 1, 0)


def test_text_that_reached_no_model_is_missing_from_the_coverage() -> None:
    found = judged(materials=MATERIALS[:1])
    assert found.coverage == pytest.approx(len(SAID) / (len(SAID) + len(NEW.sentence)))
    assert found.evidence_reached_extraction == 0.75


def test_text_under_another_title_does_not_count() -> None:
    moved = [MATERIALS[0].replace("# Talk", "# Other"), MATERIALS[1]]
    assert judged(materials=moved).coverage < 0.5


@pytest.mark.parametrize(
    ("shown", "reached"),
    [
        ("one two three four five six seven", 33),
        ("one two three four five\nthree four five six seven", 33),
        ("one two three four five", 23),
        ("one two three four five\nsix seven", 23),
        ("nothing of it", 0),
        ("seven", 0),
    ],
)
def test_what_is_cut_between_two_overlapping_pieces_is_covered(shown: str, reached: int) -> None:
    assert covered("one two three four five six seven", shown) == reached


def test_a_fact_in_another_category_is_not_found() -> None:
    found = judged([fact("beliefs", "prefers Babebibo tea"), *FACTS[1:]])
    assert found.recall == pytest.approx(2 / 3)
    assert found.recall_by_kind[Kind.LIKING] == 0.0


def test_a_fact_that_nobody_planted_lowers_the_precision() -> None:
    assert judged([*FACTS, fact("beliefs", "believes in ferries")]).precision == 0.75


def test_an_old_value_that_stays_is_seen() -> None:
    assert judged([*FACTS, fact("preferences", "favourite soup: Dadedido")]).latest_value_wins == 0.0
    assert judged([FACTS[0], FACTS[2]]).latest_value_wins == 0.0
    assert last_values(truth().planted) == {"Fafefifo"}


def test_a_wrong_day_is_seen_in_the_fact_and_in_the_material() -> None:
    assert judged([*FACTS[:2], fact("dates", FLIGHT.sentence, "2024-05-03")]).days_wrong == 1
    later = [MATERIALS[0].replace("Date: 2024-05-01", "Date: 2024-04-01"), MATERIALS[1]]
    assert judged(materials=later).material_days_wrong == 1
    marked = [later[0].replace("User:", "[2024-05-01] User:"), MATERIALS[1]]
    assert judged(materials=marked).material_days_wrong == 0


def test_the_same_fact_twice_is_a_duplicate() -> None:
    assert judged([*FACTS, fact("preferences", "likes Babebibo tea best")]).duplicates == 1


def test_a_decoy_that_was_sent_or_stored_has_leaked_and_a_passing_question_may_be_read() -> None:
    assert judged(sent="Kakekiko").decoys_that_leaked == 1
    assert judged(memory=f"{MEMORY} Kakekiko").decoys_that_leaked == 1
    assert judged(sent="Lalelilo").decoys_that_leaked == 0
    assert judged([*FACTS, fact("preferences", "likes Lalelilo soup")]).decoys_believed == 1
