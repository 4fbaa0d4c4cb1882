"""Carry what pip is told on this machine into a root file system of its own: `pip_conf.py FILE`.

Writes FILE, fit to be that system's /etc/pip.conf, and prints the paths that it names, one a line: they must be mounted
there too. A mirror, a proxy or a certificate of a company thus reach the builds without standing in any file of ours.
"""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ENVIRONMENT = ":env:"


def options(listing: str) -> dict[str, dict[str, str]]:
    """`pip config list` by section; what comes from the environment counts for all commands and wins."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    lines = [line.partition("=") for line in listing.splitlines() if "=" in line]
    for name, _, value in sorted(lines, key=lambda line: line[0].startswith(ENVIRONMENT)):
        section, _, option = name.partition(".")
        text = str(ast.literal_eval(value))
        if section == ENVIRONMENT:
            for other in found.values():
                other.pop(option, None)
        found["global" if section == ENVIRONMENT else section][option] = text
    return found


def paths(found: dict[str, dict[str, str]]) -> list[str]:
    """Files and folders of this machine that the options name. An index links to files that lie beside it."""
    words = [word for section in found.values() for text in section.values() for word in text.split()]
    named = [Path(word) for word in words if word.startswith("/")]
    named += [Path(word.removeprefix("file://")).parent for word in words if word.startswith("file:///")]
    return sorted({str(path) for path in named if path.exists() and len(path.parts) > 2})


def main() -> None:
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    if asked.returncode:
        print("this Python has no pip, so what pip is told on this machine is not known", file=sys.stderr)
    found = options(asked.stdout)
    lines: list[str] = []
    for section, values in found.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {' '.join(text.split())}" for name, text in values.items()]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
    print(*paths(found), sep="\n")


if __name__ == "__main__":
    main()
