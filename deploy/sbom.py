"""A CycloneDX bill of materials from a lock file: `sbom.py deploy/locks/gateway.lock > gateway.cdx.json`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill(lock: Path) -> Bom:
    """Every package of the lock with its version and the hashes of its files. Raises OSError."""
    components = [
        Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("pypi", None, name.lower(), version),
            bom_ref=f"{name}=={version}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in _HASH.findall(rest)],
        )
        for name, version, rest in _ENTRY.findall(lock.read_text())
    ]
    image = Component(type=ComponentType.CONTAINER, name=f"banyan-{lock.stem}", bom_ref=f"banyan-{lock.stem}")
    made = Bom(components=components)
    made.metadata.component = image
    made.register_dependency(image, components)
    return made


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(JsonV1Dot6(bill(Path(sys.argv[1]))).output_as_string(indent=2) + "\n")
