"""What docker-compose.yml starts, works: its commands, variables and health checks, run without a container engine."""

from __future__ import annotations

import time

import httpx

from tests.deploy.machine import SECRETS, Machine


def test_each_service_becomes_healthy_by_its_own_check(machine: Machine) -> None:
    assert all(process.poll() is None for process in machine.running.values())


def test_the_public_port_answers_with_the_monoliths_bytes(machine: Machine) -> None:
    direct = httpx.get(machine.url("legacy") + "/health", trust_env=False)
    through = httpx.get(machine.url("gateway") + "/health", trust_env=False)

    assert (through.status_code, through.headers["x-gateway-backend"]) == (200, "legacy")
    assert through.json().keys() == direct.json().keys()


def test_the_ops_port_wants_the_token(machine: Machine) -> None:
    url = machine.url("ops") + "/metrics"

    assert httpx.get(url, trust_env=False).status_code == 401
    token = {"authorization": f"Bearer {SECRETS['GATEWAY_OPS_TOKEN']}"}
    assert httpx.get(url, headers=token, trust_env=False).status_code == 200


def test_v2_wants_the_gateways_key_and_takes_it(machine: Machine) -> None:
    url = machine.url("v2") + "/jobs/00000000-0000-4000-8000-000000000000"

    assert httpx.get(url, trust_env=False).status_code == 401
    key = {"authorization": f"Bearer {SECRETS['GATEWAY_V2_KEY']}"}
    assert httpx.get(url, headers=key, trust_env=False).status_code == 404


def test_one_changed_flag_sends_users_to_v2_and_v2_lets_the_gateway_in(machine: Machine) -> None:
    machine.rollout("set", "process-full-v2", "100")
    url = machine.url("gateway") + "/process-full"
    # No storage_path and no conversations: there is nothing to import, and nothing begins.
    body = {"user_id": machine.sandbox.create_user(), "conversations": []}
    legacys = httpx.post(machine.url("legacy") + "/process-full", json=body, trust_env=False)

    end = time.monotonic() + 10
    answer = httpx.post(url, json=body, trust_env=False)
    while answer.headers["x-gateway-backend"] != "v2" and time.monotonic() < end:
        answer = httpx.post(url, json=body, trust_env=False)

    machine.rollout("set", "process-full-v2", "0")
    assert (answer.headers["x-gateway-backend"], answer.status_code) == ("v2", legacys.status_code)
