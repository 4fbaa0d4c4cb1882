"""The command line: the same verbs on a file and on a remote gateway, in tables and in JSON, with honest exit codes."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.core.decide import Backend
from gateway.core.force import read_force
from gateway.ops.controls import FileControls
from gateway.ops.rollout_cli import app
from tests.flags.unleash import ADMIN_TOKEN, CLIENT_TOKEN, unleash_server
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.job_list import serving_jobs
from tests.gateway.ops.serving import served_ops

Run = Callable[..., Result]
TOKEN = "s3cret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


@pytest.fixture
def ops_url(path: Path) -> Iterator[str]:
    """A real ops API on a loopback port of its own."""
    with served_ops(path, TOKEN) as url:
        yield url


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["--who", "ann", *arguments], env={"COLUMNS": "120", **(env or {})})


@pytest.fixture
def unleash(path: Path) -> Iterator[dict[str, str]]:
    """The variables of an Unleash server at 10 %; kill and journal stay beside the flag file."""
    with unleash_server() as server:
        yield {
            "ROLLOUT_FLAGS": str(path),
            "UNLEASH_URL": server.url,
            "UNLEASH_TOKEN": CLIENT_TOKEN,
            "UNLEASH_ADMIN_TOKEN": ADMIN_TOKEN,
        }


def test_the_same_verbs_work_on_an_unleash_server(unleash: dict[str, str], path: Path) -> None:
    def run(*arguments: str) -> Result:
        return invoke(*arguments, env=unleash)

    assert json.loads(run("explain", "user-42", "--json").stdout)["backend"] == "legacy"
    assert "10 % -> 100 %" in run("set", FLAG, "100", "--why", "step").stdout
    assert stored(path) == (1, "10")
    status = json.loads(run("status", "--json").stdout)
    assert (status["source"].rstrip("/"), status["flags"][0]["percentage"]) == (unleash["UNLEASH_URL"], 100)
    assert json.loads(run("explain", "user-42", "--json").stdout)["backend"] == "v2"
    assert run("kill").exit_code == 0
    assert json.loads(run("explain", "user-42", "--json").stdout)["reason"] == "local-kill"
    assert [entry["action"] for entry in json.loads(run("journal", "--json").stdout)] == ["set", "kill"]
    assert run("set", FLAG, "1", "--expect", "1").exit_code == 4
    assert run("validate").exit_code == 0
    assert run("rollback", "--hard").exit_code == 6  # nobody said where v2 is
    flag = json.loads(run("status", "--json").stdout)["flags"][0]
    assert (flag["percentage"], flag["pins_suspended"]) == (0, True)
    assert run("stage", "off").exit_code == 0
    assert json.loads(run("status", "--json").stdout)["flags"][0]["stage"] == "off"


def test_without_an_admin_token_unleash_can_be_asked_but_not_changed(unleash: dict[str, str]) -> None:
    del unleash["UNLEASH_ADMIN_TOKEN"]
    assert invoke("status", env=unleash).exit_code == 0
    result = invoke("set", FLAG, "1", env=unleash)
    assert result.exit_code == 1
    assert "UNLEASH_ADMIN_TOKEN" in result.stderr


def test_a_kill_works_with_unleash_gone(unleash: dict[str, str], path: Path) -> None:
    gone = {**unleash, "UNLEASH_URL": "http://127.0.0.1:9"}
    assert invoke("set", FLAG, "0", env=gone).exit_code == 3
    assert invoke("kill", env=gone).exit_code == 0
    assert path.with_name("features.json.kill").exists()


@pytest.fixture(params=["file", "remote"])
def run(request: pytest.FixtureRequest, path: Path) -> Run:
    """Runs the command line on the file, then on the ops API over the same file."""
    if request.param == "file":
        return lambda *arguments: invoke("--flags", str(path), *arguments)
    url = request.getfixturevalue("ops_url")
    return lambda *arguments: invoke("--ops", url, "--token", TOKEN, *arguments)


def test_set_status_and_journal(run: Run, path: Path) -> None:
    assert run("set", FLAG, "50", "--why", "step").exit_code == 0
    assert stored(path) == (2, "50")
    status = json.loads(run("status", "--json").stdout)
    assert (status["generation"], status["flags"][0]["percentage"]) == (2, 50)
    (entry,) = json.loads(run("journal", "--json").stdout)
    assert entry["who"].startswith("ann")
    assert (entry["action"], entry["from"], entry["to"], entry["why"]) == ("set", 10, 50, "step")


def test_stages_move_one_at_a_time(run: Run, path: Path) -> None:
    assert "stage unset -> off" in run("stage", "off", "--why", "pause").stdout
    assert json.loads(run("explain", "user-1", "--json").stdout)["reason"] == "stage"
    refused = run("stage", "complete")
    assert (refused.exit_code, "can move to shadow, not to complete" in refused.stderr) == (1, True)
    assert run("stage", "shadow").exit_code == 0
    assert run("stage", "ramp").exit_code == 0
    assert "begins at 100 %" in run("stage", "reverse-shadow").stderr
    assert json.loads(run("status", "--json").stdout)["flags"][0]["stage"] == "ramp"
    assert json.loads(run("explain", "user-1", "--json").stdout)["backend"] == "v2"
    entries = json.loads(run("journal", "--json").stdout)
    assert [(entry["action"], entry["from"], entry["to"]) for entry in entries] == [
        ("stage", None, "off"),
        ("stage", "off", "shadow"),
        ("stage", "shadow", "ramp"),
    ]
    assert "stage off -> shadow" in run("journal").stdout


def test_a_flag_with_other_variants_carries_no_stage(run: Run, path: Path) -> None:
    content = json.loads(path.read_text())
    content["features"][0]["strategies"][0]["variants"] = [{"name": "blue", "weight": 1000}]
    path.write_text(json.dumps(content))
    assert "variants of its own" in run("stage", "off").stderr
    assert run("stage", "off", "--flag", "nope").exit_code == 1


def test_kill_and_revive(run: Run, path: Path) -> None:
    assert "everything goes to legacy now" in run("kill", "--why", "errors").stdout
    assert path.with_name("features.json.kill").exists()
    assert "went to legacy already" in run("kill").stdout
    assert "ENGAGED" in run("status").stdout
    assert json.loads(run("revive", "--json").stdout)["changed"]
    assert "no kill to end" in run("revive").stdout


@pytest.mark.parametrize("user_id", ["user-1", "..", "a/b", "é 🚀", "None", ""])
def test_explain_agrees_with_the_decision(run: Run, path: Path, user_id: str) -> None:
    result = run("explain", user_id, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert not found.pop("pinned")  # a gateway knows, a file does not
    assert found == FileControls(path).explain(user_id, FLAG).model_dump(exclude={"pinned"})


def test_explain_as_a_table_names_each_step(run: Run) -> None:
    shown = run("explain", "user-1").stdout
    for part in ("user-1", "e1d7449e", "7 of 100", "10 %", "percentage-in", "v2"):
        assert part in shown


def test_preview(run: Run, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text("user-1\nuser-2\nuser-3\nuser-42\n")
    report = json.loads(run("preview", "10", "50", "--ids", str(ids), "--json").stdout)
    assert (report["from"], report["to"], report["buckets"], report["counted"]) == (10, 50, [11, 50], 4)
    assert "40 % of users, to v2" in run("preview", "10", "50").stdout
    assert "nobody" in run("preview", "10", "10").stdout


def test_a_force_header_is_one_that_the_gateway_takes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("force-header", "user-1").exit_code == 2
    monkeypatch.setenv("GATEWAY_FORCE_KEY", "0123456789abcdef")
    made = json.loads(run("force-header", "é 🚀", "--backend", "legacy", "--minutes", "5", "--json").stdout)
    at = made["expires"] - 300
    assert read_force(made["value"].encode(), b"0123456789abcdef", "é 🚀", at) is Backend.LEGACY
    assert run("force-header", "user-1").stdout.startswith("X-Gateway-Force: v2.")
    assert run("force-header", "").exit_code == 2
    assert run("force-header", "user-1", "--minutes", "1441").exit_code == 2
    monkeypatch.setenv("GATEWAY_FORCE_KEY", "short")
    assert run("force-header", "user-1").exit_code == 2


def test_validate(run: Run, path: Path) -> None:
    assert run("validate").exit_code == 0
    path.write_text('{"features": [{"name": 1, "enabled": 2, "strategies": []}]}')
    result = run("validate", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["problems"]) == 2


def test_every_question_prints_a_table(run: Run) -> None:
    run("set", FLAG, "20", "--why", "[red]not markup[/red]")
    assert "[red]not markup[/red]" in run("journal").stdout
    for question in (["status"], ["journal"], ["validate"], ["preview", "0", "1"], ["explain", "x"]):
        assert run(*question).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("set", FLAG, "101"), 1, "a percentage is a whole number from 0 to 100"),
        (("set", "nope", "1"), 1, "no flag 'nope'"),
        (("set", FLAG, "1", "--expect", "7"), 4, "at generation 1, not 7"),
        (("set", FLAG, "ten"), 2, "percent"),
        (("preview", "0", "1", "--flag", "nope"), 1, "no flag 'nope'"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_refusals_have_an_exit_code_and_change_nothing(
    run: Run, path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr
    assert stored(path) == (1, "10")


def test_a_broken_file_is_told_with_the_way_out(run: Run, path: Path) -> None:
    path.write_text('{"features": 1}')
    result = run("set", FLAG, "0")
    assert result.exit_code == 1
    assert "features must be a list" in result.stderr
    assert run("kill").exit_code == 0


def test_rollback_sets_the_flag_to_0(run: Run, path: Path) -> None:
    run("set", FLAG, "100")
    assert run("rollback", "--why", "errors").exit_code == 0
    assert stored(path) == (3, "0")
    assert not path.with_name("features.json.kill").exists()


def test_rollback_works_on_a_broken_file_by_the_kill(run: Run, path: Path) -> None:
    path.write_text("{")
    result = run("rollback", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["action"] == "kill"
    assert path.with_name("features.json.kill").exists()


def test_rollback_of_a_flag_that_is_none_is_refused(run: Run, path: Path) -> None:
    assert run("rollback", "--flag", "nope").exit_code == 1
    assert not path.with_name("features.json.kill").exists()


def test_a_rollback_with_jobs_on_a_flag_file_asks_v2_itself(path: Path) -> None:
    with serving_jobs("ann", "bob") as v2:
        env = {"GATEWAY_V2": f"http://127.0.0.1:{v2.port}", "GATEWAY_V2_KEY": "0123456789abcdef"}
        status = json.loads(invoke("--flags", str(path), "status", "--json", env=env).stdout)
        assert (status["jobs"]["v2"], status["jobs"]["pinned"]) == (2, None)
        assert json.loads(invoke("--flags", str(path), "explain", "ann", "--json", env=env).stdout)["pinned"]
        drained = invoke("--flags", str(path), "rollback", "--why", "errors", env=env)
        assert (drained.exit_code, v2.ended) == (0, {})
        assert re.search(r"run to their end +2", drained.stdout)
        v2.broken["job-2"] = 503, {"detail": "The database is away."}
        result = invoke("--flags", str(path), "rollback", "--hard", "--json", env=env)
        assert result.exit_code == 6
        report = json.loads(result.stdout)
        assert (report["cancelled"], report["failed"], report["stranded"]) == (1, 1, 2)
        assert "pins suspended" in invoke("--flags", str(path), "status").stdout
        del v2.broken["job-2"]
        handed = invoke("--flags", str(path), "rollback", "--hand-back", env=env)
        assert handed.exit_code == 0
        assert re.search(r"handed back +1", handed.stdout)
        assert v2.keys == {"0123456789abcdef"}
    gone = invoke("--flags", str(path), "status", "--json", env=env)
    assert "cannot be reached" in json.loads(gone.stdout)["jobs"]["error"]
    assert invoke("--flags", str(path), "rollback", "--hard", env=env).exit_code == 6


def test_ending_jobs_needs_to_know_where_v2_is(path: Path) -> None:
    result = invoke("--flags", str(path), "rollback", "--hand-back")
    assert result.exit_code == 6
    assert "GATEWAY_V2" in result.stdout
    assert stored(path) == (2, "0")


def test_a_drill_needs_a_running_gateway(path: Path, ops_url: str) -> None:
    assert invoke("--flags", str(path), "drill").exit_code == 2
    refused = invoke("--ops", ops_url, "--token", TOKEN, "drill", "--flag", "nope")
    assert refused.exit_code == 1
    assert "no flag 'nope'" in refused.stderr


def test_what_copies_found_only_a_running_gateway_knows(path: Path, ops_url: str) -> None:
    assert invoke("--flags", str(path), "shadow").exit_code == 2
    assert "copies under way" in invoke("--ops", ops_url, "--token", TOKEN, "shadow").stdout
    told = invoke("--ops", ops_url, "--token", TOKEN, "shadow", "--json")
    assert json.loads(told.stdout) == {"running": 0, "waiting": 0, "stopped": 0, "routes": []}


def test_errors_can_be_had_as_json(run: Run) -> None:
    result = run("set", "nope", "1", "--json")
    assert result.stdout == ""
    assert "no flag 'nope'" in json.loads(result.stderr)["error"]


def test_a_change_without_a_journal_entry_says_so(run: Run, path: Path) -> None:
    path.with_name("features.json.journal").mkdir()
    result = run("kill")
    assert result.exit_code == 5
    assert "not in the journal" in result.stdout
    assert path.with_name("features.json.kill").exists()


def test_a_missing_file_and_a_gateway_that_is_away_cannot_be_reached(tmp_path: Path) -> None:
    assert invoke("--flags", str(tmp_path / "none.json"), "set", FLAG, "1").exit_code == 3
    assert invoke("--ops", "http://127.0.0.1:9", "status").exit_code == 3


@pytest.mark.parametrize("content", [None, "not JSON"], ids=["missing", "broken"])
@pytest.mark.parametrize("question", [["status"], ["explain", "user-42"], ["preview", "0", "50"]], ids=lambda it: it[0])
@pytest.mark.parametrize("remote", [False, True], ids=["file", "ops"])
def test_a_question_about_flags_that_cannot_be_read_says_why_and_exits_3(
    tmp_path: Path, question: list[str], content: str | None, remote: bool
) -> None:
    path = tmp_path / "flags.json"
    if content is not None:
        path.write_text(content)
    with served_ops(path, TOKEN) as url:
        where = ["--ops", url, "--token", TOKEN] if remote else ["--flags", str(path)]
        result = invoke(*where, *question)
    assert result.exit_code == 3
    assert "flags.json cannot be" in result.output


def test_flags_of_before_are_still_told_where_the_file_broke(path: Path) -> None:
    assert invoke("--flags", str(path), "status").exit_code == 0
    path.write_text("{")
    result = invoke("--flags", str(path), "status", "--json")
    assert (result.exit_code, json.loads(result.stdout)["flags"][0]["name"]) == (3, FLAG)


def test_a_wrong_token_is_refused(ops_url: str) -> None:
    result = invoke("--ops", ops_url, "--token", "wrong", "kill")
    assert result.exit_code == 1
    assert "a bearer token is needed" in result.stderr


def test_options_can_come_from_the_environment_and_all_problems_are_told(path: Path) -> None:
    status = invoke("status", "--json", env={"ROLLOUT_FLAGS": str(path)})
    assert json.loads(status.stdout)["source"] == str(path)
    result = invoke("status", env={"ROLLOUT_OPS": "nonsense", "ROLLOUT_FLAG": " "})
    assert result.exit_code == 2
    assert "ops:" in result.stderr
    assert "flag:" in result.stderr


def test_a_file_and_a_gateway_at_once_are_refused(path: Path) -> None:
    assert invoke("--flags", str(path), "--ops", "http://127.0.0.1:9", "status").exit_code == 2


def test_an_option_wins_over_the_environment(path: Path) -> None:
    result = invoke("--flags", str(path), "status", "--json", env={"ROLLOUT_OPS": "http://127.0.0.1:9"})
    assert json.loads(result.stdout)["source"] == str(path)


def test_help_names_the_variables_and_exit_codes() -> None:
    shown = invoke("--help").stdout
    for part in ("ROLLOUT_FLAGS", "ROLLOUT_OPS", "ROLLOUT_TOKEN", "ROLLOUT_WHO", "Exit codes", "--install-completion"):
        assert part in shown


@pytest.mark.parametrize(
    ("words", "offered"),
    [("ro", {"rollback"}), ("set ", {FLAG}), ("stage re", {"reverse-shadow"}), ("plan ho", {"hold"})],
)
def test_the_shell_completes_commands_flags_and_stages(path: Path, words: str, offered: set[str]) -> None:
    typed = ["rollout", *words.split(" ")]
    environment = {
        "_ROLLOUT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(typed),
        "COMP_CWORD": str(len(typed) - 1),
        "ROLLOUT_FLAGS": str(path),
    }
    shown = CliRunner().invoke(app, prog_name="rollout", env=environment).stdout
    assert set(shown.split()) == offered


def test_the_console_command_works_as_a_process_and_follows_the_journal(path: Path) -> None:
    command = [sys.executable, "-c", "from gateway.ops.rollout_cli import main; main()", "--flags", str(path)]
    FileControls(path).kill(who="ann", why="first")
    following = subprocess.Popen([*command, "journal", "--follow", "--json"], stdout=subprocess.PIPE, text=True)
    assert following.stdout is not None
    try:
        assert json.loads(following.stdout.readline())["why"] == "first"
        done = subprocess.run([*command, "revive", "--why", "second"], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(following.stdout.readline())["why"] == "second"
    finally:
        following.kill()
        following.communicate()


def test_it_starts_without_a_web_framework() -> None:
    """A rollback should not wait for imports it has no use for."""
    code = "import sys, gateway.ops.rollout_cli; print({'fastapi', 'starlette', 'httpx'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
