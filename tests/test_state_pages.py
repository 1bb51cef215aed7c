"""All states on one page, and several side by side."""

import csv
import datetime
import functools
import io

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Table
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes, prefixes

TODAY = datetime.date(2026, 11, 23)
get = functools.partial(httpx.get, timeout=60, headers={"Accept": "text/html"})


def ask(graph: EmbeddedEngine, name: str, **given: str) -> Table:
    catalogue = Catalogue(shipped().queries, prefixes())
    return graph.select(bound(catalogue[name], given, prefixes(), TODAY).text)


@pytest.mark.parametrize("day", ["1992-03-01", "2026-02-03", "2026-10-01"])
@pytest.mark.parametrize("instrument", ["mtdsg-iv-9", "ets-126", "mtdsg-iv-3-a"])
def test_the_table_of_all_says_what_is_said_of_each_instrument(
    instrument: str, day: str, graph: EmbeddedEngine, table: Prefixes
) -> None:
    one = ask(graph, "standing-of-all-states-on-a-day", instrument=instrument, day=day)
    wanted = {
        str(row["state"]): (str(row["standing"]), str(row["last_known"] or "")) for row in one
    }
    iri = table["instrument"] + instrument
    found = {
        str(row["state"]): (str(row["standing"]), str(row["last_known"] or ""))
        for row in ask(graph, "standings-on-a-day", day=day)
        if str(row["instrument"]) == iri
    }
    assert len(wanted) > 150
    assert found == wanted


def test_a_region_holds_the_states_of_the_regions_below_it(graph: EmbeddedEngine) -> None:
    def states(region: str) -> set[str]:
        found = ask(graph, "standings-on-a-day", region=region, day="2026-02-03")
        return {str(row["state_label"]) for row in found}

    america = states("northern-america")
    # What has no region is always there; of the end of the third no source is recorded.
    others = {"European Union", "Democratic Yemen"}
    assert america == {"Canada", "United States of America", *others}
    assert america < states("americas")
    assert "Brazil" in states("americas") - america
    assert "France" not in states("americas")


@pytest.mark.parametrize(
    ("state", "power", "could", "known"),
    [
        ("rus", "cpt-visits", "uncertain: may have ended", "2025-09-30"),
        ("fra", "cpt-visits", "could", "2016-07-21"),
        ("rus", "spt-visits", "could not", "2026-02-03"),
        ("ukr", "spt-visits", "could", "2026-02-03"),
        ("fra", "sr-torture-visits", "no data", ""),
        ("rus", "sr-torture-visits", "could", "2025-10-07"),
    ],
)
def test_who_may_visit_is_told_of_several_states(
    state: str, power: str, could: str, known: str, graph: EmbeddedEngine
) -> None:
    found = ask(graph, "inspection-compared", state="rus,fra,ukr", day="2026-10-02")
    assert len(found) == 3 * len({row["power"] for row in found})
    [row] = [
        row
        for row in found
        if str(row["state"]).endswith(f"/{state}") and str(row["power"]).endswith(f"/{power}")
    ]
    assert str(row["could"]) == could
    assert str(row["last_known"] or "") == known
    assert bool(row["source"]) == (could != "no data")


@pytest.mark.parametrize("state", ["rus", "fra", "prk"])
@pytest.mark.parametrize("day", ["1999-01-01", "2026-10-02"])
def test_the_comparison_says_what_the_page_of_the_state_says(
    state: str, day: str, graph: EmbeddedEngine
) -> None:
    one = ask(graph, "who-could-inspect-on-a-day", state=state, day=day)
    wanted = {str(row["power"]): str(row["could"]) for row in one}
    found = {
        str(row["power"]): str(row["could"])
        for row in ask(graph, "inspection-compared", state=state, day=day)
        if str(row["could"]) != "could not"
    }
    assert wanted
    assert found == wanted


