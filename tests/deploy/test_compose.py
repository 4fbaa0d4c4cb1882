"""The compose file agrees with the images and the settings, and what it starts, works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.compose import UnsetVariable, example, filled, image_of, raw
from tests.house.settings_reference import classes, variables
from tests.house.sources import REPOSITORY

SECRETS = {"GATEWAY_OPS_TOKEN": "o" * 32, "GATEWAY_V2_KEY": "k" * 32, "POSTGRES_PASSWORD": "p" * 32}
BUILT = {"gateway": "gateway.settings", "legacy": "legacy.main", "v2": "v2_service.settings"}
COMPOSE = filled(example() | SECRETS)
SERVICES = COMPOSE["services"]
# Read by the images' commands, not by the settings.
BY_THE_COMMAND = {"gateway": {"PORT"}, "legacy": {"PORT", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"}, "v2": set[str]()}


def test_the_file_is_valid_by_the_compose_specification() -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    command = [checker, "--builtin-schema", "vendor.compose-spec", REPOSITORY / "docker-compose.yml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", BUILT)
def test_every_variable_that_a_service_gets_is_one_it_knows(name: str) -> None:
    known = {part for kind in classes(BUILT[name]) for names, _ in variables(kind) for part in names.split(" or ")}

    unknown = set(SERVICES[name]["environment"]) - known - BY_THE_COMMAND[name]

    assert not unknown


@pytest.mark.parametrize("name", [*BUILT, "sandbox"])
def test_a_services_port_is_one_that_its_image_exposes(name: str) -> None:
    assert SERVICES[name]["environment"]["PORT"] in image_of(SERVICES[name]).ports


def test_the_gateway_is_told_the_names_and_ports_of_the_backends() -> None:
    environment = SERVICES["gateway"]["environment"]

    for variable, name in (("GATEWAY_LEGACY", "legacy"), ("GATEWAY_V2", "v2")):
        assert environment[variable] == f"http://{name}:{SERVICES[name]['environment']['PORT']}"


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "ports" in service])
def test_only_the_public_port_listens_beyond_this_machine(name: str) -> None:
    public = [port for port in SERVICES[name]["ports"] if not port.startswith("127.0.0.1:")]

    assert public == (["8080:8080"] if name == "gateway" else [])


def test_a_start_without_secrets_is_refused_with_a_sentence() -> None:
    for missing in SECRETS:
        with pytest.raises(UnsetVariable, match=missing):
            filled(example() | {name: value for name, value in SECRETS.items() if name != missing})


def test_no_secret_has_a_default() -> None:
    text = str(raw())

    assert re.findall(r"\$\{[A-Z_]*(?:TOKEN|KEY|PASSWORD|SECRET)[A-Z_]*:-[^}]+\}", text) == []


def test_every_service_belongs_to_a_profile_and_says_whether_it_is_healthy() -> None:
    profiles = {profile for service in SERVICES.values() for profile in service["profiles"]}
    healthy = {name for name, service in SERVICES.items() if "healthcheck" in service or "build" in service}

    assert profiles == {"core", "sandbox", "unleash", "observability"}
    assert healthy == set(SERVICES)


@pytest.mark.parametrize("name", [*BUILT, "sandbox"])
def test_our_own_services_have_a_read_only_root_and_no_capabilities(name: str) -> None:
    service = SERVICES[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_a_service_gets_more_time_to_stop_than_it_takes() -> None:
    from gateway.settings import GatewaySettings

    grace = {name: int(SERVICES[name]["stop_grace_period"].removesuffix("s")) for name in BUILT}

    assert grace["gateway"] > GatewaySettings.model_fields["drain_seconds"].default
    assert grace["v2"] > 25


def test_every_variable_of_the_file_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", str(raw())))
    optional = {"UNLEASH_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT", "FACT_EXTRACTION_CONCURRENCY"}

    assert used - set(example()) == optional
    assert set(example()) - used == {"COMPOSE_PROFILES"}
