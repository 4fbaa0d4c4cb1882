"""A page of another origin in a real browser, through the gateway: preflight, credentials, streams, readable errors."""

import asyncio
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, Request, async_playwright

from sandbox.running import RunningSandbox
from tests.fakes.house import House, running_house
from tests.fakes.recorder import Answer, Recorded, Recorder
from tests.gateway.proxy.wire import ROUTES, Backend, gateway, read_request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LIMIT = 20.0
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
CALL = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, type: answer.type, text: await answer.text()};
  } catch (error) {
    return {status: 0, type: error.name, text: String(error)};
  }
}"""
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium on this machine (CI installs it)"
)
CORS = b"Access-Control-Allow-Origin: *\r\n"


def page_server(request: Recorded) -> Answer:
    """The web app's own origin: one empty page."""
    return Answer(200, b"<!doctype html><title>app</title>", {"content-type": "text/html"})


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Page, str]]:
    """A page of an origin of its own, with a cookie; and that origin."""
    with Recorder(page_server) as app:
        async with async_playwright() as playwright, asyncio.timeout(60):
            browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = await browser.new_page()
            await page.goto(app.url)
            await page.evaluate("document.cookie = 'session=secret; path=/'")
            yield page, app.url
            await browser.close()


@pytest.fixture(scope="module")
def house(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Legacy, v2 and gateways over the session's sandbox."""
    port = httpx.URL(sandbox.url).port
    assert port is not None
    with running_house(port, tmp_path_factory.mktemp("house")) as running:
        yield running


def json_call(url: str, body: str) -> list[object]:
    """Arguments of CALL: a request that needs a preflight, and carries cookies."""
    headers = {"Content-Type": "application/json", "X-Client": "web"}
    return [url, {"method": "POST", "credentials": "include", "headers": headers, "body": body}]


@pytest.mark.parametrize(("percentage", "backend"), [(0, "legacy"), (100, "v2")])
async def test_a_page_imports_and_asks_through_the_gateway(
    house: House, sandbox: RunningSandbox, percentage: int, backend: str
) -> None:
    base = house.urls[f"gateway-{percentage}"]
    user = sandbox.create_user()
    async with opened() as (page, origin):
        sent: list[Request] = []
        page.on("requestfinished", lambda request: sent.append(request))
        answer = await page.evaluate(CALL, json_call(f"{base}/process-full", f'{{"user_id":"{user}"}}'))
        assert (answer["status"], answer["type"]) == (200, "cors"), answer
        headers = await _headers(sent, "/process-full")
        assert headers["x-gateway-backend"] == backend
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-credentials"] == "true"

        answer = await page.evaluate(CALL, json_call(f"{base}/process-full", '{"user_id":12}'))
        assert answer["status"] == 422, answer
        assert "user_id" in answer["text"]

        question = f'{{"user_id":"{user}","question":"What did I plant?"}}'
        answer = await page.evaluate(CALL, json_call(f"{base}/query", question))
        async with httpx.AsyncClient(trust_env=False) as direct:
            same = await direct.post(
                f"{house.legacy}/query", content=question, headers={"Content-Type": "application/json"}
            )
        assert answer["status"] == same.status_code, answer
        headers = await _headers(sent, "/query")
        assert headers["x-gateway-backend"] == "legacy"


async def _headers(sent: list[Request], path: str) -> dict[str, str]:
    """The answer's fields as the browser received them, preflights aside."""
    request = next(one for one in sent if one.url.endswith(path) and one.method == "POST")
    response = await request.response()
    assert response is not None
    return await response.all_headers()


async def test_a_page_reads_each_event_before_the_next_one_is_sent(tmp_path: Path) -> None:
    """The second event is only sent when the page, having read the first, asks for it."""
    asked = asyncio.Event()

    async def stream(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen = await read_request(reader)
            if b" /go " in seen.line:
                asked.set()
                writer.write(b"HTTP/1.1 204 No Content\r\n" + CORS + b"\r\n")
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + CORS + b"\r\ndata: one\n\n")
            await writer.drain()
            await asyncio.wait_for(asked.wait(), LIMIT)
            writer.write(b"data: two\n\n")
            return

    script = """async (base) => {
      const reader = (await fetch(base + '/stream')).body.getReader();
      const decode = (part) => new TextDecoder().decode(part.value);
      const first = decode(await reader.read());
      await fetch(base + '/go');
      const second = decode(await reader.read());
      return [first, second, (await reader.read()).done];
    }"""
    events = """(base) => new Promise((resolve) => {
      const heard = [], source = new EventSource(base + '/stream');
      source.onmessage = (event) => {
        heard.push(event.data);
        if (event.data === 'one') fetch(base + '/go'); else { source.close(); resolve(heard); }
      };
    })"""
    backend = Backend(script=stream)
    async with backend.running(), gateway(tmp_path, backend) as running, opened() as (page, _):
        base = f"http://127.0.0.1:{running.port}"
        assert await page.evaluate(script, base) == ["data: one\n\n", "data: two\n\n", True]
        asked.clear()
        assert await page.evaluate(events, base) == ["one", "two"]


async def test_a_page_can_read_the_gateways_own_errors(tmp_path: Path) -> None:
    keyed = '\n[[route]]\nname = "keyed"\npath = "/keyed"\napi_key = true\n'
    async with Backend().running() as backend:
        async with gateway(tmp_path, backend, routes=ROUTES + keyed, api_key="sesame") as running:
            async with opened() as (page, _):
                base = f"http://127.0.0.1:{running.port}"
                with_cookies = {"credentials": "include"}
                answer = await page.evaluate(CALL, [f"{base}/keyed", with_cookies])
                assert (answer["status"], '"status":401' in answer["text"]) == (401, True), answer
                large = {"method": "POST", "body": "x" * 11, **with_cookies}
                answer = await page.evaluate(CALL, [f"{base}/small", large])
                assert (answer["status"], '"status":413' in answer["text"]) == (413, True), answer


async def test_a_page_can_read_that_legacy_is_down(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        closed = reserved.getsockname()[1]
    async with gateway(tmp_path, closed) as running, opened() as (page, origin):
        options = {"credentials": "include"}
        answer = await page.evaluate(CALL, [f"http://127.0.0.1:{running.port}/chat", options])
        assert answer["status"] == 502, answer
        assert re.search(r'"type":"urn:[a-z-]+:problem:[a-z-]+"', answer["text"])
        assert origin.startswith("http://127.0.0.1:")


async def test_a_truncated_answer_is_an_error_for_the_page_and_never_a_short_success(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + CORS
    replies = (
        head + b"Content-Length: 10\r\n\r\nhello",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    )
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend) as running, opened() as (page, _):
        for backend.reply in replies:
            answer = await page.evaluate(CALL, [f"http://127.0.0.1:{running.port}/x", {}])
            assert (answer["status"], answer["type"]) == (0, "TypeError"), answer
