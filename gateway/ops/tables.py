"""Reports as people read them in a terminal. The counterpart for programs is `--json`.

Text from outside goes through `Text`, so that a reason cannot paint or break the table.
"""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from gateway.core.stages import SERVING, stage_of
from gateway.ops.reports import (
    ChangeReport,
    DrillReport,
    EntryReport,
    ExplainReport,
    JobsReport,
    KillReport,
    PreviewReport,
    RollbackReport,
    ShadowReport,
    ShadowRouteReport,
    StatusReport,
    ValidationReport,
)


def status_tables(report: StatusReport) -> list[Table | Text]:
    """Where the flags come from, then one row per flag."""
    head = _pairs(
        ("source", report.source),
        ("generation", _shown(report.generation)),
        ("kill", _kill(report.kill)),
    )
    if report.jobs is not None:
        _add_jobs(head, report.jobs)
    if report.error:
        head.add_row("problem", Text(report.error, style="bold red"))
    for warning in report.warnings:
        head.add_row("warning", Text(warning, style="yellow"))
    flags = Table()
    flags.add_column("flag", overflow="fold")
    for heading in ("enabled", "stage", "percentage", "on v2"):
        flags.add_column(heading, no_wrap=True)
    flags.add_column("group", overflow="fold")
    for flag in report.flags:
        percentage = "SDK engine" if flag.uncompiled else f"{_shown(flag.percentage)} %"
        serving = flag.percentage if stage_of(flag.stage) in SERVING else 0
        percentage += ", pins suspended" if flag.pins_suspended else ""
        cells = ("yes" if flag.enabled else "no", Text(_shown(flag.stage)), percentage, _bar(serving))
        flags.add_row(Text(flag.name), *cells, Text(flag.group or "-"))
    return [head, flags]


def change_text(report: ChangeReport) -> Text:
    """One sentence about what was done."""
    if report.action == "set":
        was = "an invalid percentage" if report.before is None else f"{report.before} %"
        counted = f", generation {report.generation}" if report.generation is not None else ""
        done = f"{report.flag}: {was} -> {report.after} %{counted}"
    elif report.action == "stage":
        done = f"{report.flag}: stage {report.before or 'unset'} -> {report.after}"
    elif report.action == "kill":
        done = "everything goes to legacy now" if report.changed else "everything went to legacy already"
    else:
        done = "the flags decide again" if report.changed else "there was no kill to end"
    text = Text(done, style="green")
    if report.journal_error:
        text.append(f"\nnot in the journal: {report.journal_error}", style="bold red")
    return text


def rollback_table(report: RollbackReport) -> Table:
    """What became of the jobs that ran on v2."""
    if report.running is None:
        table = _pairs(("jobs", "unknown"))
    else:
        table = _pairs(("jobs that ran", str(report.running)))
        for name, count in (
            ("run to their end", report.draining),
            ("cancelled", report.cancelled),
            ("handed back", report.handed_back),
            ("were over", report.over),
        ):
            if count:
                table.add_row(name, str(count))
        table.add_row("failed to end", Text(str(report.failed), style="bold red" if report.failed else ""))
        table.add_row("users stranded", Text(_shown(report.stranded), style="bold yellow" if report.stranded else ""))
    for reason in report.reasons:
        table.add_row("because", Text(reason, style="red"))
    if report.jobs_error:
        table.add_row("problem", Text(report.jobs_error, style="yellow" if report.complete else "bold red"))
    return table


def explain_table(report: ExplainReport) -> Table:
    """Each step of the decision in order."""
    table = _pairs(
        ("user", report.user_id),
        ("key", "none: this id is not used" if report.key is None else report.key),
        ("flag", report.flag),
        ("hash", f"{_shown(report.hash)}  of {report.group}:{report.key}" if report.hash else "-"),
        ("bucket", f"{_shown(report.bucket)} of 100"),
        ("percentage", f"{_shown(report.percentage)} %"),
        ("generation", _shown(report.generation)),
        ("local kill", "engaged" if report.killed else "no"),
        ("pinned", "unknown" if report.pinned is None else "a v2 job runs" if report.pinned else "no"),
        ("reason", report.reason),
    )
    table.add_row("backend", Text(report.backend, style="bold green" if report.backend == "v2" else "bold cyan"))
    if report.error:
        table.add_row("problem", Text(report.error, style="bold red"))
    return table


def journal_table(entries: Sequence[EntryReport]) -> Table:
    """One row per change, oldest first."""
    table = Table("when (UTC)", "who", "what", "why", "generation")
    for entry in entries:
        when = entry.when[:19].replace("T", " ")
        table.add_row(when, Text(entry.who), Text(what(entry)), Text(entry.why), _shown(entry.generation))
    return table


