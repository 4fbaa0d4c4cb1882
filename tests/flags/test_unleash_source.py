"""An Unleash server is followed by its ETag; away, broken or silent, it leaves the last good flags in force."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flags.unleash_source import UnleashOptions, UnleashSource
from tests.flags.documents import at
from tests.flags.unleash import CLIENT_TOKEN, FLAG, UnleashServer, unleash_server

Open = Callable[..., UnleashSource]


@pytest.fixture
def server() -> Iterator[UnleashServer]:
    with unleash_server() as found:
        yield found


@pytest.fixture
def opened(server: UnleashServer, tmp_path: Path) -> Iterator[Open]:
    """Opens sources on the server, which share one kept document, and closes them."""
    sources: list[UnleashSource] = []

    def open_source(url: str = server.url, token: str = CLIENT_TOKEN, **more: float) -> UnleashSource:
        deadline = more.pop("deadline", 5.0)
        options = UnleashOptions(url, token, interval=0.05, deadline=deadline)
        found = UnleashSource(options, tmp_path / "kept.json", **more)  # type: ignore[arg-type]  # max_age only
        sources.append(found)
        return found

    yield open_source
    server.release.set()
    for source in sources:
        source.close()


def percentage(source: UnleashSource) -> int | None:
    if source.snapshot is None:
        return None
    lead = source.snapshot.features[FLAG].lead
    return None if lead is None else lead.percentage


def until(source: UnleashSource, holds: Callable[[], object]) -> None:
    """Poll until something holds; gives up loudly."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, (source.error, percentage(source))
        source.poll()
        time.sleep(0.005)


def test_the_first_poll_has_the_flags(opened: Open) -> None:
    source = opened()
    assert source.poll()
    assert (percentage(source), source.error) == (10, None)
    assert source.snapshot is not None
    assert source.snapshot.generation == 1


def test_a_change_on_the_server_is_taken(opened: Open, server: UnleashServer) -> None:
    source = opened()
    source.poll()
    for share in ("50", "100", "0"):
        server.change(share)
        until(source, lambda share=share: percentage(source) == int(share))
    assert source.snapshot is not None
    assert source.snapshot.generation == 4


def test_changes_on_the_server_are_timed_from_its_last_word(opened: Open, server: UnleashServer) -> None:
    source = opened()
    source.poll()
    assert sum(source.applied.counts) == 0
    server.change("50")
    until(source, lambda: percentage(source) == 50)
    assert sum(source.applied.counts) == 1
    assert source.applied.last is not None


def test_unchanged_flags_are_not_sent_again(opened: Open, server: UnleashServer) -> None:
    source = opened()
    source.poll()
    first = source.snapshot
    until(source, lambda: len(server.seen) >= 4)
    assert [status for *_, status in server.seen[:4]] == [200, 304, 304, 304]
    assert source.snapshot is first


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ((500, b"oops"), "Unleash answered 500"),
        ((503, b""), "Unleash answered 503"),
        ((401, b"{}"), "Unleash refuses the token"),
        ((200, b"<html>"), "Unleash's flags cannot be used: not JSON"),
        ((200, b'{"features": 1}'), "Unleash's flags cannot be used: features must be a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_cannot_be_used_keeps_the_flags(
    opened: Open, server: UnleashServer, trouble: tuple[int, bytes], told: str
) -> None:
    source = opened()
    source.poll()
    server.trouble = trouble
    until(source, lambda: source.error is not None)
    assert source.error is not None
    assert source.error.startswith(told)
    assert percentage(source) == 10
    server.trouble = None
    server.change("20")
    until(source, lambda: source.error is None and percentage(source) == 20)


def test_a_server_that_is_gone_keeps_the_flags_and_they_age(tmp_path: Path) -> None:
    with unleash_server() as server:
        options = UnleashOptions(server.url, CLIENT_TOKEN, interval=0.05)
        with UnleashSource(options, tmp_path / "kept.json") as source:
            source.poll()
            server.trouble = (500, b"")
            until(source, lambda: source.error is not None)
            age = source.age()
            until(source, lambda: (source.age() or 0) > (age or 0))
            assert percentage(source) == 10


def test_a_server_that_accepts_and_never_answers_holds_up_a_start_for_the_deadline_only(
    opened: Open, server: UnleashServer
) -> None:
    opened().poll()
    server.hang.set()
    source = opened(deadline=0.2)
    source.poll()
    assert percentage(source) == 10
    assert source.snapshot is not None
    assert source.snapshot.source.endswith("kept.json")
    assert source.error is not None
    server.hang.clear()
    server.release.set()
    until(source, lambda: source.error is None)


def test_last_good_flags_survive_a_restart_without_the_server(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    with unleash_server("42") as server, UnleashSource(UnleashOptions(server.url, CLIENT_TOKEN), kept) as source:
        source.poll()
        url = server.url
    with UnleashSource(UnleashOptions(url, CLIENT_TOKEN), kept) as restarted:
        assert restarted.poll()
        assert percentage(restarted) == 42
        assert restarted.error is not None
        assert restarted.age() is not None


def test_without_server_and_kept_flags_there_are_none(tmp_path: Path) -> None:
    with UnleashSource(UnleashOptions("http://127.0.0.1:9", CLIENT_TOKEN), tmp_path / "kept.json") as source:
        assert not source.poll()
        assert source.snapshot is None
        assert source.error is not None
        assert source.error.startswith("Unleash cannot be reached")


def test_a_broken_kept_document_is_no_flags(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_bytes(b"{")
    with UnleashSource(UnleashOptions("http://127.0.0.1:9", CLIENT_TOKEN), tmp_path / "kept.json") as source:
        assert not source.poll()


def test_flags_beyond_their_age_are_given_up_and_come_back(tmp_path: Path) -> None:
    now = time.time()
    clock = {"ahead": 0.0}
    (tmp_path / "kept.json").write_bytes(at(77))
    with unleash_server() as server:
        options = UnleashOptions(server.url, CLIENT_TOKEN, interval=0.05)
        source = UnleashSource(options, tmp_path / "kept.json", max_age=60, clock=lambda: now + clock["ahead"])
        with source:
            server.trouble = (500, b"")
            source.poll()
            assert percentage(source) == 77
            clock["ahead"] = 120
            source.poll()
            assert source.snapshot is None
            assert source.error is not None
            assert source.error.startswith("the flags are older than 60 s")
            server.trouble = None
            until(source, lambda: percentage(source) == 10)


def test_a_wrong_token_is_told(opened: Open) -> None:
    source = opened(token="wrong")
    source.poll()
    assert source.error == "Unleash refuses the token"


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
def test_the_url_may_end_as_sdks_want_it(opened: Open, server: UnleashServer, suffix: str) -> None:
    assert opened(server.url + suffix).poll()


@pytest.mark.parametrize("url", ["", "unleash.internal", "ftp://unleash.internal", "http://"])
def test_a_url_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        UnleashSource(UnleashOptions(url, CLIENT_TOKEN), tmp_path / "kept.json")


def test_subscribers_hear_of_changes_in_the_polling_thread(opened: Open, server: UnleashServer) -> None:
    heard: list[int | None] = []
    source = opened()
    source.subscribe(lambda _: heard.append(percentage(source)))
    source.poll()
    server.change("33")
    until(source, lambda: percentage(source) == 33)
    assert heard == [10, 33]
