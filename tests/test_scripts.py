"""What pages do better with scripts: names suggested while one types, tables in another order."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import browser as real

TABLE = "/questions/objections-between-states?state=tuv&lang=en"


def column(page: Page, place: int, table: str = "table") -> list[str]:
    cells = page.locator(f"{table} tbody tr > :nth-child({place + 1})").all_inner_texts()
    return [one.strip() for one in cells]


def test_a_table_is_sorted_by_any_of_its_columns(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/state/fra?lang=en&on=2026-02-03")
        table = page.locator("section[aria-labelledby=instruments] table")
        heads = [
            one.split("\n")[0].strip() for one in table.locator("th[scope=col]").all_inner_texts()
        ]
        place = heads.index("First day bound")
        head = table.locator("thead th").nth(place)
        button = head.get_by_role("button", name="Sort by First day bound")
        before = column(page, place, "section[aria-labelledby=instruments] table")
        button.focus()
        page.keyboard.press("Enter")
        expect(head).to_have_attribute("aria-sort", "ascending")
        rising = column(page, place, "section[aria-labelledby=instruments] table")
        days = [one for one in rising if one]
        assert days == sorted(days)
        assert rising != before
        assert sorted(rising) == sorted(before)
        assert rising[len(days) :] == [""] * (len(rising) - len(days))
        page.keyboard.press("Enter")
        expect(head).to_have_attribute("aria-sort", "descending")
        falling = column(page, place, "section[aria-labelledby=instruments] table")
        assert [one for one in falling if one] == days[::-1]
        assert falling[-1] == rising[-1]
        table.locator("thead button").first.click()
        assert head.get_attribute("aria-sort") is None
        tab.check()


def test_numbers_are_sorted_as_numbers_and_names_as_the_language_has_it(
    chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        query = 'SELECT * { VALUES (?n ?x) { (10 "Étude") (9 "Zoo") (100 "abc") (2 "Eta") } }'
        page.goto(f"/sparql?lang=fr&query={query}")
        page.get_by_role("button", name="Trier par n").click()
        assert column(page, 0) == ["2", "9", "10", "100"]
        page.get_by_role("button", name="Trier par x").click()
        assert column(page, 1) == ["abc", "Eta", "Étude", "Zoo"]


def test_a_table_is_whole_without_scripts(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        tab.page.goto("/state/fra?lang=en")
        assert tab.page.locator("thead button").count() == 0
        assert tab.page.locator("section[aria-labelledby=instruments] tbody tr").count() > 20


def test_names_are_suggested_while_one_types_and_gone_to(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/?lang=fr")
        with page.expect_response("**/suggest?**"):
            page.locator("#q").press_sequentially("allemag", delay=20)
        option = page.locator("datalist option[value=Allemagne]")
        expect(option).to_have_count(1)
        # What a browser sends when an entry of the list is chosen.
        page.evaluate(
            """() => {
              const field = document.querySelector("#q");
              field.value = "Allemagne";
              field.dispatchEvent(new InputEvent("input", {inputType: "insertReplacementText"}));
            }"""
        )
        expect(page.locator("h1")).to_have_text("Allemagne")
        assert "/state/deu?lang=fr" in page.url
        assert tab.faults == []


def test_hostile_names_in_a_field_are_only_searched_for(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto("/search?lang=en")
        with page.expect_response("**/suggest?**"):
            page.locator("#q").fill('"><script>alert(1)</script>')
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Search")
        assert page.locator("main script").count() == 0
        assert tab.faults == []


@pytest.mark.parametrize("path", ["/", "/search", "/state/fra", "/sparql", "/questions/CQ-03"])
def test_a_page_with_scripts_allows_ours_only_and_none_within(path: str, home: str) -> None:
    page = httpx.get(home + path, headers={"Accept": "text/html"}, follow_redirects=True)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    script = page.text.split('src="/static/site.js?')[1].split('"')[0]
    answer = httpx.get(f"{home}/static/site.js?{script}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


def test_a_page_is_asked_for_again_each_time_it_is_looked_at(home: str) -> None:
    page = httpx.get(f"{home}/state/fra", headers={"Accept": "text/html"})
    assert page.headers["cache-control"] == "public, no-cache"
    again = {"Accept": "text/html", "If-None-Match": page.headers["etag"]}
    assert httpx.get(f"{home}/state/fra", headers=again).status_code == 304
