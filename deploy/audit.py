"""Ask the advisory database about every locked package: `make audit`. Exit code 1 if a known vulnerability is in use.

Where the advisories cannot be reached (a mirror without them, no network) nothing is known, and that is what it says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any  # the auditor's JSON

LOCK = Path(__file__).parent.parent / "requirements.lock"
SECONDS = 120


def ask() -> list[dict[str, Any]]:
    """One entry per locked package. Raises RuntimeError with the auditor's words if it could not run."""
    auditor = Path(sys.executable).parent / "pip-audit"
    command = [str(auditor), "--requirement", str(LOCK), "--disable-pip", "--progress-spinner", "off"]
    try:
        ended = subprocess.run(  # noqa: S603 -- the auditor of this virtual environment
            [*command, "--format", "json"], capture_output=True, text=True, check=False, timeout=SECONDS
        )
        packages: list[dict[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        raise RuntimeError(str(error)) from None
    return packages


def main() -> int:
    try:
        packages = ask()
    except RuntimeError as error:
        print(f"audit: NOT AUDITED, the auditor did not answer: {error}")
        return 0
    unknown = sum("skip_reason" in package for package in packages)
    found = [(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"audit: {package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
    if unknown == len(packages):
        print(f"audit: NOT AUDITED, the advisories of {unknown} packages cannot be reached from here")
    else:
        print(f"audit: {len(packages) - unknown} packages asked, {unknown} unknown, {len(found)} known flaws")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
