"""A comparison of finished pairs, for people (Markdown) and for programs (JSON). Counterpart: observe.side_by_side."""

from collections.abc import Iterator, Sequence

from gateway.core.noise import MIN_REPEATED, Finding, Standing
from gateway.observe.side_by_side import FIGURES, TIERS, Better, Figure, Observation, Report, Side

MAX_SHOWN = 40
_MEANING = {
    Standing.DIFFERENT: "yes",
    Standing.NOISE: "no: the control shows it against itself",
    Standing.UNKNOWN: "nobody knows: too few repeats",
}


def plain(report: Report) -> dict[str, object]:
    """The report as JSON values."""
    return {
        "pairs": len(report.observations),
        "repeats": report.comparisons.repeated,
        "left_out": report.left_out,
        "behind": report.behind,
        "figures": {
            one.name: {
                "control": _rounded(one.control),
                "candidate": _rounded(one.candidate),
                "noise": _rounded(one.noise),
                "behind": one.behind,
            }
            for one in report.figures()
        },
        "differences": [
            {
                "path": one.path,
                "kinds": one.kinds,
                "pairs": one.raw,
                "repeats": one.noise,
                "standing": str(one.standing),
            }
            for one in report.findings()
        ],
        "observations": [
            {
                "name": one.name,
                "control": {name: _rounded(value) for name, value in one.control.figures.items()},
                "candidate": {name: _rounded(value) for name, value in one.candidate.figures.items()},
                "shared_hits": _rounded(one.shared),
                "mismatches": [{"path": path, "kind": str(kind)} for path, kind in one.mismatches],
            }
            for one in report.observations
        ],
        # What `--noise` reads.
        "comparisons": report.comparisons.plain(),
        "distances": report.distances,
    }


def markdown(report: Report) -> str:
    """The report as a page's sections."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    pairs, repeats = len(report.observations), report.comparisons.repeated
    yield f"Pairs of an import by legacy (control) and a dry run by v2 (candidate) of the same export: {pairs}."
    yield f"Pairs of two imports by legacy, which say what is noise: {repeats}." + (
        "" if repeats >= MIN_REPEATED else f" {MIN_REPEATED} are needed to judge a difference."
    )
    for reason, count in sorted(report.left_out.items()):
        yield f"Left out: {count} ({reason})."
    yield ""
    yield f"**{_verdict(report)}**"
    if not report.observations:
        return
    yield ""
    yield "### Figures"
    yield ""
    yield from _table(("figure (mean)", "legacy", "v2", "noise", "v2 is behind"), map(_figure_row, report.figures()))
    yield "### Differences"
    yield ""
    findings = report.findings()
    counted = ("path", "kinds", f"pairs of {pairs}", f"repeats of {repeats}", "counts")
    yield from _table(counted, map(_finding_row, findings[:MAX_SHOWN]))
    if len(findings) > MAX_SHOWN:
        yield f"{len(findings) - MAX_SHOWN} more paths are in the JSON report."
        yield ""
    yield "### Pairs"
    yield ""
    header = ("pair", "ended well", "chunks", "text stored", "found", "shared hits", "seconds", "US$", "differences")
    yield from _table(header, map(_pair_row, report.observations[:MAX_SHOWN]))


def _verdict(report: Report) -> str:
    if not report.observations:
        return "Nothing to compare."
    if report.behind:
        return f"v2 is behind in: {', '.join(FIGURES[name][0] for name in report.behind)}."
    return "v2 is behind in nothing."


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _figure_row(one: Figure) -> Sequence[str]:
    label, better = FIGURES[one.name]
    judged = "" if better is Better.NEUTRAL else "**yes**" if one.behind else "no"
    return label, _shown(one.control), _shown(one.candidate), _shown(one.noise), judged


def _finding_row(one: Finding) -> Sequence[str]:
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(one.kinds.items()))
    return f"`{one.path}`", kinds, str(one.raw), str(one.noise), _MEANING[one.standing]


def _pair_row(one: Observation) -> Sequence[str]:
    def both(name: str) -> str:
        return f"{_shown(one.control.figures.get(name))} / {_shown(one.candidate.figures.get(name))}"

    well = " / ".join("yes" if side.figures["succeeded"] else "no" for side in (one.control, one.candidate))
    chunks = " / ".join(_shown(_chunks(side)) for side in (one.control, one.candidate))
    return (
        *(one.name, well, chunks, both("text_stored"), both("found"), _shown(one.shared)),
        *(both("seconds"), both("dollars"), str(len(one.mismatches))),
    )


def _chunks(side: Side) -> float | None:
    found = [number for tier in TIERS if (number := side.figures.get(f"chunks_{tier}")) is not None]
    return sum(found) if found else None


def _shown(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.4g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
