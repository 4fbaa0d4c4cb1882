"""The guard's card of the ops page in a real browser: what it says, how old that is, and orders to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from flags.journal import Journal
from gateway.ops.controls import FileControls
from gateway.rollout.orders import OrdersFile
from gateway.rollout.steps import Phase
from tests.gateway.ops.browsing import give_reason, needs_browser, opened
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.guard_said import FIVE, say
from tests.gateway.ops.serving import served_ops
from tests.gateway.rollout.scripted import Scene

pytestmark = needs_browser
HALF, EVERYBODY = 1, 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    with served_ops(path) as url, opened(browser, url) as found:
        yield found


@pytest.fixture
def telephone(browser: Browser, path: Path) -> Iterator[Page]:
    with served_ops(path) as url, opened(browser, url, width=390) as found:
        yield found


def test_without_a_guard_one_line_says_how_to_start_one(page: Page) -> None:
    expect(page.locator("#guard-none")).to_contain_text("start one: rollout guard")
    expect(page.locator("#guard-body")).to_be_hidden()
    expect(page.locator("#guard-note")).to_be_hidden()


def test_phase_step_time_and_reason_are_shown(page: Page, path: Path) -> None:
    say(path)
    expect(page.locator("#guard-phase")).to_have_text("watching at 10 %")
    expect(page.locator("#guard-steps li")).to_have_text(
        [re.compile("10 % 1.2 of 48 h watched"), "50 % watched for 7 d", "100 % watched for 30 dneeds an approval"]
    )
    expect(page.locator("#guard-steps [aria-current=step]")).to_contain_text("10 %")
    expect(page.locator("#guard-facts")).to_contain_text("the step is being watched")
    expect(page.locator("#guard-heard")).to_have_text(re.compile(r"^heard \d+ s ago$"))


def test_each_of_the_five_verdicts_is_told_in_words_and_its_evidence_as_a_picture(page: Page, path: Path) -> None:
    say(path)
    for row, finding in enumerate(FIVE):
        cells = page.locator("#rules tr").nth(row)
        expect(cells.locator("td").nth(0)).to_have_text(finding.rule)
        expect(cells.locator("td").nth(1)).to_have_text("rolls back" if finding.severity == "guardrail" else "holds")
        expect(cells.locator("td").nth(2)).to_have_text(finding.verdict)
        expect(cells.get_by_role("img")).to_have_accessible_name(
            f"evidence of {finding.rule}: {finding.evidence:.2f}; at 1 it fires"
        )
        width = cells.locator(".bar").get_attribute("width")
        assert width is not None
        assert float(width) == pytest.approx(100 * finding.evidence)
        expect(cells.locator("td").nth(4)).to_have_text(finding.sentence)
    expect(page.locator("#rules .fired")).to_have_count(1)


def test_what_the_guard_has_not_said_for_minutes_looks_old(page: Page, path: Path) -> None:
    say(path, silent_for=185)
    expect(page.locator("#guard-heard")).to_have_text("last heard 3 min ago")
    expect(page.locator("#guard-silent")).to_contain_text("Nobody watches this rollout")
    expect(page.locator("#guard")).to_have_class(re.compile("old"))
    say(path)
    expect(page.locator("#guard-silent")).to_be_hidden()
    expect(page.locator("#guard")).not_to_have_class(re.compile("old"))


def test_a_guard_that_rests_may_be_silent(page: Page, path: Path) -> None:
    say(path, silent_for=7300, phase=Phase.ROLLED_BACK, step=-1, why="a guardrail is bad: jobs-failed")
    expect(page.locator("#guard-heard")).to_have_text("last heard 2 h ago")
    expect(page.locator("#guard-silent")).to_be_hidden()
    expect(page.locator("#guard-facts")).to_contain_text("a guardrail is bad: jobs-failed")
    expect(page.locator("#rules-none")).to_be_visible()
    expect(page.get_by_role("button", name="Hold")).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#confirm-effect")).to_contain_text("A new attempt begins")
    page.keyboard.press("Escape")


def test_what_the_guard_did_last_is_told_from_the_journal(page: Page, path: Path) -> None:
    Journal(path).record("set", who="guard", why="all is well", flag=FLAG, before=0, after=10, generation=2)
    FileControls(path).kill(who="ann", why="errors")
    FileControls(path).revive(who="ann", why="mended")
    say(path)
    expect(page.locator("#guard-facts")).to_contain_text(re.compile("0 → 10 %, .* UTC: all is well"))


def test_hold_and_resume_are_ordered_with_a_reason(page: Page, path: Path) -> None:
    say(path)
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("#confirm-effect")).to_contain_text("A bad guardrail still rolls back")
    give_reason(page, "the weekend")
    expect(page.locator("#done")).to_contain_text("within a second")
    expect(page.locator("#guard-facts")).to_contain_text("the guard has not heard it yet")
    assert OrdersFile(path).read().held_by == "ann (ops API, 127.0.0.1)"
    say(path, phase=Phase.HELD, held_by="ann", why="somebody holds the rollout: held by ann")
    expect(page.locator("#guard-phase")).to_have_text("held at 10 %")
    page.get_by_role("button", name="Resume").click()
    give_reason(page, "monday")
    expect(page.locator("#journal tr").first).to_contain_text("guard: resume")
    assert (OrdersFile(path).read().held_by, OrdersFile(path).read().resumes) == ("", 1)
    assert [(entry.action, entry.flag, entry.why) for entry in Journal(path).tail()] == [
        ("hold", FLAG, "the weekend"),
        ("resume", FLAG, "monday"),
    ]


def test_a_step_is_approved_by_the_keyboard_alone(page: Page, path: Path) -> None:
    say(path)
    expect(page.get_by_role("button", name="Hold")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_hidden()
    say(path, step=HALF, expected=50, phase=Phase.ASKING, why="an approval is needed: to go to 100 %")
    page.get_by_role("button", name="Approve: go to 100 %").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-effect")).to_contain_text("as soon as the step is over and all else is well")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("it looks good")
    page.keyboard.press("Tab")
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    expect(page.locator("#journal tr").first).to_contain_text("guard: approve 100 %")
    assert OrdersFile(path).read().approvals == ((1, EVERYBODY),)
    expect(page.get_by_role("button", name="Approve")).to_be_hidden()


def test_an_approval_of_a_step_that_was_overtaken_is_refused(page: Page, path: Path) -> None:
    say(path, step=HALF, expected=50, phase=Phase.ASKING)
    page.get_by_role("button", name="Approve: go to 100 %").click()
    say(path, step=EVERYBODY, expected=100)
    give_reason(page, "it looks good")
    expect(page.get_by_role("alert").first).to_contain_text("Not done: the rollout has moved on")
    assert OrdersFile(path).read().approvals == ()


def test_an_order_that_nobody_hears_says_so(page: Page, path: Path) -> None:
    say(path, silent_for=185)
    page.get_by_role("button", name="Hold").click()
    give_reason(page, "the weekend")
    expect(page.locator("#done")).to_contain_text("nobody listens now: the guard was last heard 3 min ago")


def test_whoever_changes_the_percentage_is_told_that_the_guard_steps_aside(page: Page, path: Path) -> None:
    say(path)
    expect(page.get_by_text("It steps aside when somebody changes the percentage by hand")).to_be_visible()
    page.get_by_role("button", name="50 %").click()
    expect(page.locator("#confirm-effect")).to_have_text(
        "40 % of users move to v2. The guard steps aside until somebody resumes it."
    )
    give_reason(page, "no patience")
    expect(page.locator("#state")).to_have_text("50 % of users go to v2")
    assert stored(path) == (2, "50")
    say(path, phase=Phase.ASIDE, why="the flag is at 50 %, not at 10 %: somebody changed it")
    expect(page.locator("#guard-note")).to_be_hidden()
    page.get_by_role("button", name="10 %").click()
    expect(page.locator("#confirm-effect")).to_have_text("40 % of users move to legacy.")
    page.keyboard.press("Escape")


def test_a_report_is_opened_with_its_figures_and_pictures(page: Page, path: Path) -> None:
    scene = Scene(path)  # the flag is at 10 % before the guard's first look: it steps aside, and resumes there
    scene.look()
    OrdersFile(path).resume()
    scene.look(2)
    FileControls(path).set_percentage(FLAG, 0, who="ann", why="again")
    scene.look()
    OrdersFile(path).resume()
    scene.look(2)
    scene.guard.save()
    say(path)
    page.get_by_role("button", name=re.compile("raised$")).first.click()
    expect(page.locator("#report-title")).to_have_text("v2 goes from 0 % to 10 %")
    for picture in ("evidence", "risk"):
        shown = page.locator(f"#report-{picture}")
        assert shown.evaluate("image => image.complete && image.naturalWidth > 0")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#report")).to_be_hidden()


def test_a_sentence_of_the_guard_is_text_and_never_markup(page: Page, path: Path) -> None:
    say(path, why="<img src=x onerror=alert(1)>")
    expect(page.locator("#guard-facts")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#guard img")).to_have_count(0)


def test_what_did_not_change_is_left_alone_so_that_it_can_be_read_aloud(page: Page, path: Path) -> None:
    say(path)
    row = page.locator("#rules tr").first
    expect(row).to_be_visible()
    row.evaluate("element => { element.seen = true; }")
    heard = page.locator("#guard-heard")
    before = heard.text_content() or ""
    expect(heard).not_to_have_text(before)  # another event came
    assert row.evaluate("element => element.seen")


def test_on_a_telephone_the_rules_are_blocks_that_are_still_a_table(telephone: Page, path: Path) -> None:
    say(path)
    rules = telephone.locator("#guard").get_by_role("row").filter(has_text="jobs-failed")
    expect(rules.get_by_role("cell")).to_have_count(5)
    assert telephone.locator("html").evaluate("element => element.scrollWidth") <= 390
