"""Write the dashboards: `python -m deploy.grafana.build`. Their JSON is committed, so that Grafana needs no Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import gateway, pipelines, rollout
from deploy.grafana.panels import build

FOLDER: Final = Path(__file__).parent / "dashboards"
DASHBOARDS: Final = {
    "rollout": ("Rollout", "Where the rollout stands, and both sides of it next to each other.", rollout.ROWS),
    "pipelines": ("Pipelines", "How imports of both pipelines run, end and cost.", pipelines.ROWS),
    "gateway": ("Gateway", "The proxy itself: traffic, backends, processes.", gateway.ROWS),
}


def rendered() -> dict[str, str]:
    """The JSON text of each dashboard, by its file's stem."""
    return {
        name: json.dumps(build(f"banyan-{name}", title, text, rows).build(), cls=JSONEncoder, indent=1, sort_keys=True)
        + "\n"
        for name, (title, text, rows) in DASHBOARDS.items()
    }


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
