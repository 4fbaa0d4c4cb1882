"""Settings of the gateway: from the environment and from options, every problem reported together."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.proxy.address import Address, parse_listen, parse_upstream
from gateway.proxy.config import WorkerConfig
from gateway.settings import GatewaySettings, InvalidSettingsError, read_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(f"GATEWAY_{name.upper()}", raising=False)


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = GatewaySettings()
    assert (settings.listen, settings.ops) == ("127.0.0.1:8080", "127.0.0.1:9090")
    assert (settings.legacy, settings.v2) == ("http://127.0.0.1:10000", "http://127.0.0.1:8002")


def test_the_environment_counts_and_options_win_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LEGACY", "http://monolith:1")
    monkeypatch.setenv("GATEWAY_WORKERS", "3")
    assert GatewaySettings().legacy == "http://monolith:1"
    assert GatewaySettings(workers=5).workers == 5


def test_all_problems_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LISTEN", "nonsense")
    monkeypatch.setenv("GATEWAY_LEGACY", "ftp://x")
    monkeypatch.setenv("GATEWAY_V2", "http://host/path")
    monkeypatch.setenv("GATEWAY_WORKERS", "-1")
    monkeypatch.setenv("GATEWAY_NAME", "two words")
    monkeypatch.setenv("GATEWAY_ROUTES", "missing.toml")
    with pytest.raises(ValidationError) as caught:
        GatewaySettings()
    assert {str(problem["loc"][0]) for problem in caught.value.errors()} == {
        "listen", "legacy", "v2", "workers", "name", "routes",
    }  # fmt: skip


def test_the_ops_port_needs_a_token_unless_it_is_on_loopback() -> None:
    with pytest.raises(ValidationError, match="GATEWAY_OPS_TOKEN"):
        GatewaySettings(ops="0.0.0.0:9090")
    assert GatewaySettings(ops="0.0.0.0:9090", ops_token="t").ops_token is not None  # type: ignore[arg-type]  # as read


def test_a_route_that_asks_for_a_key_needs_one(tmp_path: Path) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text('[[route]]\nname = "a"\npath = "/a"\napi_key = true\n')
    with pytest.raises(ValidationError, match="GATEWAY_API_KEY"):
        GatewaySettings(routes=routes)


JWT = {"jwt_issuer": "https://project.example/auth/v1", "jwt_audience": "authenticated"}
SECRETS = {"jwt_secrets": f"{'s' * 32}, {'t' * 32}"}


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, object]:
    """A route table that asks for tokens."""
    routes = tmp_path / "routes.toml"
    routes.write_text('[[route]]\nname = "a"\npath = "/a"\njwt = true\n')
    return {"routes": routes}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "GATEWAY_JWT_ISSUER"),
        (SECRETS, "GATEWAY_JWT_AUDIENCE"),
        (JWT, "GATEWAY_JWT_JWKS"),
        (JWT | SECRETS | {"jwt_algorithms": "ES256"}, "GATEWAY_JWT_ALGORITHMS"),
        (JWT | {"jwt_jwks": "https://project.example/jwks", "jwt_algorithms": "HS256"}, "GATEWAY_JWT_ALGORITHMS"),
        ({"jwt_algorithms": "none"}, "some of HS256, ES256, RS256"),
        ({"jwt_algorithms": ","}, "some of HS256"),
        ({"jwt_secrets": "short"}, "32 bytes"),
        ({"jwt_secrets": f"{'s' * 32},short"}, "32 bytes"),
        ({"jwt_secrets": ","}, "32 bytes"),
        ({"jwt_secrets": ",".join(["s" * 32] * 5)}, "4 secrets"),
        ({"jwt_jwks": "http://project.example/jwks"}, "https://HOST"),
        ({"jwt_jwks": "missing.json"}, "cannot be read"),
        ({"jwt_leeway": 61}, "60"),
    ],
)
def test_a_route_that_asks_for_tokens_needs_all_that_checks_them(
    tokens: dict[str, object], given: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GatewaySettings(**tokens | given)  # type: ignore[arg-type]  # as read


def test_tokens_may_be_checked_by_secrets_or_by_keys(tokens: dict[str, object]) -> None:
    by_secret = GatewaySettings(**tokens | JWT | SECRETS)  # type: ignore[arg-type]  # as read
    assert by_secret.worker_config().jwt_secrets == SECRETS["jwt_secrets"]
    assert "ssss" not in repr(by_secret)
    url = "https://project.example/jwks"
    by_key = GatewaySettings(**tokens | JWT | {"jwt_jwks": url}).config({})  # type: ignore[arg-type]  # as read
    assert (by_key.jwt_jwks, by_key.jwt_jwks_seconds) == (url, 60.0)


def test_jobs_are_followed_only_with_a_key_and_a_folder(tmp_path: Path) -> None:
    url = "http://127.0.0.1:54321"
    for given in ({}, {"supabase_service_key": "k"}, {"state_dir": str(tmp_path)}):
        with pytest.raises(ValidationError, match="GATEWAY_STATE_DIR"):
            GatewaySettings(supabase_url=url, **given)
    whole = GatewaySettings(supabase_url=url, supabase_service_key="k-e-y", state_dir=str(tmp_path))
    told = whole.config({})
    assert (told.supabase_service_key, told.state_dir, told.worker.evidence) == ("k-e-y", str(tmp_path), True)
    assert "k-e-y" not in repr(whole)
    assert GatewaySettings().worker_config().evidence is False


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(GatewaySettings(ops_token="hush", api_key="hush"))  # type: ignore[arg-type]  # as read


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_bytes(b"GATEWAY_NAME=caf\xe9\n")
    with pytest.raises(InvalidSettingsError, match=r"env_file: is not UTF-8"):
        read_settings(env_file=file)


def test_a_worker_gets_all_of_its_settings() -> None:
    config = GatewaySettings(head_bytes=2048, drain_seconds=3).worker_config()
    assert WorkerConfig.from_json(config.to_json()) == config
    assert (config.head_bytes, config.drain_seconds) == (2048, 3)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://a:81", Address("a", 81)),
        ("http://a", Address("a", 80)),
        ("legacy-1x2y:10000", Address("legacy-1x2y", 10000)),
        ("https://a.example", Address("a.example", 443, tls=True)),
        ("http://[::1]:81/", Address("::1", 81)),
        ("unix:/run/x.sock", Address(path="/run/x.sock")),
        ("unix:///run/x.sock", Address(path="/run/x.sock")),
    ],
)
def test_a_backend_is_a_host_or_a_socket(url: str, address: Address) -> None:
    assert parse_upstream(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "a:x",
        "ftp://a",
        "http://",
        "http://a/x",
        "http://u@a",
        "http://a?x",
        "unix:",
        "http://a:x",
        "http://a..b",
        "http://.",
        f"http://{'a' * 64}",
    ],
)
def test_anything_else_is_no_backend(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_upstream(url)


def test_an_address_to_listen_on() -> None:
    assert parse_listen("[::1]:80") == Address("::1", 80)
    assert parse_listen("0.0.0.0:0") == Address("0.0.0.0", 0)
    for text in ("80", "a", "a:b", "::1:80", "a:70000"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            parse_listen(text)
