"""The ops page in a real browser: it shows what is, changes it with a reason, and says so when it could not."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from flags.file_store import FileStore
from gateway.core.stages import Stage
from gateway.ops.controls import FileControls
from tests.gateway.ops.browsing import give_reason, needs_browser, opened
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.job_list import JobList, serving_jobs
from tests.gateway.ops.serving import served_ops
from tests.house.sources import REPOSITORY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    """The page on a fresh ops API; whatever the browser complains about fails the test."""
    with served_ops(path) as url, opened(browser, url) as found:
        yield found


@needs_browser
def test_it_shows_percentage_buckets_traffic_and_workers(page: Page) -> None:
    expect(page.locator("#percentage")).to_have_text("10")
    expect(page.locator("#buckets i.on")).to_have_count(10)
    expect(page.locator("#buckets i")).to_have_count(100)
    expect(page.locator("#workers tr")).to_have_count(2)
    expect(page.locator("#traffic tr").first).to_contain_text("91")
    expect(page.locator("#decisions tr")).to_have_count(2)


@needs_browser
def test_a_stage_in_which_v2_serves_nobody_is_told(page: Page, path: Path) -> None:
    FileControls(path).set_stage(FLAG, Stage.OFF, who="ann", why="pause")
    expect(page.locator("#state")).to_have_text("Everybody goes to legacy")
    expect(page.locator("#facts")).to_contain_text("off: v2 serves nobody")
    expect(page.locator("#journal tr").first).to_contain_text("stage unset → off")
    page.get_by_role("button", name="50 %").click()
    expect(page.locator("#confirm-effect")).to_have_text("Nobody moves.")
    page.get_by_role("button", name="Cancel").click()


@needs_browser
def test_a_step_and_its_rollback(page: Page, path: Path) -> None:
    page.get_by_role("button", name="50 %").click()
    expect(page.locator("#confirm-effect")).to_have_text("40 % of users move to v2.")
    give_reason(page, "half of them")
    expect(page.locator("#state")).to_have_text("50 % of users go to v2")
    assert stored(path) == (2, "50")
    page.get_by_role("button", name="0 %", exact=True).click()
    expect(page.locator("#confirm-effect")).to_have_text("50 % of users move to legacy.")
    give_reason(page, "errors")
    expect(page.locator("#state")).to_have_text("Everybody goes to legacy")
    expect(page.locator("#buckets i.on")).to_have_count(0)
    expect(page.locator("#journal tr").first).to_contain_text("50 → 0 %")
    assert stored(path) == (3, "0")
    assert [entry.why for entry in FileControls(path).journal(5)] == ["half of them", "errors"]


@pytest.fixture
def v2() -> Iterator[JobList]:
    with serving_jobs("ann", "bob", "cid") as found:
        yield found


@pytest.fixture
def busy_page(browser: Browser, path: Path, v2: JobList) -> Iterator[Page]:
    """The page of a gateway whose v2 has three running imports."""
    with served_ops(path, v2=v2) as url:
        opened = browser.new_page(viewport={"width": 390, "height": 844})
        opened.goto(url)
        expect(opened.locator("#state")).to_have_text("10 % of users go to v2")
        yield opened
        opened.close()


@needs_browser
def test_running_imports_are_shown_and_what_nobody_knows_is_unknown(page: Page, busy_page: Page) -> None:
    expect(busy_page.locator("#jobs tr").nth(0)).to_have_text("v233")
    expect(busy_page.locator("#jobs tr").nth(1)).to_have_text("legacyunknown–")
    expect(page.locator("#jobs tr").nth(0)).to_have_text("v2unknownunknown")


@needs_browser
def test_a_rollback_hands_imports_back_and_tells_what_became_of_them(busy_page: Page, path: Path, v2: JobList) -> None:
    v2.broken["job-2"] = 409, {"code": "hand_back_refused", "detail": "The monolith refused it."}
    busy_page.get_by_role("button", name="Roll back").click()
    expect(busy_page.locator("#confirm-effect")).to_contain_text("3 imports run on v2")
    busy_page.get_by_role("radio", name="Hand them back").check()
    give_reason(busy_page, "errors")
    expect(busy_page.locator("#done")).to_have_text(
        "The flag is at 0 %; imports on v2: 1 run to their end, 2 go back to legacy, 1 could not be ended."
    )
    expect(busy_page.get_by_role("alert")).to_contain_text("1 x The monolith refused it.")
    expect(busy_page.locator("#state")).to_have_text("Everybody goes to legacy")
    expect(busy_page.locator("#journal tr").first).to_contain_text("rollback: drain, hand-back")
    assert (stored(path), set(v2.ended.values())) == ((2, "0"), {"handed_back"})


@needs_browser
def test_a_hard_rollback_by_the_keyboard_alone(busy_page: Page, path: Path, v2: JobList) -> None:
    busy_page.get_by_role("button", name="Roll back").focus()
    busy_page.keyboard.press("Enter")
    expect(busy_page.get_by_role("radio", name="Let them finish")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "Tab"):
        busy_page.keyboard.press(key)
    busy_page.keyboard.type("errors")
    busy_page.keyboard.press("Tab")
    busy_page.keyboard.type("ann")
    busy_page.keyboard.press("Enter")
    expect(busy_page.locator("#done")).to_contain_text("3 were cancelled; 3 users are stranded")
    expect(busy_page.locator("#facts")).to_contain_text("suspended")
    assert set(v2.ended.values()) == {"cancelled"}
    busy_page.get_by_role("button", name="10 %").click()
    expect(busy_page.locator("#choices")).to_be_hidden()
    give_reason(busy_page, "mended")
    expect(busy_page.locator("#facts")).not_to_contain_text("suspended")
    expect(busy_page.locator("#done")).to_be_hidden()


@needs_browser
def test_on_a_telephone_the_journal_is_blocks_that_are_still_a_table(busy_page: Page, path: Path) -> None:
    FileControls(path).set_percentage(FLAG, 20, who="ann", why="a reason of " + "many words " * 20)
    row = busy_page.get_by_role("row").filter(has_text="many words")
    expect(row.get_by_role("cell")).to_have_count(4)
    assert busy_page.locator("html").evaluate("element => element.scrollWidth") <= 390
    entries = busy_page.get_by_role("region", name="Journal entries")
    assert entries.evaluate("found => found.scrollWidth <= found.clientWidth")


@needs_browser
def test_kill_and_revive(page: Page, path: Path) -> None:
    page.get_by_role("button", name="Kill").click()
    give_reason(page, "errors")
    expect(page.locator("#state")).to_have_text("KILLED: everybody goes to legacy")
    assert path.with_name("features.json.kill").exists()
    page.get_by_role("button", name="Revive").click()
    give_reason(page, "mended")
    expect(page.locator("#state")).to_have_text("10 % of users go to v2")
    assert not path.with_name("features.json.kill").exists()


@needs_browser
def test_without_a_reason_nothing_happens(page: Page, path: Path) -> None:
    page.get_by_role("button", name="100 %").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#confirm")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#confirm")).to_be_hidden()
    page.get_by_role("button", name="100 %").click()
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    assert stored(path) == (1, "10")


@needs_browser
def test_the_keyboard_is_enough(page: Page, path: Path) -> None:
    page.get_by_role("button", name="100 %").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("all of them")
    page.keyboard.press("Tab")
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("100 % of users go to v2")
    assert stored(path) == (2, "100")


@needs_browser
def test_somebody_elses_change_in_between_wins_and_is_told(page: Page, path: Path) -> None:
    page.get_by_role("button", name="100 %").click()
    expect(page.locator("#confirm")).to_be_visible()
    FileStore(path).set_percentage(FLAG, 20)
    give_reason(page, "all of them")
    expect(page.locator("#state")).to_have_text("20 % of users go to v2")
    expect(page.get_by_role("alert")).to_contain_text("Not done: the flags are at generation 2, not 1")
    assert stored(path) == (2, "20")


@needs_browser
def test_any_percentage_can_be_typed(page: Page, path: Path) -> None:
    page.get_by_label("Other").fill("37")
    page.get_by_role("button", name="Set").click()
    give_reason(page, "odd")
    expect(page.locator("#buckets i.on")).to_have_count(37)
    assert stored(path) == (2, "37")


@needs_browser
def test_explain_a_user(page: Page) -> None:
    page.get_by_label("User id").fill("user-1")
    page.keyboard.press("Enter")
    expect(page.locator("#explanation")).to_contain_text("percentage-in")
    expect(page.locator("#explanation")).to_contain_text("7 of 100")


@needs_browser
def test_a_reason_is_text_and_never_markup(page: Page) -> None:
    page.get_by_role("button", name="50 %").click()
    give_reason(page, "<img src=x onerror=alert(1)>")
    expect(page.locator("#journal td").nth(3)).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#journal img")).to_have_count(0)


@needs_browser
def test_a_broken_flag_file_is_told_on_top(page: Page, path: Path) -> None:
    path.write_text("{")
    expect(page.get_by_role("alert")).to_contain_text("features.json cannot be used")
    expect(page.locator("#percentage")).to_have_text("10")


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_to_the_side(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert page.locator("html").evaluate("element => element.scrollWidth") <= width


@needs_browser
def test_with_a_token_it_asks_once(browser: Browser, path: Path) -> None:
    with served_ops(path, "s3cret") as url:
        opened = browser.new_page()
        opened.goto(url)
        opened.get_by_label("Token of the ops API").fill("s3cret")
        opened.get_by_role("button", name="Open").click()
        expect(opened.locator("#state")).to_have_text("10 % of users go to v2")
        opened.reload()
        expect(opened.locator("#state")).to_have_text("10 % of users go to v2")
        opened.close()


def test_the_page_may_load_nothing_from_elsewhere(path: Path) -> None:
    files = sorted(file.name for file in (REPOSITORY / "gateway/ops/page").iterdir() if file.suffix in (".css", ".js"))
    assert "guard.js" in files
    with served_ops(path, "s3cret") as url, httpx.Client(base_url=url, trust_env=False) as client:
        for name in ("/", *(f"/page/{name}" for name in files)):
            answer = client.get(name)
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client.get("/page/../api.py").status_code == 404
        assert client.get("/page/nothing").json()["status"] == 404
