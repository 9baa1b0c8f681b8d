"""What every test may ask for: a browser, the shared data, and a word on each skipped test."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it

CHECKOUT = Path(__file__).resolve().parent.parent
BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-gpu",
)
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of chromium; without one the test is skipped, or fails where a browser is required.

    ``NORIA_CHROMIUM`` names a browser outside the search path. ``NORIA_REQUIRE_BROWSER=1``
    turns the skip into a failure; the Makefile sets it in CI.
    """
    named = os.environ.get("NORIA_CHROMIUM")
    candidates = [named] if named else BROWSER_NAMES
    for candidate in candidates:
        if path := shutil.which(candidate):
            return path
    reason = (
        f"no browser: {', '.join(candidates)} not found; "
        "install chromium (sudo apt-get install chromium) or set NORIA_CHROMIUM"
    )
    if os.environ.get("NORIA_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator["Browser"]:
    """One headless browser for all tests of a process: playwright allows no second one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=list(BROWSER_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of shared data: ``NORIA_SHARED``, else the folder ``shared`` beside the checkout."""
    folder = Path(os.environ.get("NORIA_SHARED") or CHECKOUT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} is not a folder; set NORIA_SHARED to it")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skipped tests by reason in CI, where nobody asked for ``-rs``."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped or os.environ.get("CI", "") in ("", "0", "false"):
        return
    tests_by_reason: dict[str, list[str]] = defaultdict(list)
    for report in skipped:
        is_located = isinstance(report.longrepr, tuple)
        reason = report.longrepr[2] if is_located else str(report.longrepr)
        tests_by_reason[reason.removeprefix("Skipped: ")].append(report.nodeid)
    terminalreporter.section(f"{len(skipped)} skipped")
    for reason, tests in sorted(tests_by_reason.items()):
        terminalreporter.line(reason)
        for test in sorted(tests):
            terminalreporter.line(f"  {test}")
