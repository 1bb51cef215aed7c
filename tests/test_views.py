"""Pages that files describe: their parts by themselves, what others show of them, and links."""

import functools
import json
import re
from xml.etree import ElementTree

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
from ergaomnes import drawing

get = functools.partial(httpx.get, timeout=60, headers={"Accept": "text/html"})
SVG = "{http://www.w3.org/2000/svg}"
NEEDS_FONTS = pytest.mark.skipif(not drawing.can_png(), reason="the package was built without npm")


def test_a_panel_stands_by_itself_and_within_the_page_of_somebody_else(
    chromium: Browser, home: str
) -> None:
    page = get(f"{home}/state/rus?on=2026-11-01&lang=fr").raise_for_status()
    [address] = re.findall(r'href="(/embed/state/timeline\?[^"]+)"', page.text)
    assert page.headers["x-frame-options"] == "DENY"
    alone = get(home + address.replace("&amp;", "&")).raise_for_status()
    assert "x-frame-options" not in alone.headers
    assert "frame-ancestors *" in alone.headers["content-security-policy"]
    with real.tab(chromium, home, scripts=False) as tab:
        tab.page.goto(address.replace("&amp;", "&"))
        expect(tab.page.locator("h1")).to_have_text("Fédération de Russie")
        expect(tab.page.locator("h2").first).to_have_text("Depuis quand")
        expect(tab.page.locator("svg .datum")).not_to_have_count(0)
        expect(tab.page.locator("main")).to_contain_text("2026-11-01")
        expect(tab.page.locator("ol.sources li")).not_to_have_count(0)
        assert tab.page.locator("nav, form").count() == 0
    with real.tab(chromium, home) as tab:
        tab.page.goto(address.replace("&amp;", "&"))
        tab.check()


def test_a_picture_is_taken_away_with_its_title_its_day_and_where_its_sources_are(
    home: str,
) -> None:
    answer = get(f"{home}/embed/state/timeline.svg?state=rus&on=2020-01-01&lang=ru")
    answer.raise_for_status()
    assert answer.headers["content-type"] == "image/svg+xml"
    drawn = ElementTree.fromstring(answer.text)
    said = "".join(drawn.itertext())
    for words in ("Российская Федерация: С какого времени", "2020-01-01", f"{home}/state/rus"):
        assert words in said
    links = [one.get("href") for one in drawn.iter(f"{SVG}a")]
    assert links
    assert all(link and link.startswith(f"{home}/instrument/") for link in links)
    other = get(f"{home}/embed/state/timeline.svg?state=fra&on=2020-01-01&lang=ru")
    assert other.text != answer.text


@NEEDS_FONTS
@pytest.mark.parametrize(
    "address", ["/embed/state/timeline.png?state=rus", "/card/state.png?state=rus"]
)
def test_a_picture_is_there_for_who_cannot_show_svg(address: str, home: str) -> None:
    answer = get(home + address).raise_for_status()
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert int.from_bytes(answer.content[16:20]) == 1200


@NEEDS_FONTS
def test_what_others_show_of_a_page_is_its_title_its_sentence_and_its_card(home: str) -> None:
    page = get(f"{home}/state/rus?on=2025-09-30&lang=en").text
    [title] = re.findall('<meta property="og:title" content="([^"]+)"', page)
    [sentence] = re.findall('<meta property="og:description" content="([^"]+)"', page)
    [card] = re.findall('<meta property="og:image" content="([^"]+)"', page)
    assert title == "Russian Federation"
    assert sentence.startswith("Bound by 13 of the 26 instruments")
    assert "on=2025-09-30" in card
    assert get(card.replace("&amp;", "&")).headers["content-type"] == "image/png"


def test_programs_read_in_a_page_what_it_is_of_and_where_its_tables_are(home: str) -> None:
    page = get(f"{home}/state/fra?on=2020-01-01&lang=ru").text
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    told = json.loads(text)
    assert told["@type"] == "WebPage"
    assert told["about"]["@type"] == "Country"
    assert told["about"]["@id"] == "https://w3id.org/ergaomnes/id/state/fra"
    assert told["about"]["name"] == "Франция"
    assert told["inLanguage"] == "ru"
    first = told["hasPart"][0]["distribution"][0]
    table = get(first["contentUrl"]).raise_for_status()
    assert table.headers["content-type"].startswith("text/csv")
    assert "2020-01-01" in first["contentUrl"]


def test_the_language_and_the_day_of_the_reader_go_along(home: str) -> None:
    chosen = get(f"{home}/state/rus?on=2020-01-01&lang=fr").text
    assert re.search(r'href="/instrument/[a-z0-9-]+\?on=2020-01-01&amp;lang=fr"', chosen)
    assert re.search(r'href="/power/[a-z0-9/-]+\?lang=fr"', chosen)
    left = get(f"{home}/state/rus").text
    assert re.search(r'href="/instrument/[a-z0-9-]+"', left)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/embed/state/timelin?state=rus", 404, "state/timeline"),
        ("/embed/nowhere/timeline?state=rus", 404, "No such panel"),
        ("/embed/state/timeline?state=nowhere", 404, "state/nowhere"),
        ("/embed/state/timeline?state=%22%3E%3Cb%3E", 404, "No such panel"),
        ("/embed/state/timeline", 400, "state"),
        ("/embed/state/acts.svg?state=rus", 404, "No such picture"),
        ("/embed/state/timeline.svg?state=rus&on=2025-02-30", 400, "written YYYY-MM-DD"),
        ("/card/nowhere.png", 404, "No such picture"),
        ("/card/state.png", 404, "No such picture"),
        ("/card/state.png?state=nowhere", 404, "state/nowhere"),
    ],
)
def test_what_there_is_not_is_said_so(path: str, status: int, words: str, home: str) -> None:
    answer = get(home + path)
    assert answer.status_code == status
    assert words in answer.text
    assert "<b>" not in answer.text


def test_a_name_cannot_end_what_programs_read(home: str) -> None:
    """The one place of a page where text stands in a script."""
    for page in ("/", "/state/rus"):
        text = get(home + page).text
        [told] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text)
        assert "<" not in told


def test_search_engines_are_told_one_address_for_a_page_in_each_language(home: str) -> None:
    plain = get(f"{home}/state/rus?on=2020-01-01")
    assert f'<link rel="canonical" href="{home}/state/rus">' in plain.text
    assert f'<{home}/state/rus>; rel="canonical"' in plain.headers["link"]
    chosen = get(f"{home}/state/rus?on=2020-01-01&lang=fr")
    assert f'<link rel="canonical" href="{home}/state/rus?lang=fr">' in chosen.text
    assert f'<{home}/state/rus?lang=fr>; rel="canonical"' in chosen.headers["link"]
    assert re.search('rel="alternate" hreflang="ru" href="[^"]+lang=ru"', chosen.text)
