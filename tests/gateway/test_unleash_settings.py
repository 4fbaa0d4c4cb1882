"""Where flags come from is checked at the start, and its secrets are never shown."""

import pytest
from pydantic import ValidationError

from gateway.proxy.config import WorkerConfig
from gateway.settings import GatewaySettings


def test_workers_are_told_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEASH_URL", "http://unleash.internal:4242/api")
    monkeypatch.setenv("UNLEASH_TOKEN", "default:development.hush")
    monkeypatch.setenv("GATEWAY_FLAGS_MAX_AGE", "3600")
    settings = GatewaySettings()
    config = WorkerConfig.from_json(settings.worker_config().to_json())
    assert (config.unleash_url, config.unleash_token) == (
        "http://unleash.internal:4242/api",
        "default:development.hush",
    )
    assert config.flags_max_age == 3600
    assert "hush" not in repr(settings)


def test_without_a_url_the_file_is_followed_for_ever() -> None:
    config = GatewaySettings().worker_config()
    assert (config.unleash_url, config.flags_max_age, config.force_key) == ("", None, "")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"UNLEASH_URL": "http://unleash.internal"}, "UNLEASH_TOKEN"),
        ({"UNLEASH_URL": "unleash.internal"}, "URL"),
        ({"GATEWAY_FORCE_KEY": "short"}, "at least 16"),
        ({"GATEWAY_FLAGS_MAX_AGE": "0"}, "greater than 0"),
    ],
)
def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=told):
        GatewaySettings()
