"""A percentage is changed through the Admin API, everything else in the strategy stays, conflicts are noticed."""

from collections.abc import Iterator

import pytest

from flags.errors import (
    ChangeRefusedError,
    FlagsError,
    GenerationConflictError,
    InvalidPercentageError,
    NoPercentageError,
    SourceUnavailableError,
    StoreFailedError,
    UnknownFlagError,
)
from flags.file_store import PercentageChange
from flags.unleash_source import UnleashOptions
from flags.unleash_store import UnleashAdmin, UnleashStore
from tests.flags.unleash import ADMIN_TOKEN, CLIENT_TOKEN, FLAG, UnleashServer, unleash_server


@pytest.fixture
def server() -> Iterator[UnleashServer]:
    with unleash_server() as found:
        yield found


def store(server: UnleashServer, *, admin: str = ADMIN_TOKEN, environment: str = "development") -> UnleashStore:
    return UnleashStore(UnleashOptions(server.url, CLIENT_TOKEN), UnleashAdmin(admin, environment=environment))


def test_the_percentage_changes_and_the_rest_stays(server: UnleashServer) -> None:
    server.strategies[0] |= {"title": "mine", "constraints": [{"contextName": "userId"}], "segments": [3]}
    assert store(server).set_percentage(FLAG, 50) == PercentageChange(FLAG, 10, 50, None)
    assert server.strategies == [
        {
            "id": "s1",
            "name": "flexibleRollout",
            "title": "mine",
            "constraints": [{"contextName": "userId"}],
            "parameters": {"rollout": "50", "stickiness": "userId", "groupId": FLAG},
            "segments": [3],
        }
    ]


def test_a_stale_writer_is_refused(server: UnleashServer) -> None:
    store(server).set_percentage(FLAG, 50, expected_generation=1)
    with pytest.raises(GenerationConflictError):
        store(server).set_percentage(FLAG, 100, expected_generation=1)
    assert server.percentage == "50"


def test_somebody_else_in_the_same_moment_is_noticed(server: UnleashServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer's change falls between our write and our second look."""
    mine = store(server)
    real = mine._admin.exchange

    def exchange(method: str, path: str, body: object = None) -> object:
        answer = real(method, path, body)
        if method == "PUT":
            server.change("99")
        return answer

    monkeypatch.setattr(mine._admin, "exchange", exchange)
    with pytest.raises(ChangeRefusedError, match="changed by somebody else"):
        mine.set_percentage(FLAG, 50)
    assert server.percentage == "99"


def test_the_same_percentage_again_is_a_change_that_the_server_counts(server: UnleashServer) -> None:
    seen = server.revision
    for _ in range(2):
        store(server).set_percentage(FLAG, 10)
        assert server.revision == (seen := seen + 1)
    assert server.percentage == "10"
    store(server).set_percentage(FLAG, 11)
    assert server.strategies[0]["parameters"] == {"rollout": "11", "stickiness": "userId", "groupId": FLAG}


def test_somebody_elses_stage_in_the_same_moment_is_noticed(
    server: UnleashServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = store(server)
    real = mine._admin.exchange

    def exchange(method: str, path: str, body: object = None) -> object:
        answer = real(method, path, body)
        if method == "PUT":
            store(server).set_stage(FLAG, "off")
        return answer

    monkeypatch.setattr(mine._admin, "exchange", exchange)
    with pytest.raises(ChangeRefusedError, match="changed by somebody else"):
        mine.set_stage(FLAG, "shadow")


@pytest.mark.parametrize("percentage", [-1, 101])
def test_a_percentage_out_of_range_is_refused(server: UnleashServer, percentage: int) -> None:
    with pytest.raises(InvalidPercentageError):
        store(server).set_percentage(FLAG, percentage)
    assert server.seen == []


def test_an_unknown_flag_or_environment_is_refused(server: UnleashServer) -> None:
    with pytest.raises(UnknownFlagError):
        store(server).set_percentage("nope", 1)
    with pytest.raises(UnknownFlagError):
        store(server, environment="production").set_percentage(FLAG, 1)


@pytest.mark.parametrize("strategies", [[], [{"id": "a", "name": "default"}]])
def test_a_flag_without_a_percentage_is_refused(server: UnleashServer, strategies: list[dict[str, object]]) -> None:
    server.strategies = strategies
    with pytest.raises(NoPercentageError):
        store(server).set_percentage(FLAG, 1)


def test_a_wrong_admin_token_is_refused(server: UnleashServer) -> None:
    with pytest.raises(ChangeRefusedError, match="refuses the admin token"):
        store(server, admin="wrong").set_percentage(FLAG, 1)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [((500, b""), StoreFailedError), ((200, b"<html>"), StoreFailedError), ((403, b""), ChangeRefusedError)],
)
def test_trouble_on_the_server_is_told(
    server: UnleashServer, trouble: tuple[int, bytes], error: type[FlagsError]
) -> None:
    server.trouble = trouble
    with pytest.raises(error):
        store(server).set_percentage(FLAG, 1)


def test_a_server_that_is_away_is_told() -> None:
    gone = UnleashStore(UnleashOptions("http://127.0.0.1:9", CLIENT_TOKEN), UnleashAdmin(ADMIN_TOKEN))
    with pytest.raises(SourceUnavailableError):
        gone.set_percentage(FLAG, 1)


def test_pins_are_suspended_in_the_same_change(server: UnleashServer) -> None:
    store(server).set_percentage(FLAG, 0, suspend_pins=True)
    assert dict(server.strategies[0]["parameters"])["pins"] == "suspended"  # type: ignore[call-overload]  # a dict
    store(server).set_percentage(FLAG, 10)
    assert "pins" not in dict(server.strategies[0]["parameters"])  # type: ignore[call-overload]  # a dict
