"""The announced end of legacy: a file beside the flags, which a running gateway follows."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.retirement import Retirement, RetirementError
from gateway.retirements import Plain, RetirementFile, follow_retirements
from tests.gateway.proxy.wire import Backend
from tests.gateway.serving import Served, serving

FROM = datetime(2027, 1, 1, tzinfo=UTC)
UNTIL = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
ASK = b'POST /flagged HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 17\r\n\r\n{"user_id":"ada"}'


def test_dates_are_announced_and_withdrawn_flag_by_flag(tmp_path: Path) -> None:
    file = RetirementFile(tmp_path / "features.json")
    assert file.read() == {}
    file.announce("f", Retirement(FROM, None))
    file.announce("g", Retirement(FROM, UNTIL))
    file.announce("f", Retirement(FROM, UNTIL))
    assert file.read() == {"f": Retirement(FROM, UNTIL), "g": Retirement(FROM, UNTIL)}
    file.withdraw("f")
    file.withdraw("unheard-of")
    assert file.read() == {"g": Retirement(FROM, UNTIL)}


@pytest.mark.parametrize("text", ["", "[]", '{"f": 3}', '{"f": [1]}', '{"f": ["soon", null]}', '{"f": [2, 1]}'])
def test_a_file_that_says_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    file = RetirementFile(tmp_path / "features.json")
    file.path.write_text(text)
    with pytest.raises(RetirementError):
        file.read()


async def head(gateway: Served) -> bytes:
    return (await gateway.get(ASK)).partition(b"\r\n\r\n")[0].lower()


async def until(gateway: Served, text: bytes, *, there: bool) -> None:
    async with asyncio.timeout(20):
        while (text in await head(gateway)) is not there:
            pass


async def test_a_running_gateway_announces_what_the_plan_decides(tmp_path: Path) -> None:
    async with Backend().running() as backend:
        flags = RetirementFile(tmp_path / "features.json")
        flags.announce("f", Retirement(FROM, None))
        async with serving(tmp_path, backend, backend, workers=1, percentage=0) as gateway:
            assert b"deprecation: @1798761600" in await head(gateway)
            flags.announce("f", Retirement(FROM, UNTIL))
            await until(gateway, b"sunset: fri, 31 dec 2027 23:59:59 gmt", there=True)
            flags.path.write_text("nonsense")
            assert b"sunset" in await head(gateway)
            flags.path.unlink()
            await until(gateway, b"deprecation", there=False)


class Told:
    """A fleet of which one worker does not hear the first time."""

    def __init__(self) -> None:
        self.heard: list[Plain] = []
        self.first, self.second = asyncio.Event(), asyncio.Event()

    async def retire(self, retirements: Plain) -> list[str]:
        self.heard.append(retirements)
        (self.second if self.first.is_set() else self.first).set()
        return [] if self.second.is_set() else ["worker 0: no answer"]


async def test_dates_that_are_withdrawn_at_once_are_so_for_workers_that_have_heard_them(tmp_path: Path) -> None:
    file, fleet = RetirementFile(tmp_path / "features.json"), Told()
    file.announce("f", Retirement(FROM, UNTIL))
    following = asyncio.create_task(follow_retirements(file, fleet, {}))
    await asyncio.wait_for(fleet.first.wait(), 20)
    file.withdraw("f")
    await asyncio.wait_for(fleet.second.wait(), 20)
    following.cancel()
    assert fleet.heard == [{"f": Retirement(FROM, UNTIL).plain()}, {}]
