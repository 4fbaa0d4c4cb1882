"""Flag files for tests of the ops plane."""

import json
from pathlib import Path

FLAG = "process-full-v2"


def flag_file(folder: Path, percentage: str = "10") -> Path:
    """A flag file with the one flag at a percentage, generation 1."""
    parameters = {"rollout": percentage, "stickiness": "userId", "groupId": FLAG}
    strategies = [{"name": "flexibleRollout", "parameters": parameters}]
    feature = {"name": FLAG, "enabled": True, "strategies": strategies}
    path = folder / "features.json"
    path.write_text(json.dumps({"version": 2, "generation": 1, "features": [feature]}))
    return path


def stored(path: Path) -> tuple[int, str]:
    """Generation and percentage in the file."""
    content = json.loads(path.read_text())
    return content["generation"], content["features"][0]["strategies"][0]["parameters"]["rollout"]
