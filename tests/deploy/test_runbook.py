"""The runbook works as written: each command is run, and each block prints what the page says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.deploy.machine import FORCE_KEY, SECRETS, Machine
from tests.house.installed import installed
from tests.house.sources import REPOSITORY
from tests.v2_service.exports import export

PAGE = REPOSITORY / "docs" / "runbook.md"
ALERTS = REPOSITORY / "deploy" / "prometheus" / "rules" / "alerts.yml"
_BLOCK = re.compile(r"^```(sh|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
MARK = "--- end of block"
WRONG = "--- failed:"
SECONDS = 150
MODEL_MILLISECONDS = 2000
"""So slow that an import of CONVERSATIONS is still running when the page comes to it."""
CONVERSATIONS = 60


def anchors() -> set[str]:
    headings = _HEADING.findall(PAGE.read_text())
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alert_and_every_link_leads_to_a_section() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    named = {rule["annotations"]["runbook"].partition("#")[2] for group in groups for rule in group["rules"]}
    linked = set(re.findall(r"\]\(#([a-z0-9-]+)\)", PAGE.read_text()))

    assert len(named) > 5
    assert (named | linked) - anchors() == set()


def test_every_alert_is_named_in_its_section() -> None:
    sections = {part.split("\n", 1)[0].lower().replace(" ", "-"): part for part in PAGE.read_text().split("\n## ")}
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]

    found = [(rule["alert"], rule["annotations"]["runbook"].partition("#")[2]) for rule in rules]

    assert [alert for alert, section in found if f"`{alert}`" not in sections[section]] == []


class Situation:
    """Users and jobs in the states that the page talks about."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.v2 = httpx.Client(
            base_url=machine.url("v2"),
            headers={"X-Service-Key": SECRETS["GATEWAY_V2_KEY"]},
            timeout=30,
            trust_env=False,
        )

    def user(self) -> tuple[str, str]:
        """A user with an export. Returns the id and where the export is."""
        user = self.machine.sandbox.create_user()
        path = f"user-imports/{user}/conversations.json"
        self.machine.sandbox.upload(path, export(CONVERSATIONS))
        return user, path

    def job(self) -> str:
        """An import that runs."""
        user, path = self.user()
        return self._begun({"user_id": user, "storage_path": path})

    def failed_job(self) -> str:
        """A refresh of a user who has nothing."""
        job = self._begun({"user_id": self.machine.sandbox.create_user()})
        with self.v2.stream("GET", f"/jobs/{job}/events") as events:  # ends with the job
            events.read()
        assert self.v2.get(f"/jobs/{job}").json()["status"] == "failed"
        return job

    def _begun(self, body: dict[str, str]) -> str:
        answer = self.v2.post("/process-full", json=body)
        job: str = answer.raise_for_status().json()["job_id"]
        return job


@pytest.fixture
def variables(machine: Machine) -> Iterator[dict[str, str]]:
    """The shell that the page asks for. The model is slow meanwhile, so that imports go on."""
    machine.sandbox.set_faults(anthropic={"latency_ms": MODEL_MILLISECONDS})
    situation = Situation(machine)
    user, path = situation.user()
    gateway = machine.environment("gateway")
    try:
        yield (
            machine.environment("v2")
            | gateway
            | {
                "GATEWAY": machine.url("gateway"),
                "OPS": machine.url("ops"),
                "V2": machine.url("v2"),
                "ROLLOUT_OPS": machine.url("ops"),
                "ROLLOUT_TOKEN": SECRETS["GATEWAY_OPS_TOKEN"],
                "ROLLOUT_FLAGS": gateway["GATEWAY_FLAGS"],
                "ROLLOUT_PLAN": str(REPOSITORY / "rollout.toml"),
                "V2_SERVICE_KEY": SECRETS["GATEWAY_V2_KEY"],
                "GATEWAY_FORCE_KEY": FORCE_KEY,
                "USER_ID": user,
                "STORAGE_PATH": path,
                "FAILED_JOB_ID": situation.failed_job(),
                "REQUEST_ID": "0" * 32,
            }
        )
    finally:
        machine.sandbox.set_faults()
        machine.rollout("rollback", "--hard")
        situation.v2.close()


@pytest.mark.timeout(300)  # some fifty processes one after the other, on a machine that may be busy
def test_every_command_does_what_the_page_says(machine: Machine, variables: dict[str, str]) -> None:
    installed("curl")
    # Rolling back ends all jobs, so those of the later sections begin after it.
    first, later = PAGE.read_text().split("\n## Stuck job\n")
    helpers = _BLOCK.findall(first)[0][1]
    _do(first, variables, machine)
    situation = Situation(machine)
    jobs = {"JOB_ID": situation.job(), "OTHER_JOB_ID": situation.job()}
    situation.v2.close()

    _do(later, variables | jobs, machine, before=helpers)


def _do(page: str, variables: dict[str, str], machine: Machine, before: str = "") -> None:
    """Run the blocks of `page` in one shell, and compare what they print."""
    blocks = _BLOCK.findall(page)
    code = "".join(f"{text}\necho '{MARK}'\n" for kind, text in blocks if kind == "sh")
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail\n{before}\ntrap 'echo \"{WRONG} $BASH_COMMAND\"' ERR\n{code}"],
        cwd=machine.folder,
        env=variables | {"COLUMNS": "160", "HOME": str(machine.folder), "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert WRONG not in ran.stdout and "Traceback" not in ran.stderr, f"{ran.stdout}\n{ran.stderr}"
    _compare(blocks, ran.stdout.split(f"{MARK}\n"))


def _compare(blocks: list[tuple[str, str]], printed: list[str]) -> None:
    """Each line of an `output` block is found, in order, in what its block printed; … stands for anything in a line."""
    remaining, said = iter(printed), ""
    for kind, text in blocks:
        if kind == "sh":
            said = next(remaining)
            continue
        at = 0
        for line in text.splitlines():
            pattern = r"[^\n]*".join(re.escape(part.strip()) for part in line.split("…"))
            found = re.compile(pattern, re.IGNORECASE).search(said, at)
            assert found is not None, f"{line!r} is not in what was printed:\n{said}"
            at = found.end()
