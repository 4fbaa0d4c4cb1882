"""`rollout compare`: what it prints, and what its exit code says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.core.noise import MIN_REPEATED
from gateway.observe.side_by_side import Report
from gateway.ops.compare_report import plain
from gateway.ops.rollout_cli import app
from gateway.ops.session import Exit
from sandbox.running import RunningSandbox
from tests.gateway.observe.pairs import SECRET, Pair
from tests.gateway.observe.test_side_by_side import pair as observed


@pytest.fixture
def environment(sandbox: RunningSandbox) -> dict[str, str]:
    return {"GATEWAY_SUPABASE_URL": sandbox.url, "GATEWAY_SUPABASE_SERVICE_KEY": sandbox.keys.service}


def compare(environment: dict[str, str], *arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments], env=environment)


def test_a_pair_that_is_alike_exits_with_0_and_is_printed_without_a_word_of_anybody(
    sandbox: RunningSandbox, environment: dict[str, str]
) -> None:
    pair = Pair(sandbox)
    result = compare(environment, "--user", pair.user)
    assert result.exit_code == Exit.DONE, result.output
    assert "**v2 is behind in nothing.**" in result.output
    assert pair.run in result.output
    assert not any(hidden in result.output for hidden in (SECRET, pair.user))


def test_a_candidate_that_is_behind_exits_with_1_and_says_in_what(
    sandbox: RunningSandbox, environment: dict[str, str]
) -> None:
    pair = Pair(sandbox, conversations=1)
    pair.profile(dict.fromkeys(("identity_md", "user_md", "agents_md"), "# A heading"))
    result = compare(environment, "--user", pair.user, "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout)["behind"] == ["texts_filled"]


def test_ignored_paths_are_no_differences(sandbox: RunningSandbox, environment: dict[str, str]) -> None:
    pair = Pair(sandbox, conversations=1)
    pair.profile({"identity_md": "# A heading", "soul_md": "# A\n# B"})
    paths = ("--ignore", "/profile/texts/identity_md", "--ignore", "/profile/texts/*/headings")
    found = [json.loads(compare(environment, "--user", pair.user, "--json", *more).stdout) for more in ((), paths)]
    seen, left = ({one["path"] for one in document["differences"]} for document in found)
    assert {"/profile/texts/identity_md", "/profile/texts/soul_md/headings"} <= seen
    assert not any(path.startswith("/profile/texts") for path in left)


def test_noise_of_an_earlier_report_is_taken_over(
    sandbox: RunningSandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    pair, learned = Pair(sandbox, conversations=1), Report()
    pair.profile({"soul_md": "# A\n# B"})
    noisy = observed()
    for _ in range(MIN_REPEATED):
        learned.repeat(noisy)
    earlier = tmp_path / "report.json"
    earlier.write_text(json.dumps(plain(learned)))
    document = json.loads(compare(environment, "--user", pair.user, "--json", "--noise", str(earlier)).stdout)
    assert document["repeats"] == MIN_REPEATED
    standings = {one["path"]: one["standing"] for one in document["differences"]}
    assert standings["/profile/texts/soul_md/headings"] == "different"


def test_nothing_to_compare_is_no_success(sandbox: RunningSandbox, environment: dict[str, str]) -> None:
    result = compare(environment, "--user", sandbox.create_user())
    assert (result.exit_code, "Nothing to compare." in result.output) == (Exit.REFUSED, True)


@pytest.mark.parametrize(
    "arguments", [("--since", "yesterday"), ("--ignore", "profile"), ("--noise", "pyproject.toml"), ("--limit", "0")]
)
def test_wrong_usage_exits_with_2(environment: dict[str, str], arguments: tuple[str, str]) -> None:
    assert compare(environment, *arguments).exit_code == Exit.USAGE


def test_without_a_database_it_says_what_to_set() -> None:
    result = compare({"GATEWAY_SUPABASE_URL": "", "GATEWAY_SUPABASE_SERVICE_KEY": ""})
    assert (result.exit_code, "GATEWAY_SUPABASE_URL" in result.output) == (Exit.USAGE, True)


def test_a_database_that_does_not_answer_exits_with_3() -> None:
    result = compare({"GATEWAY_SUPABASE_URL": "http://127.0.0.1:9", "GATEWAY_SUPABASE_SERVICE_KEY": "k"})
    assert result.exit_code == Exit.UNREACHABLE
