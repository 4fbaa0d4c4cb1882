"""The ops page in a browser, as tests open it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium on this machine (CI installs it)"
)


@contextmanager
def opened(browser: Browser, url: str, width: int = 1280) -> Iterator[Page]:
    """The page, once it has heard the first event; whatever the browser complains about fails the test."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    expect(page.locator("#state")).to_have_text("10 % of users go to v2")
    yield page
    page.close()
    assert [text for text in complaints if "409" not in text] == []


def give_reason(page: Page, why: str, who: str = "ann") -> None:
    """Fill the dialog of a change and do it."""
    page.get_by_label("Why").fill(why)
    page.get_by_label("Your name").fill(who)
    page.get_by_role("button", name="Do it").click()
