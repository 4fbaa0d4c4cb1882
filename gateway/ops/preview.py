"""Who would move between two percentages. Pure; counterpart: `rollout preview`, before somebody sets the second one."""

from collections.abc import Iterable, Sequence
from itertools import islice

from flags.bucketing import bucket
from flags.errors import InvalidPercentageError, NoPercentageError, UnknownFlagError
from gateway.core.decide import Backend
from gateway.core.stages import SERVING, stage_of
from gateway.ops.reports import FlagReport, PreviewReport

MAX_EXAMPLES = 10


def preview_move(
    flags: Sequence[FlagReport], flag: str, before: int, after: int, ids: Sequence[str] = ()
) -> PreviewReport:
    """Compare two percentages (0 to 100) of a flag with one rollout by user id.

    Buckets are half-open intervals of one hash, so only those between the two percentages move, all in one direction;
    in a stage in which v2 serves nobody, nobody does.
    `ids` that have no UTF-8 form are skipped. Raises a ChangeRefusedError for a flag or percentage that cannot be.
    """
    feature = next((item for item in flags if item.name == flag), None)
    if feature is None:
        raise UnknownFlagError(flag, [item.name for item in flags])
    group = feature.group
    if group is None:
        raise NoPercentageError(f"flag {flag!r} has no percentage by user id")
    for percentage in (before, after):
        if not 0 <= percentage <= 100:
            raise InvalidPercentageError(f"a percentage is a whole number from 0 to 100, not {percentage}")
    low, high = sorted((before, after)) if stage_of(feature.stage) in SERVING else (0, 0)
    moving = list(_within(group, ids, low, high))
    made_up = _within(group, (f"user-{number}" for number in range(1, 100_000)), low, high)
    examples = moving if ids else made_up
    return PreviewReport(
        flag=flag,
        before=before,
        after=after,
        backend=Backend.V2 if after > before else Backend.LEGACY,
        share=float(high - low),
        buckets=[low + 1, high] if high > low else [],
        examples=list(islice(examples, MAX_EXAMPLES)) if high > low else [],
        counted=len(ids) if ids else None,
        moved=len(moving) if ids else None,
    )


def _within(group: str, ids: Iterable[str], low: int, high: int) -> Iterable[str]:
    for user_id in ids:
        try:
            found = bucket(group, user_id)
        except UnicodeEncodeError:
            continue
        if low < found <= high:
            yield user_id
