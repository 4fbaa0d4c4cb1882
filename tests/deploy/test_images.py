"""The Dockerfiles: what they copy and install, and that nothing of one deployable is in another's image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.compose import dockerfile
from tests.house.sources import REPOSITORY

FILES = {
    "gateway": REPOSITORY / "Dockerfile.gateway",
    "v2": REPOSITORY / "Dockerfile.v2",
    "legacy": REPOSITORY / "Dockerfile.legacy",
    "sandbox": REPOSITORY / "deploy/images/Dockerfile.sandbox",
}
# Rooms whose code may be in an image (docs/architecture.md): the arrows of the house, in files.
ROOMS = {"gateway": {"flags", "gateway"}, "v2": {"v2_service"}, "legacy": {"legacy"}, "sandbox": {"sandbox"}}
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def locked(path: Path) -> dict[str, str]:
    return dict(PINNED.findall(path.read_text()))


def packages(name: str) -> list[str]:
    """The packages, also nested ones, of the rooms in an image, as paths."""
    found = [path.parent for room in ROOMS[name] for path in (REPOSITORY / room).rglob("__init__.py")]
    return [str(path.relative_to(REPOSITORY)) for path in found]


def copies(source: str, package: str) -> bool:
    """Whether COPY `source` brings `package`: a folder with all below it, or by `*.py` the files of one folder."""
    if source.endswith("/*.py"):
        return package == source.removesuffix("/*.py")
    return package == source or package.startswith(f"{source}/")


@pytest.mark.parametrize("name", FILES)
def test_every_package_of_its_rooms_is_copied_by_name(name: str) -> None:
    copied = dockerfile(FILES[name]).copied

    assert packages(name)
    assert [package for package in packages(name) if not any(copies(source, package) for source in copied)] == []


@pytest.mark.parametrize("name", FILES)
def test_no_other_rooms_code_is_copied(name: str) -> None:
    rooms = {"flags", "gateway", "v2_service", "legacy", "sandbox", "tests", "bench"}
    copied = {source.split("/")[0] for source in dockerfile(FILES[name]).copied} & rooms
    allowed = {"v2_service"} if name == "sandbox" else set()  # its migrations, which are SQL

    assert copied - ROOMS[name] <= allowed


@pytest.mark.parametrize("name", FILES)
def test_dependencies_come_before_code(name: str) -> None:
    text = FILES[name].read_text()

    assert text.index(f"pip install --quiet --require-hashes -r deploy/locks/{name}.lock") < text.index(
        f"COPY {sorted(ROOMS[name])[0]}"
    )


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_is_sent_to_the_builder(name: str) -> None:
    ignore = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sent = [line.removeprefix("!") for line in ignore]

    for source in dockerfile(FILES[name]).copied:
        assert any(source == path or source.startswith(f"{path}/") for path in sent), source


@pytest.mark.parametrize("name", FILES)
def test_it_runs_as_a_user_without_rights(name: str) -> None:
    assert "\nUSER 10001:10001\n" in FILES[name].read_text()


@pytest.mark.parametrize("name", [*FILES, "build"])
def test_an_images_lock_is_part_of_the_whole_lock(name: str) -> None:
    whole = locked(REPOSITORY / "requirements.lock")
    part = locked(REPOSITORY / f"deploy/locks/{name}.lock")

    assert part
    assert {package: version for package, version in part.items() if whole.get(package) != version} == {}


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([hadolint, *FILES.values()], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


def test_an_import_that_fails_stops_the_build(tmp_path: Path) -> None:
    package = tmp_path / "broken"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("import what_does_not_exist\n")
    command = [sys.executable, REPOSITORY / "deploy/images/imports.py", "broken"]

    ended = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, check=False)

    assert ended.returncode != 0
    assert b"what_does_not_exist" in ended.stderr


def test_the_bill_of_materials_names_every_package_and_its_hashes() -> None:
    lock = REPOSITORY / "deploy/locks/gateway.lock"
    command = [sys.executable, REPOSITORY / "deploy/sbom.py", lock]

    bill = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    assert {part["name"]: part["version"] for part in bill["components"]} == locked(lock)
    assert all(part["hashes"] for part in bill["components"])


def build_images(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script on a machine that has none of what it needs."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("bash", "dirname", "env"):
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(shutil.which(name) or name)
    script = REPOSITORY / "deploy" / "build_images.sh"
    return subprocess.run([script], env={"PATH": str(tools)} | variables, capture_output=True, text=True, check=False)


def test_where_no_image_can_be_built_it_says_so_and_in_ci_it_fails(tmp_path: Path) -> None:
    here, in_ci = build_images(tmp_path), build_images(tmp_path, CI="true")

    for ended in (here, in_ci):
        assert ended.stderr.startswith("SKIPPED: no image was built or tried, for want of: ")
        assert "buildah" in ended.stderr
    assert (here.returncode, in_ci.returncode) == (0, 1)


def test_ci_builds_and_starts_all_images_from_nothing_before_the_tests() -> None:
    """L-36, L-41: a clone has no cache, so every image is built anew; and the last words are those of the tests."""
    steps = re.search(r"^check: ([a-z ]+) ##", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    ci = (REPOSITORY / ".ci" / "run").read_text()
    script = (REPOSITORY / "deploy" / "build_images.sh").read_text()

    assert steps is not None
    assert steps[1].split()[-2:] == ["images", "test"]
    assert "export CI=true" in ci
    assert "needed+=(buildah)" in ci
    assert f"wanted=({' '.join(FILES)})" in script
    assert 'python3 deploy/images/try_image.py "$name"' in script
