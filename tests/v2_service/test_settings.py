"""Settings come from the environment, whole and checked, and secrets stay hidden."""

from __future__ import annotations

import pytest

from tests.v2_service.stubs import settings
from v2_service.errors import SettingsInvalid
from v2_service.settings import Settings, load_settings

NEEDED = {"SUPABASE_URL": "http://db.test/", "SUPABASE_SERVICE_KEY": "k", "ANTHROPIC_API_KEY": "a"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, info in Settings.model_fields.items():
        alias = info.validation_alias
        monkeypatch.delenv(alias if isinstance(alias, str) else f"V2_{name.upper()}", raising=False)


def test_what_is_needed_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert loaded.supabase_url == "http://db.test"
    assert (loaded.full_pass_min_conversations, loaded.extraction_concurrency, loaded.port) == (50, 3, 8002)
    assert loaded.checkpoints_url.startswith("sqlite:////")


def test_every_problem_is_reported_at_once_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", "ftp://secret-host")
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", "51")
    monkeypatch.setenv("V2_LEASE_SECONDS", "soon")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    lines = caught.value.sentence.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "SUPABASE_URL",
        "SUPABASE_SERVICE_KEY",
        "FACT_EXTRACTION_CONCURRENCY",
        "V2_LEASE_SECONDS",
    ]
    assert "secret-host" not in caught.value.sentence


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    for name in ("VERCEL_API_URL", "ANTHROPIC_BASE_URL", "V2_LEASE_SECONDS", "MEMORY_LIMIT_MB", "V2_SERVICE_KEYS"):
        monkeypatch.setenv(name, "")
    loaded = load_settings()
    assert (loaded.web_app_url, loaded.anthropic_base_url, loaded.lease_seconds) == (None, None, 120)
    monkeypatch.setenv("SUPABASE_URL", "")
    with pytest.raises(SettingsInvalid, match="SUPABASE_URL: Field required"):
        load_settings()


def test_a_misspelt_variable_is_a_problem_with_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", "http://db.test")
    monkeypatch.setenv("V2_LEASE_SECOND", "9")
    monkeypatch.setenv("V2_COLOUR", "green")
    monkeypatch.setenv("V2_SERVICE_KEY", "read by the command line")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    assert caught.value.sentence.splitlines()[-2:] == [
        "V2_COLOUR: there is no such setting",
        "V2_LEASE_SECOND: there is no such setting; is V2_LEASE_SECONDS meant?",
    ]
    assert "SUPABASE_SERVICE_KEY: Field required" in caught.value.sentence


def test_a_key_of_the_model_is_needed_unless_bedrock_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", "http://db.test")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "k")
    with pytest.raises(SettingsInvalid, match="ANTHROPIC_API_KEY"):
        load_settings()
    monkeypatch.setenv("USE_BEDROCK", "true")
    assert load_settings().model_name.startswith("us.anthropic.")


def test_a_system_database_replaces_sqlite() -> None:
    assert settings(system_database_url="postgresql://db").checkpoints_url == "postgresql://db"


def test_settings_are_frozen_and_print_no_secret() -> None:
    made = settings(system_database_url="postgresql://user:hidden@db")
    with pytest.raises(ValueError, match="frozen"):
        made.port = 1  # type: ignore[misc]  # what the test is about
    assert "hidden" not in repr(made)
