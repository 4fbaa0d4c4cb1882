"""Every attempt of the table is made against the running services, and docs/security.md says what came of it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from gateway.core.decide import Backend
from gateway.core.force import force_value
from tests.deploy.machine import FORCE_KEY, SECRETS, Machine
from tests.gateway.tokens import OTHER, SECRET, USER
from tests.house.sources import REPOSITORY
from tests.security import attacks, token_attacks
from tests.security.attacks import MARKER, Attack, By, Port
from tests.security.conftest import API_KEY

ATTACKS = (*attacks.ATTACKS, *token_attacks.TOKEN_ATTACKS)
PAGE = REPOSITORY / "docs" / "security.md"
BEGIN, END = "<!-- attacks: written by tests/security/test_attacks.py -->\n", "<!-- end of attacks -->\n"
AT_ONCE = 8
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt was answered: the last status (0: closed without an answer), by whom, and all bytes."""

    status: int
    backend: str
    answer: bytes

    def told(self) -> str:
        """A few words for the table."""
        if not self.status:
            return "closed without an answer"
        return f"{self.status}{f', {self.backend}' if self.backend else ''}"


def filled_in(machine: Machine, text: bytes) -> bytes:
    """`text` with people and keys in the place of its @WORDS@."""
    soon = int(time.time()) + 600
    words = {
        "USER": USER,
        "OTHER": OTHER,
        "OPS": SECRETS["GATEWAY_OPS_TOKEN"],
        "V2": SECRETS["GATEWAY_V2_KEY"],
        "API": API_KEY,
        "FORCE": force_value(FORCE_KEY.encode(), USER, Backend.V2, soon),
        "FORGED": force_value(b"another key, long enough", USER, Backend.V2, soon),
        "OLD": force_value(FORCE_KEY.encode(), USER, Backend.V2, 1_700_000_000),
    } | token_attacks.words()
    return re.sub(rb"@([A-Z0-9]+)@", lambda found: words[found[1].decode()].encode(), text)


def refitted(before: bytes, after: bytes) -> bytes:
    """`after`, which is `before` with its words filled in; its length is said anew, where it was right before."""
    _, _, body = before.partition(b"\r\n\r\n")
    head, blank, filled = after.partition(b"\r\n\r\n")
    right = b"\r\nContent-Length: %d" % len(body)
    return (
        (head.replace(right, b"\r\nContent-Length: %d" % len(filled)) if head.endswith(right) else head)
        + blank
        + filled
    )


async def attempt(machine: Machine, attack: Attack) -> Outcome:
    port = machine.ports["gateway" if attack.port is Port.PUBLIC else attack.port]
    sent = refitted(attack.sent, filled_in(machine, attack.sent))
    received = b""
    for _ in range(attack.times):
        received = await exchanged(port, sent)
    status = re.match(rb"HTTP/1\.[01] ([0-9]{3})", received)
    head = received.partition(b"\r\n\r\n")[0]
    backend = re.search(rb"(?im)^x-gateway-backend: (\w+)", head)
    return Outcome(int(status[1]) if status else 0, backend[1].decode() if backend else "", received)


async def exchanged(port: int, sent: bytes) -> bytes:
    """All that comes back until the other side closes; it may do so while it is still written to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(SECONDS):
            while piece := await reader.read(65_536):
                received += piece
    except ConnectionError:
        pass  # what had come before counts
    finally:
        writer.close()
    return received


@pytest.fixture(scope="module")
def outcomes(machine: Machine) -> dict[Attack, Outcome]:
    async def all_of_them() -> list[Outcome]:
        line = asyncio.Semaphore(AT_ONCE)

        async def one(attack: Attack) -> Outcome:
            async with line:
                return await attempt(machine, attack)

        return await asyncio.gather(*(one(attack) for attack in ATTACKS))

    return dict(zip(ATTACKS, asyncio.run(all_of_them()), strict=True))


def name_of(attack: Attack) -> str:
    return f"{attack.group}: {attack.what}"


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_an_attempt_comes_to_what_the_table_says(attack: Attack, outcomes: dict[Attack, Outcome]) -> None:
    outcome = outcomes[attack]

    assert outcome.status in attack.status, outcome.answer[:600]
    if attack.by is By.GATEWAY:
        assert outcome.backend == ""
    elif attack.by is By.LEGACY:
        assert outcome.backend == "legacy"
    assert outcome.backend != "v2"
    assert not attack.never or attack.never not in outcome.answer.lower()


def test_no_two_attempts_have_one_name() -> None:
    names = [name_of(attack) for attack in ATTACKS]

    assert len(set(names)) == len(names) >= 60


def test_no_answer_holds_a_secret(outcomes: dict[Attack, Outcome]) -> None:
    secrets = [*SECRETS.values(), FORCE_KEY, API_KEY, SECRET]
    # What somebody sends in a path or a body comes back in messages about it; what they did not know must not.
    leaks = [
        name_of(attack)
        for attack, outcome in outcomes.items()
        for secret in secrets
        if secret.encode() in outcome.answer and b"@" not in attack.sent
    ]

    assert leaks == []


def test_everything_still_serves(machine: Machine, outcomes: dict[Attack, Outcome]) -> None:
    assert len(outcomes) == len(ATTACKS)
    assert all(process.poll() is None for process in machine.running.values())
    for name in machine.running:
        machine.wait_healthy(name)


def test_the_gateways_log_is_whole_and_says_nothing_that_was_sent(
    machine: Machine, outcomes: dict[Attack, Outcome]
) -> None:
    text = (machine.folder / "gateway.log").read_text()
    lines = [line for line in text.splitlines() if line.startswith("{")]

    assert len(outcomes) / 2 < len(lines)
    assert [line for line in lines if not isinstance(json.loads(line), dict)] == []
    secrets = [*SECRETS.values(), FORCE_KEY, API_KEY, SECRET, "eyJ"]  # all tokens begin so
    assert [secret for secret in (MARKER, "conversations", *secrets) if secret in text] == []


def test_v2s_log_says_no_secret(machine: Machine, outcomes: dict[Attack, Outcome]) -> None:
    text = (machine.folder / "v2.log").read_text()

    assert outcomes
    assert [secret for secret in (MARKER, *SECRETS.values()) if secret in text] == []


def rendered(outcomes: dict[Attack, Outcome]) -> str:
    """The table of docs/security.md."""
    lines = []
    for group, found in groupby(ATTACKS, key=lambda attack: attack.group):
        rows = list(found)
        lines += [f"**{group}** ({len(rows)})", "", "| attempt | came to |", "|---|---|"]
        lines += [f"| {attack.what} | {outcomes[attack].told()} |" for attack in rows]
        lines.append("")
    return f"{len(ATTACKS)} attempts.\n\n" + "\n".join(lines)


def test_the_page_says_what_came_of_them(outcomes: dict[Attack, Outcome], tmp_path: Path) -> None:
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    wanted = f"{before}{BEGIN}\n{rendered(outcomes)}{END}{after}"
    written = tmp_path / "security.md"
    written.write_text(wanted)

    assert page == wanted, (
        f"what came of the attempts has changed; if that is right, copy {written} to docs/security.md"
    )
