"""A real browser, and what is demanded of every page that it shows."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (390, 800, 1280)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """Start the Chromium of this machine; where there is none the tests are skipped, but for CI."""
    place = next(filter(None, map(shutil.which, _NAMES)), None)
    if place is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium: .ci/run installs it")
        pytest.skip("there is no Chromium here: install the package chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=place, args=list(_FLAGS))
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of the browser, and what went wrong in it."""

    page: Page
    home: str
    faults: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Demand what every page has to be: quiet, accessible, within its window, on its own."""
        assert self.faults == []
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": list(_RULES)}})
        broken = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
        assert broken == []
        before = self.page.viewport_size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width
        assert before is not None
        self.page.set_viewport_size(before)


@contextlib.contextmanager
def tab(browser: Browser, home: str, *, scripts: bool = True, dark: bool = False) -> Iterator[Tab]:
    """Open a page that may or may not run scripts, and note all that it should not do."""
    with contextlib.closing(
        browser.new_context(
            base_url=home, java_script_enabled=scripts, color_scheme="dark" if dark else "light"
        )
    ) as context:
        made = Tab(context.new_page(), home)
        made.page.on("pageerror", lambda error: made.faults.append(str(error)))
        made.page.on(
            "console",
            lambda said: made.faults.append(said.text) if said.type == "error" else None,
        )
        made.page.on(
            "request",
            lambda sent: None if sent.url.startswith(home) else made.faults.append(sent.url),
        )
        yield made
