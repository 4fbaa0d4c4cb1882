"""The desk on files: shows the guard's bulletin to people, and leaves their orders for it. Counterpart: `guard`.

The guard need not run, nor on this machine: desk and guard share the folder of the flag file. Orders are journalled.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from flags.errors import FlagsError, StoreFailedError
from flags.journal import Journal
from gateway.ops.guard_report import (
    EventReport,
    FindingReport,
    GuardReport,
    OrderReport,
    OrdersReport,
    ProgressReport,
    StopReport,
)
from gateway.ops.reports import EntryReport
from gateway.rollout.bulletin import POST_EVERY, Bulletin, BulletinBoard
from gateway.rollout.errors import MisplacedCommandError, NoGuardError, RolloutError
from gateway.rollout.guard import WHO
from gateway.rollout.memory import progress_to
from gateway.rollout.orders import OrdersFile, approvable
from gateway.rollout.report import read_report, report_names
from gateway.rollout.steps import STANDING, Phase
from gateway.rollout.verdict import plain_finding

OLD_AFTER = 3 * POST_EVERY
"""Seconds of silence after which a bulletin is old: three of them are missing."""

WATCHED = STANDING | {Phase.RAMPING_DOWN}
"""Phases that need a guard; in the others only a person can go on."""

ENTRIES = 200
"""Journal entries among which the guard's last one is looked for."""


class FileDesk:
    """A desk over the files beside `flags_path`. Stateless: any thread may use it.

    `read` gives the bulletin, by default the one that hangs there.
    """

    def __init__(
        self,
        flags_path: Path,
        read: Callable[[], Bulletin | None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._flags_path = flags_path
        self._read = read or BulletinBoard(flags_path).read
        self._clock = clock
        self._orders = OrdersFile(flags_path)
        self._journal = Journal(flags_path)

    def guard(self) -> GuardReport | None:
        bulletin = self._read()
        if bulletin is None:
            return None
        age = self._age(bulletin)
        old = age is not None and age > OLD_AFTER
        return GuardReport(
            flag=bulletin.flag,
            progress=ProgressReport.model_validate(progress_to(bulletin.progress)),
            findings=[FindingReport.model_validate(plain_finding(one)) for one in bulletin.findings],
            events=[EventReport(at=at, text=text) for at, text in bulletin.events],
            legacy_retires_at=bulletin.retires_at,
            steps=[StopReport.model_validate(stop._asdict()) for stop in bulletin.stops],
            age=age,
            old=old,
            unwatched=old and bulletin.progress.phase in WATCHED,
            orders=self._waiting(bulletin),
            last=self._last(),
            reports=report_names(self._flags_path),
        )

    def approve(self, *, who: str, why: str, step: int | None = None) -> OrderReport:
        bulletin = self._read()
        if bulletin is None:
            raise NoGuardError("no guard has acted on these flags: there is nothing to approve")
        following = approvable(bulletin.progress, bulletin.gates)
        if step not in (None, following):
            raise MisplacedCommandError("the rollout has moved on: look again at what would be approved")
        self._orders.approve(bulletin.progress.attempt, following)
        return self._ordered("approve", who, why, bulletin, bulletin.aim(following))

    def hold(self, *, who: str, why: str) -> OrderReport:
        self._orders.hold(who)
        return self._ordered("hold", who, why, self._read())

    def resume(self, *, who: str, why: str) -> OrderReport:
        self._orders.resume()
        return self._ordered("resume", who, why, self._read())

    def report(self, name: str) -> tuple[str, bytes]:
        """Media type and content of one of a report's files. Raises UnknownReportError."""
        return read_report(self._flags_path, name)

    def _age(self, bulletin: Bulletin) -> float | None:
        return max(0.0, self._clock() - bulletin.at) if bulletin.at else None

    def _waiting(self, bulletin: Bulletin) -> OrdersReport:
        progress = bulletin.progress
        try:
            orders = self._orders.read()
        except RolloutError as error:
            return OrdersReport(error=str(error))
        try:
            following = approvable(progress, bulletin.gates)
        except MisplacedCommandError:
            following = None
        if following is not None and (progress.attempt, following) in orders.approvals:
            following = None
        aim = "" if following is None else bulletin.aim(following)
        waits = orders.resumes > progress.resumes
        return OrdersReport(held_by=orders.held_by, resume_waits=waits, approvable=following, aim=aim)

    def _last(self) -> EntryReport | None:
        """A guard that writes through an ops API has an address behind its name."""
        try:
            entries = self._journal.tail(ENTRIES)
        except FlagsError:
            return None  # whoever shows the journal tells it
        own = (entry for entry in reversed(entries) if entry.who == WHO or entry.who.startswith(f"{WHO} ("))
        entry = next(own, None)
        return EntryReport(**asdict(entry)) if entry else None

    def _ordered(
        self, action: str, who: str, why: str, bulletin: Bulletin | None, aim: str | None = None
    ) -> OrderReport:
        flag, age = (bulletin.flag, self._age(bulletin)) if bulletin else (None, None)
        error = None
        try:
            self._journal.record(action, who=who, why=why, flag=flag, after=aim)
        except StoreFailedError as failure:
            error = str(failure)  # the order stands, as a rollback would
        return OrderReport(
            action=action,
            changed=True,
            flag=flag,
            after=aim,
            who=who,
            why=why,
            journal_error=error,
            age=age,
            unheard=age is None or age > OLD_AFTER,
        )
