"""Nobody's secret is in the repository: every tracked file is scanned, and what looks like one is named here."""

from __future__ import annotations

import subprocess
from collections import Counter

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from tests.house.installed import installed
from tests.house.sources import REPOSITORY

# Shapes of real credentials, wherever they stand.
SHAPES = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
# `password = "..."` and the like: tests are full of made-up ones, so only what is shipped is asked.
ASSIGNMENTS = "KeywordDetector"
# File and kind -> how many, each looked at: none of them opens anything but a sandbox.
KNOWN = Counter(
    {
        (".env.example", "JSON Web Token"): 3,  # the sandbox's public key, once per service
        ("bench/request.py", "JSON Web Token"): 1,  # a browser's cookie, made up
        ("deploy/images/try_image.py", "Secret Keyword"): 3,  # "not-a-key"
        ("gateway/routes.toml", "Secret Keyword"): 1,  # `key = "user_id"`
        ("sandbox/environment.py", "Secret Keyword"): 3,  # "sandbox"
        ("tests/legacy/test_search.py", "GitHub Token"): 1,  # made up, to see it masked
    }
)


# The scanner takes seconds for the whole repository; files without any of these beginnings need not be looked at.
WORTH_A_LOOK = (
    "AKIA|ASIA|AccountKey|gh[pousr]_|eyJ|npm_|authToken|sk-|PRIVATE KEY|PuTTY|pypi-|SG[.]|xox|hooks|[rs]k_live|"
    "[0-9]{8,10}:[A-Za-z0-9_-]{35}|(AC|SK)[a-z0-9]{32}|://[^/ ]+:[^/ ]+@"
)


def tracked(beginnings: str) -> list[str]:
    """Tracked files in which one of the beginnings stands. Locks hold hashes, tests/data published conversations."""
    command = [installed("git"), "grep", "-lIiE", beginnings, "--", ".", ":!*.lock", ":!tests/data"]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.splitlines()


def scan(paths: list[str], plugins: tuple[str, ...]) -> Counter[tuple[str, str]]:
    with transient_settings({"plugins_used": [{"name": name} for name in plugins]}):
        return Counter((path, secret.type) for path in paths for secret in scan_file(str(REPOSITORY / path)))


def test_no_secret_is_in_the_repository() -> None:
    named = [path for path in tracked("key|pass|pwd|secret|token") if not path.startswith(("tests/", "bench/"))]

    assert scan(tracked(WORTH_A_LOOK), SHAPES) + scan(named, (ASSIGNMENTS,)) == KNOWN


def test_the_scan_would_see_one() -> None:
    planted = REPOSITORY / "build" / "planted.py"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text('password = "Kx9' + 'vQ2mZ7pLw"\nkey = "AKIA' + 'Q7XPLM2ZKQ4T9BVC"\n')
    try:
        found = scan(["build/planted.py"], (*SHAPES, ASSIGNMENTS))
    finally:
        planted.unlink()

    assert {kind for _, kind in found} == {"AWS Access Key", "Secret Keyword"}
