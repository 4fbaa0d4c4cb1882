"""What a kill campaign saw, and whether everything that must hold held. Counterpart: `kill_campaign` fills it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bench.v2.meter import Answer, paid


@dataclass
class Report:
    """`bill_*` are steps of imports whose ledger differs from that of the twin, an import that nobody disturbed."""

    kills: int = 0
    imports: int = 0
    complete: int = 0
    killed_at: dict[str, int] = field(default_factory=dict)
    paid_answers: int = 0
    paid_answers_of_twins: int = 0
    paid_by_step: dict[str, int] = field(default_factory=dict)
    bills_that_differ: list[str] = field(default_factory=list)
    questions_that_differ: int = 0
    vectors_paid: int = 0
    vectors_paid_of_twins: int = 0
    answers_lost_on_the_way: int = 0
    answers_lost_before_they_were_kept: int = 0
    longest_wait_to_be_kept_ms: float = 0.0
    answers_lost_without_a_kill: int = 0
    vectors_lost_on_the_way: int = 0
    vectors_lost_before_they_were_kept: int = 0
    users_with_wrong_chunks: int = 0
    looks: int = 0
    looks_without_chunks: int = 0
    told_once: int = 0
    told_twice: int = 0
    told_perhaps: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything that must hold held."""
        return (
            self.complete == self.imports > 0
            and self.paid_answers == self.paid_answers_of_twins
            and self.vectors_paid == self.vectors_paid_of_twins
            and not (self.bills_that_differ or self.questions_that_differ)
            and self.answers_lost_without_a_kill == 0
            and not (self.users_with_wrong_chunks or self.looks_without_chunks or self.told_twice)
            and self.looks > 0
        )

    def compare_bills(self, name: str, disturbed: Mapping[str, int], twin: Mapping[str, int]) -> None:
        """Paid calls of one import by step, beside its twin's."""
        for step in sorted(disturbed.keys() | twin.keys()):
            seen, wanted = disturbed.get(step, 0), twin.get(step, 0)
            if step == "embed":
                self.vectors_paid += seen
                self.vectors_paid_of_twins += wanted
            else:
                self.paid_answers += seen
                self.paid_answers_of_twins += wanted
                self.paid_by_step[step] = self.paid_by_step.get(step, 0) + seen
            if seen != wanted:
                self.bills_that_differ.append(f"{name} {step}: {seen}, twin {wanted}")

    def compare_answers(self, disturbed: Sequence[Answer], twins: Sequence[Answer], kills: Sequence[float]) -> None:
        """Every answer given, beside those of the twins: what is beyond must have been lost at a kill.

        It was if the next life of the service asked again, and not the same one: no clock is asked, because on a busy
        machine a question is read long after its asker has died.
        """
        self.questions_that_differ = len(paid(disturbed, "model").keys() ^ paid(twins, "model").keys())
        for vector, _ in lost(disturbed, twins, "embedding"):
            if vector.taken:
                self.vectors_lost_before_they_were_kept += 1
            else:
                self.vectors_lost_on_the_way += 1
        for answer, again in lost(disturbed, twins, "model"):
            if answer.life == again.life:
                self.answers_lost_without_a_kill += 1
            elif not answer.taken:
                self.answers_lost_on_the_way += 1
            else:
                self.answers_lost_before_they_were_kept += 1
                waited = [1000 * (kill - answer.answered) for kill in kills if answer.answered <= kill <= again.asked]
                self.longest_wait_to_be_kept_ms = max(self.longest_wait_to_be_kept_ms, round(min(waited, default=0), 1))


def lost(answers: Iterable[Answer], twins: Iterable[Answer], area: str) -> list[tuple[Answer, Answer]]:
    """A model's answers to questions that were asked again, each with the next answer to the same question.

    Of each question as many answers as the twins have are not lost: the last ones, but none that was never read.
    """
    wanted = paid(twins, area)
    by_question: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.area == area and answer.status == 200:
            by_question.setdefault(answer.question, []).append(answer)
    found: list[tuple[Answer, Answer]] = []
    for question, given in by_question.items():
        given.sort(key=lambda one: one.asked)
        pairs = sorted(pairwise(given), key=lambda pair: pair[0].taken)
        found += pairs[: max(0, len(given) - max(1, wanted[question]))]
    return found
