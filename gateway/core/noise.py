"""Which differences between two backends matter: those that one backend does not show against itself. Pure.

The control answers some requests twice, and what differs between its two answers is noise: times, ids, random order.
A path counts by Diffy's rule: its share of the compared requests is larger than its share of the repeated ones, by
more than 20 % of both together and by more than 0.03 % of the requests. Here fewer requests are repeated than compared,
so shares are set against each other, not counts. The counterpart is core.differences, which finds the paths.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.differences import Difference, Kind

MIN_RELATIVE: Final = 0.2
MIN_ABSOLUTE: Final = 0.0003
MIN_REPEATED: Final = 20
"""Fewer repeated requests say too little about noise."""
MAX_PATHS: Final = 200
"""Paths that are told apart; the others are counted together as OTHER, since paths come from the backends' data."""
OTHER: Final = "(other)"


class Standing(StrEnum):
    """What is known of a path."""

    DIFFERENT = "different"  # the candidate's doing
    NOISE = "noise"  # the control does it too
    UNKNOWN = "unknown"  # the control has not been asked twice often enough


class Finding(NamedTuple):
    """One path: how many compared requests differ there, by which kinds, and how many repeated ones do."""

    path: str
    raw: int
    noise: int
    kinds: dict[str, int]
    standing: Standing


@dataclass(slots=True)
class Comparisons:
    """What many comparisons of one route found. `compared` and `repeated` are requests, each counted once per path.

    `kinds` has an entry for every known path.
    """

    compared: int = 0
    repeated: int = 0
    raw: Counter[str] = field(default_factory=Counter)
    noise: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)

    def compare(self, found: Iterable[Difference]) -> None:
        """The candidate's answer to one request differs from the control's in `found`."""
        self.compared += 1
        named = {Difference(self._name(difference.path), difference.kind) for difference in found}
        self.raw.update({path for path, _ in named})
        for path, kind in named:
            self.kinds[path][kind] += 1

    def repeat(self, found: Iterable[Difference]) -> None:
        """The control's second answer to one request differs from its first in `found`."""
        self.repeated += 1
        self.noise.update({self._name(difference.path) for difference in found})

    def add(self, other: "Comparisons") -> None:
        """Count what another worker found."""
        self.compared += other.compared
        self.repeated += other.repeated
        for path, kinds in other.kinds.items():
            name = self._name(path)
            self.kinds[name].update(kinds)
            self.raw[name] += other.raw[path]
            self.noise[name] += other.noise[path]

    def findings(self) -> list[Finding]:
        """All paths, those that matter first, then by how often they differ."""
        order = list(Standing)
        return sorted(self._findings(), key=lambda one: (order.index(one.standing), -one.raw, -one.noise, one.path))

    def plain(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "compared": self.compared,
            "repeated": self.repeated,
            "raw": dict(self.raw),
            "noise": dict(self.noise),
            "kinds": {path: dict(kinds) for path, kinds in self.kinds.items()},
        }

    def _findings(self) -> Iterator[Finding]:
        for path, kinds in self.kinds.items():
            raw, noise = self.raw[path], self.noise[path]
            yield Finding(path, raw, noise, dict(kinds), judge(raw, self.compared, noise, self.repeated))

    def _name(self, path: str) -> str:
        name = path if path in self.kinds or len(self.kinds) < MAX_PATHS else OTHER
        self.kinds.setdefault(name, Counter())
        return name


def judge(raw: int, compared: int, noise: int, repeated: int) -> Standing:
    """Of `compared` requests `raw` differ at a path; of `repeated` ones `noise` do."""
    if repeated < MIN_REPEATED:
        return Standing.UNKNOWN
    share = raw / compared if compared else 0.0
    noise_share = noise / repeated
    excess = share - noise_share
    matters = excess > MIN_ABSOLUTE and excess / (share + noise_share) > MIN_RELATIVE
    return Standing.DIFFERENT if matters else Standing.NOISE


def comparisons(plain: object) -> Comparisons:
    """The counterpart of `Comparisons.plain`. Raises KeyError, TypeError and ValueError for anything else."""
    if not isinstance(plain, dict):
        raise TypeError("not an object")
    return Comparisons(
        int(plain["compared"]),
        int(plain["repeated"]),
        Counter(plain["raw"]),
        Counter(plain["noise"]),
        {
            path: Counter({str(Kind(kind)): int(count) for kind, count in kinds.items()})
            for path, kinds in plain["kinds"].items()
        },
    )
