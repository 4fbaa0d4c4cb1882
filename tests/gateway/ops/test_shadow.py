"""What the copies found, as `rollout shadow` and the ops API tell it."""

from gateway.core.differences import Difference, Kind
from gateway.core.shadowing import Shadowing
from gateway.observe.meters import Meters
from gateway.ops.reports import ShadowReport
from gateway.ops.shadow import MIN_SEEN, shadow_report
from gateway.ops.tables import shadow_tables
from tests.gateway.ops.fleet import StandInFleet


class Shadowed(StandInFleet):
    """Workers with these counters."""

    def __init__(self, *meters: Meters, **table: Shadowing) -> None:
        super().__init__()
        self.meters, self.table = meters, table

    async def snapshots(self) -> list[dict[str, object]]:
        state = {"running": 1, "waiting": 2, "bytes": 3, "stopped": True}
        return [{"counters": one.snapshot(), "shadows": state} for one in self.meters]

    def shadowings(self) -> dict[str, Shadowing]:
        return self.table


def meters(times: int, *paths: str) -> Meters:
    counted = Meters()
    for _ in range(times):
        counted.shadows.add("safe", "sent")
        counted.compared("safe", [Difference(path, Kind.VALUE) for path in paths])
        counted.repeated("safe", [])
    return counted


def printed(report: ShadowReport) -> str:
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        for part in shadow_tables(report):
            console.print(part)
    return capture.get()


async def test_workers_are_added_up() -> None:
    report = await shadow_report(Shadowed(meters(11, "/a"), meters(12, "/a", "/b"), safe=Shadowing(5, "f", True)))
    (route,) = report.routes
    assert (report.running, report.waiting, report.stopped) == (2, 4, 2)
    assert (route.route, route.percent, route.per_day, route.outcomes) == ("safe", 5, 1000, {"sent": 23})
    assert (route.compared, route.repeated) == (23, 23)
    assert [(one.path, one.raw, one.noise, one.kinds, one.standing) for one in route.paths] == [
        ("/a", 23, 0, {"value": 23}, "different"),
        ("/b", 12, 0, {"value": 12}, "different"),
    ]


async def test_a_path_that_comes_up_seldom_is_counted_and_not_shown() -> None:
    report = await shadow_report(Shadowed(meters(MIN_SEEN - 1, "/Anna"), meters(MIN_SEEN, "/name")))
    assert ([one.path for one in report.routes[0].paths], report.routes[0].rare) == (["/name"], 1)
    assert "Anna" not in report.model_dump_json() + printed(report)


async def test_a_route_is_named_before_its_first_copy_and_after_its_last() -> None:
    report = await shadow_report(Shadowed(meters(1), new=Shadowing(1)))
    assert [(one.route, one.percent) for one in report.routes] == [("new", 1), ("safe", None)]
    text = printed(report)
    assert "no copies yet" in text
    assert "no longer" in text


async def test_people_read_what_differs_and_what_is_wrong() -> None:
    text = printed(await shadow_report(Shadowed(meters(30, "/a"), safe=Shadowing(5, "f", True, per_day=20))))
    assert "5 %, at most 20 a day" in text
    assert "/a" in text
    assert "30 of 30" in text
    assert "value 30" in text
    assert "v2 took one for a request" in text


async def test_without_workers_there_is_nothing_to_tell() -> None:
    assert await shadow_report(Shadowed()) == ShadowReport(running=0, waiting=0, stopped=0, routes=[])