def what(entry: EntryReport) -> str:
    """The change itself: `process-full-v2 0 -> 10 %`, or the verb."""
    if entry.action == "stage":
        return f"{entry.flag} stage {entry.before or 'unset'} -> {entry.after}"
    if entry.action == "rollback":
        return f"{entry.flag} rollback: {entry.after}"
    if entry.action in ("approve", "hold", "resume"):
        return f"guard: {entry.action}" + (f" {entry.after}" if entry.after else "")
    if entry.action != "set":
        return entry.action
    return f"{entry.flag} {_shown(entry.before)} -> {_shown(entry.after)} %"


def preview_table(report: PreviewReport) -> Table:
    """Who moves where."""
    moves = "nobody" if not report.buckets else f"{report.share:g} % of users, to {report.backend}"
    table = _pairs(("flag", report.flag), ("change", f"{report.before} % -> {report.after} %"), ("moves", moves))
    if report.buckets:
        table.add_row("buckets", f"{report.buckets[0]} to {report.buckets[1]}")
        table.add_row("for example", Text(", ".join(report.examples)))
    if report.counted is not None:
        table.add_row("of your list", f"{report.moved} of {report.counted}")
    return table


def drill_table(report: DrillReport) -> Table:
    """How long each worker took."""
    table = _pairs(("flag", report.flag), ("generation", str(report.generation)))
    for row in report.workers:
        name = f"worker {row.worker}" + (f" of {row.gateway}" if row.gateway else "")
        table.add_row(name, "not in time" if row.seconds is None else f"{row.seconds * 1000:.0f} ms")
    slowest = "not all workers got there" if report.seconds is None else f"{report.seconds * 1000:.0f} ms"
    table.add_row("rollback takes", Text(slowest, style="bold green" if report.complete else "bold red"))
    return table


def shadow_tables(report: ShadowReport) -> list[Table | Text]:
    """Each route: what became of its copies, then the paths at which answers differ."""
    head = _pairs(("copies under way", str(report.running)), ("copies waiting", str(report.waiting)))
    if report.stopped:
        warning = f"{report.stopped} workers send no dry runs: v2 took one for a request. Mend v2, then send SIGHUP"
        head.add_row("problem", Text(warning, style="bold red"))
    found: list[Table | Text] = [head]
    for route in report.routes:
        share = "no longer" if route.percent is None else f"{route.percent:g} %, at most {route.per_day} a day"
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(route.outcomes.items())) or "no copies yet"
        about = _pairs(("route", route.route), ("shadowed", share), ("copies", outcomes))
        if route.compared:
            about.add_row("compared", f"{route.compared}, of them {route.repeated} with legacy's own second answer")
        found.append(about)
        if route.paths:
            found.append(_paths(route))
        if route.rare:
            found.append(Text(f"{route.rare} paths came up too seldom to be shown", style="dim"))
    return found


def _paths(route: ShadowRouteReport) -> Table:
    table = Table("path", "standing", "differs", "noise", "kinds")
    for one in route.paths:
        style = {"different": "bold red", "noise": "dim"}.get(one.standing, "yellow")
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(one.kinds.items()))
        share = f"{one.raw} of {route.compared}", f"{one.noise} of {route.repeated}"
        table.add_row(Text(one.path), Text(one.standing, style=style), *share, kinds)
    return table


def validation_text(report: ValidationReport) -> Text:
    """All problems and warnings, one a line."""
    checked = f"; {report.compared} answers agree with Unleash's engine" if report.compared else ""
    text = Text(f"the flags are valid{checked}", "green") if report.valid else Text("the flags cannot be used", "red")
    for problem in report.problems:
        text.append(f"\nproblem: {problem}", style="red")
    for warning in report.warnings:
        text.append(f"\nwarning: {warning}", style="yellow")
    return text


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    return table


def _add_jobs(head: Table, jobs: JobsReport) -> None:
    running = {"v2": jobs.v2, "legacy": jobs.legacy}
    shown = ", ".join(f"{name} {'unknown' if count is None else count}" for name, count in running.items())
    head.add_row("jobs running", Text(shown))
    head.add_row("pinned to v2", Text("unknown" if jobs.pinned is None else f"{jobs.pinned} users"))
    if jobs.error:
        head.add_row("problem", Text(f"jobs: {jobs.error}", style="yellow"))


def _kill(kill: KillReport) -> str:
    if not kill.engaged:
        return "no"
    return f"ENGAGED since {kill.since or 'unknown'} by {kill.who or 'unknown'}: {kill.why or 'no reason given'}"


def _shown(value: int | str | None) -> str:
    return "-" if value is None else str(value)


def _bar(percentage: int | None) -> str:
    if percentage is None:
        return "-"
    filled = round(percentage / 10)
    return "█" * filled + "░" * (10 - filled)
