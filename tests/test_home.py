"""The first page and the questions as pages: for readers and for programs."""

import functools

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real

get = functools.partial(httpx.get, timeout=60)  # whoever is first has the index made


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
    page = get(home, headers={"Accept": "text/html"}).raise_for_status().text
    for question in ("home-acts", "home-counts", "denunciations-compared", "depositary-counts"):
        assert f'href="/questions/{question}?format=csv"' in page
        assert get(f"{home}/questions/{question}?format=csv").status_code == 200
    rows = get(f"{home}/questions/home-counts?format=json").json()["rows"]
    for row in rows:
        assert f">{row['records']}<" in page
    left = get(f"{home}/questions/denunciations-compared?format=json").json()["rows"]
    assert all(row["act"].rpartition("/")[2] for row in left)
    assert page.count("<tr>") >= len(rows) + len(left) + 10


def test_programs_get_the_routes_at_the_same_address(home: str) -> None:
    told = get(home)
    assert "/search" in told.json()["routes"]
    assert "Accept-Language" in told.headers["vary"]
    assert get(home, params={"format": "html"}).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_journalist_finds_who_could_inspect_on_two_days_and_downloads_it(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto("/questions?lang=en")
        tab.check() if scripts else None
        page.get_by_role("link", name="Who could inspect on a day").first.click()
        page.select_option("#p-state", label="Russian Federation")
        found = {}
        for day in ("2022-01-01", "2026-10-01"):
            page.fill("#p-day", day)
            page.click("button:has-text('Ask')")
            expect(page.locator("#p-day")).to_have_value(day)
            expect(page.locator("#p-state")).to_have_value("rus")
            rows = page.locator("tbody tr")
            found[day] = [one for one in rows.all_inner_texts() if "European Committee" in one]
        assert any("uncertain" not in one for one in found["2022-01-01"])
        assert all("uncertain" in one for one in found["2026-10-01"])
        address = page.get_by_role("link", name="CSV").get_attribute("href")
        assert address is not None
        table = get(home + address).raise_for_status()
        assert table.headers["content-type"].startswith("text/csv")
        assert len(table.text.splitlines()) == rows.count() + 1
        tab.check() if scripts else None
        assert tab.faults == []


@pytest.mark.parametrize("lang", ["en", "fr", "ru"])
def test_every_question_is_a_page_with_the_rows_of_its_answer(lang: str, home: str) -> None:
    names = [one["name"] for one in get(f"{home}/questions").json()["questions"]]
    listed = get(f"{home}/questions", params={"format": "html", "lang": lang}).text
    for name in names:
        assert f'href="/questions/{name}?' in listed
    for name in names[{"en": 0, "fr": 1, "ru": 2}[lang] :: 3]:
        told = get(f"{home}/questions/{name}", params={"format": "html", "lang": lang})
        assert told.status_code == 200, name
        assert told.headers["content-language"] == lang
        plain = get(f"{home}/questions/{name}").json()
        if "rows" in plain:
            assert told.text.count("<tr>") - bool(plain["rows"]) == min(200, len(plain["rows"]))


def test_what_is_typed_into_a_question_is_shown_as_text(home: str) -> None:
    bad = '"><script>alert(1)</script>'
    for name, parameter in (
        ("who-could-inspect-on-a-day", "state"),
        ("record-with-provenance", "iri"),
    ):
        told = get(
            f"{home}/questions/{name}", params={parameter: bad}, headers={"Accept": "text/html"}
        )
        assert 400 <= told.status_code < 500
        assert "<script>alert" not in told.text
    told = get(f"{home}/questions", params={"tag": bad, "format": "html"})
    assert "<script>alert" not in told.text


def test_an_empty_field_of_a_form_is_no_answer_to_it(home: str) -> None:
    asked = f"{home}/questions/who-could-inspect-on-a-day"
    told = get(asked, params={"day": "", "state": "fra", "format": "html"})
    assert told.status_code == 200
    assert '<option value="fra" selected>' in told.text
