"""render.yaml agrees with the images and the settings, and keeps all but the gateway private."""

from __future__ import annotations

import re
from typing import Any  # parsed YAML

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.blueprint import SHAPE
from tests.deploy.compose import dockerfile
from tests.house.settings_reference import classes, variables
from tests.house.sources import REPOSITORY

BLUEPRINT: dict[str, Any] = yaml.safe_load((REPOSITORY / "render.yaml").read_text())
SERVICES = {service["name"].removeprefix("banyan-"): service for service in BLUEPRINT["services"]}
GROUPS = {group["name"]: group["envVars"] for group in BLUEPRINT["envVarGroups"]}
SETTINGS = {"gateway": "gateway.settings", "legacy": "legacy.main", "v2": "v2_service.settings"}
# Used by the command of the image or of the blueprint, not by the settings.
BY_THE_COMMAND = {"gateway": {"PORT"}, "legacy": {"PORT"}, "v2": {"GATEWAY_V2_KEY", "LEGACY_ADDRESS"}}


def environment(name: str) -> dict[str, dict[str, Any]]:
    """A service's variables, those of its groups among them."""
    own = [entry for entry in SERVICES[name]["envVars"] if "key" in entry]
    grouped = [
        entry for group in SERVICES[name]["envVars"] if "fromGroup" in group for entry in GROUPS[group["fromGroup"]]
    ]
    return {entry["key"]: entry for entry in own + grouped}


def test_it_has_the_shape_that_the_platform_takes() -> None:
    problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SHAPE).iter_errors(BLUEPRINT)]

    assert problems == []


@pytest.mark.parametrize("wrong", [{"healthcheckPath": "/"}, {"type": "webservice"}, {"maxShutdownDelaySeconds": 301}])
def test_a_misspelt_key_or_value_does_not_have_it(wrong: dict[str, Any]) -> None:
    services = [BLUEPRINT["services"][0] | wrong, *BLUEPRINT["services"][1:]]

    assert not Draft202012Validator(SHAPE).is_valid(BLUEPRINT | {"services": services})


def test_only_the_gateway_is_public() -> None:
    assert {name: service["type"] for name, service in SERVICES.items()} == {
        "gateway": "web",
        "legacy": "pserv",
        "v2": "pserv",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_one_that_the_service_knows(name: str) -> None:
    known = {part for kind in classes(SETTINGS[name]) for names, _ in variables(kind) for part in names.split(" or ")}

    assert set(environment(name)) - known - BY_THE_COMMAND[name] == set()


@pytest.mark.parametrize("name", SERVICES)
def test_every_needed_variable_is_given_or_asked_for(name: str) -> None:
    needed = {
        names
        for kind in classes(SETTINGS[name])
        for names, info in variables(kind)
        if info.is_required() or names in {"SUPABASE_URL", "SUPABASE_SERVICE_KEY"}
    }

    assert needed <= set(environment(name))


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_built_from_its_own_dockerfile_with_plan_and_time_to_stop(name: str) -> None:
    service = SERVICES[name]

    assert service["dockerfilePath"] == f"./Dockerfile.{name}"
    assert dockerfile(REPOSITORY / service["dockerfilePath"]).command
    assert service["plan"] == "starter"
    assert service["maxShutdownDelaySeconds"] > 25


@pytest.mark.parametrize("name", SERVICES)
def test_a_change_of_anything_in_the_image_builds_it_again(name: str) -> None:
    paths = {path.removesuffix("/**") for path in SERVICES[name]["buildFilter"]["paths"]}
    copied = dockerfile(REPOSITORY / f"Dockerfile.{name}").copied - {"pyproject.toml", "README.md", "LICENSE"}

    unwatched = {
        source
        for source in copied - {"deploy/locks/build.lock"}
        if not any(source == path or source.startswith(f"{path}/") for path in paths)
    }
    assert not unwatched


def test_no_secret_stands_in_the_file() -> None:
    entries = [entry for name in SERVICES for entry in environment(name).values()]
    secret = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")

    assert [entry["key"] for entry in entries if secret.search(entry["key"]) and "value" in entry] == []


def test_references_between_services_name_what_exists() -> None:
    databases = {database["name"] for database in BLUEPRINT["databases"]}
    for entry in (entry for name in SERVICES for entry in environment(name).values()):
        if "fromService" in entry:
            target = SERVICES[entry["fromService"]["name"].removeprefix("banyan-")]
            assert entry["fromService"]["type"] == target["type"]
        if "fromDatabase" in entry:
            assert entry["fromDatabase"]["name"] in databases


def test_concurrency_and_memory_suit_the_plan() -> None:
    v2 = environment("v2")

    assert (v2["FACT_EXTRACTION_CONCURRENCY"]["value"], v2["MEMORY_LIMIT_MB"]["value"]) == ("3", "512")


def test_the_health_path_is_the_gateways_own() -> None:
    check = dockerfile(REPOSITORY / "Dockerfile.gateway").health

    assert SERVICES["gateway"]["healthCheckPath"] in check
