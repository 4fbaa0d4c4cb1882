"""A running house for whole-system tests: legacy, v2 and one gateway per percentage, all over one sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.stack.__main__ import REPOSITORY
from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes
from sandbox.stack.services import FLAG, Layout, backends, gateway_service, rollout

PERCENTAGES = (0, 50, 100)


@dataclass(frozen=True, slots=True)
class House:
    """Base URLs by target name, and the layout of each gateway by percentage."""

    urls: dict[str, str]
    gateways: dict[int, Layout]

    @property
    def legacy(self) -> str:
        return self.urls["legacy"]

    @property
    def v2(self) -> str:
        return self.urls["v2"]


@contextmanager
def running_house(sandbox_port: int, folder: Path) -> Iterator[House]:
    """Start everything on free ports; stopped on leaving."""

    def free_ports() -> Ports:
        return replace(choose(Ports(0, 0, 0, 0, 0), print), sandbox=sandbox_port)

    first = Layout(free_ports(), folder / "behind")
    gateways: dict[int, Layout] = {}
    with Processes(folder / "logs") as processes:
        first.state.mkdir(parents=True)
        for service in backends(first):
            processes.start(service)
        for percentage in PERCENTAGES:
            ports = replace(free_ports(), legacy=first.ports.legacy, v2=first.ports.v2)
            layout = Layout(ports, folder / f"gateway-{percentage}")
            layout.state.mkdir()
            shutil.copyfile(REPOSITORY / "flags" / "features.json", layout.flags)
            rollout(layout, "set", FLAG, str(percentage), "--why", "test")
            processes.start(replace(gateway_service(layout), name=f"gateway-{percentage}"))
            gateways[percentage] = layout
        processes.wait_ready()
        urls = {"legacy": first.legacy_url, "v2": first.v2_url}
        urls |= {f"gateway-{percentage}": layout.gateway_url for percentage, layout in gateways.items()}
        yield House(urls, gateways)
