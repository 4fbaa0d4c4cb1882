"""What is followed, changed and evaluated here is what a real Unleash server and its SDK's engine mean."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from flags.cross_check import cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from flags.errors import GenerationConflictError, SourceUnavailableError
from flags.evaluate import evaluate
from flags.unleash_source import FEATURES_PATH, UnleashSource
from flags.unleash_store import UnleashAdmin, UnleashStore
from flags.unleash_usage import UnleashUsage, Uses
from flags.unleash_wire import UnleashWire
from tests.flags.real_unleash import ADMIN_TOKEN, FLAG, RealUnleash, real_unleash

pytestmark = pytest.mark.timeout(400)  # the first run fetches the server


@pytest.fixture(scope="module")
def unleash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealUnleash]:
    with real_unleash(tmp_path_factory.mktemp("unleash")) as server:
        yield server


@pytest.fixture
def source(unleash: RealUnleash, tmp_path: Path) -> Iterator[UnleashSource]:
    with UnleashSource(unleash.options, tmp_path / "kept.json") as found:
        found.poll()
        yield found


def percentage(source: UnleashSource) -> int | None:
    lead = source.snapshot.features[FLAG].lead if source.snapshot else None
    return None if lead is None else lead.percentage


def until(source: UnleashSource, holds: Callable[[], object]) -> None:
    """Poll until something holds; gives up loudly."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, (source.error, percentage(source))
        source.poll()
        time.sleep(0.01)


def until_at(source: UnleashSource, share: int) -> None:
    until(source, lambda: percentage(source) == share)


def test_each_change_through_the_store_is_followed(unleash: RealUnleash, source: UnleashSource) -> None:
    seen = []
    for share in (10, 50, 100, 0):
        unleash.set_percentage(share)
        began = time.monotonic()
        until_at(source, share)
        seen.append(time.monotonic() - began)
    print("a change was seen after", ", ".join(f"{seconds:.2f}" for seconds in seen), "s")


def test_a_hard_rollback_suspends_pins_for_whoever_follows_the_server(
    unleash: RealUnleash, source: UnleashSource
) -> None:
    def suspended() -> bool | None:
        return source.snapshot.features[FLAG].pins_suspended if source.snapshot else None

    store = UnleashStore(unleash.options, UnleashAdmin(ADMIN_TOKEN))
    store.set_percentage(FLAG, 0, suspend_pins=True)
    until(source, suspended)
    store.set_percentage(FLAG, 20)
    until(source, lambda: percentage(source) == 20 and suspended() is False)


def test_a_change_at_an_outdated_generation_is_refused(unleash: RealUnleash, source: UnleashSource) -> None:
    assert source.snapshot is not None
    before, expected = percentage(source), source.snapshot.generation
    assert before is not None
    store = UnleashStore(unleash.options, UnleashAdmin(ADMIN_TOKEN))
    unleash.set_percentage(before + 1)
    until_at(source, before + 1)
    with pytest.raises(GenerationConflictError):
        store.set_percentage(FLAG, 99, expected_generation=expected)
    assert store.set_percentage(FLAG, before, expected_generation=source.snapshot.generation).after == before


def test_a_stage_is_a_variant_that_the_server_keeps_and_hands_out(unleash: RealUnleash, source: UnleashSource) -> None:
    def stage() -> str | None:
        return source.snapshot.features[FLAG].stage if source.snapshot else None

    assert stage() is None
    store = UnleashStore(unleash.options, UnleashAdmin(ADMIN_TOKEN))
    assert store.set_stage(FLAG, "off").before is None
    until(source, lambda: stage() == "off")
    assert store.set_stage(FLAG, "ramp").before == "off"
    until(source, lambda: stage() == "ramp")


def test_the_server_knows_who_uses_the_flag_and_how_often(unleash: RealUnleash) -> None:
    usage = UnleashUsage(unleash.options, interval=60)
    began = datetime.now(UTC)
    usage.register(began)
    usage.send({FLAG: Uses(on=3, off=4)}, began, datetime.now(UTC))
    usage.close()
    for path, told in (
        ("/api/admin/metrics/applications", unleash.options.app_name),
        (f"/api/admin/client-metrics/features/{FLAG}/raw", '"yes": 3, "no": 4'),
    ):
        deadline = time.monotonic() + 30  # the server writes both down some seconds later
        while told not in json.dumps(unleash.admin("GET", path)):
            assert time.monotonic() < deadline, unleash.admin("GET", path)
            time.sleep(0.2)


def test_thresholds_agree_with_the_engine_on_the_servers_own_document(
    unleash: RealUnleash, source: UnleashSource
) -> None:
    unleash.set_percentage(37)
    until_at(source, 37)
    assert source.snapshot is not None
    wire = UnleashWire(unleash.url, unleash.options.headers(), deadline=5)
    document = read_document(wire.exchange("GET", FEATURES_PATH).body)
    wire.close()
    random = Random(4)
    ids = [f"{random.getrandbits(64):x}" + random.choice(("", "-é", "-ю", "-🚀")) for _ in range(2000)]
    compared, differences = cross_check(source.snapshot, YggdrasilEngine(document), ids)
    assert (compared, differences) == (2000, [])
    feature = source.snapshot.features[FLAG]
    assert 600 < sum(evaluate(feature, user_id).enabled for user_id in ids) < 880


@pytest.mark.parametrize("trouble", [signal.SIGSTOP, signal.SIGKILL])
def test_a_server_in_trouble_leaves_the_flags_in_force_and_is_followed_again(
    unleash: RealUnleash, source: UnleashSource, trouble: signal.Signals
) -> None:
    unleash.set_percentage(61)
    until_at(source, 61)
    unleash.signal(trouble)
    try:
        until(source, lambda: source.error is not None)
        assert percentage(source) == 61
        with pytest.raises(SourceUnavailableError):
            unleash.set_percentage(0)
    finally:
        unleash.start() if trouble is signal.SIGKILL else unleash.signal(signal.SIGCONT)
    until(source, lambda: source.error is None)
    unleash.set_percentage(62)
    until_at(source, 62)
