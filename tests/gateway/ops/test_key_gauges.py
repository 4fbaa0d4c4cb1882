"""How the keys that check tokens stand, in the metrics of the gateway."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.key_source import KeySource
from gateway.ops.key_gauges import KeyGauges
from tests.gateway.proxy.wire import Backend
from tests.gateway.serving import Served, serving
from tests.gateway.tokens import ec_key, key_set, public

ONE, TWO = (public(ec_key(name), kid=name) for name in ("one", "two"))


def shown(source: KeySource) -> dict[str, float]:
    families = text_string_to_metric_families(KeyGauges(source).exposition().decode())
    return {one.name: one.value for family in families for one in family.samples}


async def test_keys_that_were_read_and_keys_that_were_not(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(key_set(ONE, TWO))
    source = KeySource(str(file), tmp_path / "features.json", 60.0)
    await source.first()
    found = shown(source)
    assert found.pop("gateway_token_keys_age_seconds") >= 0
    # A file is looked at every second, whatever is set for URLs.
    assert found == {
        "gateway_token_keys": 2,
        "gateway_token_keys_interval_seconds": 1,
        "gateway_token_keys_failures_total": 0,
    }
    file.unlink()
    missing = KeySource(str(file), tmp_path / "features.json", 60.0)
    await missing.first()
    found = shown(missing)
    assert (found["gateway_token_keys"], found["gateway_token_keys_failures_total"]) == (0, 1)


async def until(gateway: Served, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    async with asyncio.timeout(20):
        while not holds(seen := await gateway.metrics()):
            pass
    return seen


async def test_a_running_gateway_shows_that_its_key_set_cannot_be_read_any_more(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(key_set(ONE))
    env = {"GATEWAY_JWT_JWKS": str(keys)}
    async with Backend().running() as backend, serving(tmp_path, backend, backend, env=env) as gateway:
        assert (await gateway.metrics())["gateway_token_keys"] == 1
        keys.write_text(key_set(ONE, TWO))
        await until(gateway, lambda seen: seen["gateway_token_keys"] == 2)
        keys.write_text("nonsense")
        seen = await until(gateway, lambda seen: seen["gateway_token_keys_failures_total"] >= 2)
        assert seen["gateway_token_keys"] == 2
        assert seen["gateway_token_keys_age_seconds"] >= seen["gateway_token_keys_interval_seconds"]
        keys.write_text(key_set(ONE))
        await until(gateway, lambda seen: seen["gateway_token_keys"] == 1)


async def test_a_gateway_without_a_key_set_shows_nothing_of_keys(tmp_path: Path) -> None:
    async with Backend().running() as backend, serving(tmp_path, backend, backend) as gateway:
        assert [name for name in await gateway.metrics() if name.startswith("gateway_token_keys")] == []
