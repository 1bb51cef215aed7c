"""The first page: what is here, for readers and for programs."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
import engines
from ergaomnes.app import create_app
from serving import served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with real.opened() as made:
        yield made


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """Serve the packaged graph."""
    with served(create_app(engines.settings())) as url:
        yield url


@pytest.mark.parametrize(
    ("lang", "word", "state"),
    [
        ("en", "The last acts", "Estonia"),
        ("fr", "Les derniers actes", "Estonie"),
        ("ru", "Последние акты", "Эстония"),
    ],
)
def test_the_first_page_says_what_is_new_in_the_language_of_the_reader(
    lang: str, word: str, state: str, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=lang != "fr", dark=lang == "ru") as tab:
        page = tab.page
        page.goto(f"/?lang={lang}")
        expect(page.locator("html")).to_have_attribute("lang", lang)
        acts = page.locator("section", has=page.locator("#acts"))
        expect(acts.locator("h2")).to_have_text(word)
        expect(acts.locator("tbody tr")).to_have_count(10)
        expect(acts).to_contain_text(state)
        if lang != "fr":
            tab.check()
        page.fill("#q", "Kazakstan")
        page.press("#q", "Enter")
        expect(page.locator(".hits a").first).to_have_attribute("href", "/state/kaz")
        assert tab.faults == []


def test_the_figures_of_the_first_page_are_those_of_the_questions(home: str) -> None:
    page = httpx.get(home, headers={"Accept": "text/html"}).raise_for_status().text
    for question in ("home-acts", "home-counts", "denunciations-compared", "depositary-counts"):
        assert f'href="/questions/{question}?format=csv"' in page
        assert httpx.get(f"{home}/questions/{question}?format=csv").status_code == 200
    rows = httpx.get(f"{home}/questions/home-counts?format=json").json()["rows"]
    for row in rows:
        assert f">{row['records']}<" in page
    left = httpx.get(f"{home}/questions/denunciations-compared?format=json").json()["rows"]
    assert all(row["act"].rpartition("/")[2] for row in left)
    assert page.count("<tr>") >= len(rows) + len(left) + 10


def test_programs_get_the_routes_at_the_same_address(home: str) -> None:
    told = httpx.get(home)
    assert "/search" in told.json()["routes"]
    assert told.headers["vary"] == "Accept, Accept-Language"
    assert (
        httpx.get(home, params={"format": "html"}).headers["content-type"].startswith("text/html")
    )