@pytest.mark.parametrize("scripts", [True, False])
def test_a_researcher_compares_three_states_and_takes_the_table_away(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto("/compare?lang=en")
        expect(page.locator("table")).to_have_count(0)
        for number, name in enumerate(("France", "Russian Federation", "ukr"), 1):
            page.fill(f"#s{number}", name)
        page.click("button:has-text('Compare')")
        page.fill("#on", "2026-10-02")
        page.click("button:has-text('Show')")
        heads = page.locator("section[aria-labelledby=instruments] thead th")
        expect(heads).to_have_text(["France", "Russian Federation", "Ukraine"])
        rows = page.locator("section[aria-labelledby=instruments] tbody tr")
        expect(rows).to_have_count(26)
        ecpt = rows.filter(has_text="ECPT").filter(has_text="Uncertain")
        expect(ecpt).to_contain_text("differs")
        expect(ecpt).to_contain_text("last known on 2025-09-30")
        many = rows.filter(has_text="differs").count()
        page.click("text=Show only what differs")
        expect(rows).to_have_count(many)
        assert 0 < many < 26
        if scripts:
            tab.check()
        visits = page.locator("section[aria-labelledby=inspection]")
        visits.locator("summary").click()
        address = visits.get_by_role("link", name="CSV").get_attribute("href")
        taken = page.request.get(f"{home}{address}").text()
        read = list(csv.DictReader(io.StringIO(taken)))
        assert {row["state_label"] for row in read} == {"France", "Russian Federation", "Ukraine"}
        assert {row["could"] for row in read} >= {"could", "could not", "no data"}
        assert tab.faults == []


@pytest.mark.parametrize("lang", ["en", "fr", "ru"])
def test_all_states_stand_in_one_table(lang: str, chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=lang != "fr", dark=lang == "ru") as tab:
        page = tab.page
        page.goto(f"/states?on=2026-02-03&lang={lang}")
        rows = page.locator("table.grid tbody tr")
        expect(rows).to_have_count(199)
        expect(page.locator("table.grid thead th[scope=col]")).to_have_count(26)
        name = {"en": "Oman", "fr": "Oman", "ru": "Оман"}[lang]
        oman = page.locator("table.grid tbody tr", has=page.get_by_text(name, exact=True))
        # Its accession to the Covenant was received, and is not in force yet.
        expect(oman).to_contain_text("(+)")
        # Every standing but one: uncertain is none on that day.
        expect(page.locator(".legend li")).to_have_count(6)
        page.select_option("#region", "northern-america")
        page.locator(".asks button").click()
        expect(rows).to_have_count(4)
        expect(page.locator("#on")).to_have_value("2026-02-03")
        if lang != "fr":
            tab.check()
        assert tab.faults == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/compare?s=nowhere", "it is none of those that can be chosen"),
        ("/compare?s=Frnce&s=rus", "France"),
        ("/compare?s=%3Cscript%3Ealert(1)%3C/script%3E", "it is none of those that can be chosen"),
        ("/states?region=atlantis", "it is none of those that can be chosen"),
        ("/states?on=yesterday", "written YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_chosen_is_refused_by_name(path: str, words: str, home: str) -> None:
    answer = get(home + path)
    assert answer.status_code == 400
    assert words in answer.text
    assert "<script>alert" not in answer.text


def test_a_state_may_be_named_in_the_language_of_the_page_or_in_english(home: str) -> None:
    french = get(f"{home}/compare?s=Allemagne&s=Germany&s=deu&s=fra&lang=fr")
    assert french.status_code == 200
    assert french.text.count('<th scope="col">') == 4  # two states, in two tables


@pytest.mark.parametrize("lang", ["en", "fr", "ru"])
def test_a_state_is_named_in_the_six_languages_each_in_its_own(
    lang: str, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home) as tab:
        page = tab.page
        page.goto(f"/state/fra?lang={lang}&on=2026-10-02")
        names = page.locator("p.names bdi")
        every = ["فرنسا", "France", "Francia", "France", "Франция", "法国"]
        own = ["ar", "en", "es", "fr", "ru", "zh"].index(lang)
        expect(names).to_have_text([*every[:own], *every[own + 1 :]])
        expect(names.first).to_have_attribute("dir", "rtl")
        expect(names.first).to_have_attribute("lang", "ar")
        full = page.locator("section[aria-labelledby=names] tbody tr", has_text="法国")
        expect(full).to_contain_text("法兰西共和国")
        tab.check()
        assert tab.faults == []


def test_a_state_is_compared_with_its_neighbours(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto("/state/fra?lang=en&on=2026-10-02")
        peers = page.locator("section[aria-labelledby=peers] .peers li")
        expect(peers).to_have_count(9)  # of Western Europe in M49, and a free choice
        peers.get_by_role("link", name="Monaco").click()
        heads = page.locator("section[aria-labelledby=instruments] thead th")
        expect(heads).to_have_text(["France", "Monaco"])
        expect(page.locator("#on")).to_have_value("2026-10-02")


def test_the_neighbours_are_the_states_of_the_same_region(graph: EmbeddedEngine) -> None:
    def peers(state: str) -> set[str]:
        found = ask(graph, "state-peers", state=state)
        return {str(row["peer"]).rsplit("/", 1)[-1] for row in found}

    assert peers("fra") == {"aut", "bel", "deu", "lie", "lux", "mco", "nld", "che"}
    assert peers("can") == {"usa"}
    assert peers("yug") == set()  # it has ended, and is of no region
    names = [str(row["name"]) for row in ask(graph, "state-names", state="deu")]
    assert {"Germany", "Allemagne", "Германия"} <= set(names)
    assert len(names) == 6
    french = ask(graph, "state-names", state="fra")
    assert [str(row["language"]) for row in french] == ["ar", "en", "es", "fr", "ru", "zh"]
    assert "République française" in [str(row["full"]) for row in french]
