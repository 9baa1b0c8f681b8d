"""A served archive and a browser that writes down everything it asks for and complains of."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from scenarios.archive import Run
from tests.archives import small_run

READY_S = 60.0
SERVER = """
import sys
from pathlib import Path
from dashboards.app import serve
serve(Path(sys.argv[1]), "127.0.0.1", 0)
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def address(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard of a small archive on a free port, in a process of its own."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-u", "-c", SERVER, str(run.folder.parent)], stdout=out, stderr=out
        )
    try:
        yield wait_for_address(log, server)
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for_address(log: Path, server: subprocess.Popen[bytes]) -> str:
    """The address a server tells, once it answers there."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end and server.poll() is None:
        told = log.read_text()
        if "http://" in told:
            address = "http://" + told.partition("http://")[2].partition("/ ")[0]
            with suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=5):
                return address
        time.sleep(0.1)
    raise RuntimeError(f"the server did not get ready:\n{log.read_text()}")


@dataclass
class Visit:
    """One page of a browser, with what it asked for and what it complained of."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the app and wait for its heading."""
        self.page.goto(self.address + path)
        self.page.wait_for_selector("h1", timeout=30_000)
        return self.page

    @property
    def outside(self) -> list[str]:
        """Requests to any other host than the server's."""
        home = urlsplit(self.address).netloc
        return [
            url for url in self.requests if urlsplit(url).netloc not in (home, "")
        ]  # data: and blob: have no host


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    """Opens a page of a given width; every one is closed at the end."""
    contexts: list[BrowserContext] = []

    def open_page(width: int = 1280, height: int = 900) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        made = Visit(context.new_page(), address)
        made.page.on("request", lambda request: made.requests.append(request.url))
        made.page.on(
            "console",
            lambda message: (
                made.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        return made

    yield open_page
    for context in contexts:
        context.close()
