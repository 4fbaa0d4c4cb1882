"""What the dashboards are made of: a few kinds of panels, one data source, one look. Counterpart: `build.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from grafana_foundation_sdk.builders import common as looks
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableOption,
    VariableRefresh,
)

SOURCE: Final = DataSourceRef("prometheus", "prometheus")
HEIGHT: Final = 7
WIDTH: Final = 24
TAG: Final = "banyan"


@dataclass(frozen=True, slots=True)
class Graph:
    """Curves over time. `curves` are pairs of an expression and a legend; `unit` is Grafana's name of it."""

    title: str
    unit: str
    curves: Sequence[tuple[str, str]]
    text: str = ""
    width: int = 8
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One number per series, as it is now; red from `red_from` on. With `names` the series' names are shown instead."""

    title: str
    unit: str
    expression: str
    legend: str = ""
    text: str = ""
    width: int = 3
    red_from: float | None = None
    names: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and its panels."""

    title: str
    panels: Sequence[Graph | Figure]


def query(expression: str, legend: str, letter: str) -> prometheus.Dataquery:
    """A query for a range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter).range()


def graph(one: Graph) -> timeseries.Panel:
    """A panel of curves."""
    panel = (
        timeseries.Panel()
        .title(one.title)
        .description(one.text)
        .datasource(SOURCE)
        .unit(one.unit)
        .span(one.width)
        .height(HEIGHT)
        .min(0)
        .fill_opacity(30 if one.stacked else 8)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            looks.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(looks.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    if one.stacked:
        panel.stacking(looks.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    for number, (expression, legend) in enumerate(one.curves):
        panel.with_target(query(expression, legend, chr(ord("A") + number)))
    return panel


def figure(one: Figure) -> stat.Panel:
    """A panel of numbers."""
    steps = [Threshold(None, "green")]
    if one.red_from is not None:
        steps.append(Threshold(one.red_from, "red"))
    return (
        stat.Panel()
        .title(one.title)
        .description(one.text)
        .datasource(SOURCE)
        .unit(one.unit)
        .span(one.width)
        .height(4)
        .no_value("-")
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.NAME if one.names else common.BigValueTextMode.AUTO)
        .reduce_options(looks.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .with_target(query(one.expression, one.legend, "A").instant())
    )


def marks() -> Iterator[dashboard.AnnotationQuery]:
    """Marks on every panel: a generation of the flags came into force; the kill was engaged."""
    for name, colour, expression in (
        ("flags applied", "blue", "changes(max(gateway_flag_generation)[1m:15s]) > 0"),
        ("kill", "red", "max(gateway_killed) == 1"),
    ):
        yield dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expression)


def build(uid: str, title: str, text: str, rows: Sequence[Row]) -> dashboard.Dashboard:
    """A dashboard of rows, with the variable `route`, the annotations, and links to the others."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags([TAG])
        .timezone("utc")
        .refresh("15s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
        )
        .with_variable(
            dashboard.QueryVariable("route")
            .label("route")
            .datasource(SOURCE)
            .query("label_values(gateway_requests_total, route)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .hide(VariableHide.DONT_HIDE)
            .include_all(True)
            .multi(True)
            .all_value(".*")
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )
    )
    for annotation in marks():
        made.annotation(annotation)
    numbers = count(1)
    for row in rows:
        made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for one in row.panels:
            panel = figure(one) if isinstance(one, Figure) else graph(one)
            made.with_panel(panel.id(next(numbers)))
    return made
