"""The case as it is told: each line from a question, each with its source."""

import datetime

import pytest
from playwright.sync_api import Browser, expect

import browser as real
from ergaomnes import drawing
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.illustrating import Canvas, two_lanes
from ergaomnes.links import Links
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

TODAY = datetime.date(2026, 11, 23)
PATH = "/case/russia-ecpt"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_journalist_reads_the_case_from_its_first_sentence_to_what_is_not_known(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto(f"{PATH}?lang=en&on=2026-11-01")
        lead = page.locator(".lead")
        expect(lead).to_contain_text("From 1998-09-01 until 2026-09-30 at least")
        expect(lead).to_contain_text("From 2026-10-01 that is no longer certain")
        expect(lead).to_contain_text("made by 2021-12-31")
        steps = page.locator("section[aria-labelledby=steps]")
        expect(steps.locator("svg")).to_contain_text("At home")
        expect(steps.locator("tbody tr")).to_have_count(14)
        law = steps.locator("tbody tr", has_text="the President signs the law")
        expect(law).to_contain_text("2025-09-29")
        unknown = page.locator("section[aria-labelledby=unknown]")
        expect(unknown).to_contain_text("No notification of a denunciation")
        expect(unknown.locator("tbody tr")).to_have_count(4)
        change = page.locator("section[aria-labelledby=change]")
        visits = change.locator("tbody tr", has_text="CPT visits to places of detention")
        expect(visits.locator(".chip")).to_have_text("May have been lost")
        expect(change).to_contain_text("27 more rows say “Never there: not a party”")
        reasons = page.locator("section[aria-labelledby=reasons]")
        said = reasons.locator("tbody tr", has_text="has stayed bound")
        expect(said).to_contain_text("European Committee for the Prevention of Torture")
        expect(said.locator(".chip")).to_have_text("Assessment")
        # Every row that says something names its source.
        for section in page.locator("main section:has(tbody)").all():
            rows = section.locator("table:not(.grid) tbody tr")
            sourced = section.locator("table:not(.grid) tbody tr:has(a[href^='#source-'])")
            blank = section.locator("table:not(.grid) tbody tr", has_text="No data")
            assert sourced.count() + blank.count() == rows.count()
        tab.check() if scripts else None
        assert tab.faults == []


def test_the_case_is_another_one_before_and_after_other_days(chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, scripts=False) as tab:
        page = tab.page
        page.goto(f"{PATH}?lang=en")
        page.fill("#before", "2021-01-01")
        page.fill("#after", "2022-10-01")
        page.click("button:has-text('Show')")
        change = page.locator("section[aria-labelledby=change]")
        court = change.locator("tbody tr", has_text="Individual applications to the European Court")
        expect(court.locator(".chip")).to_have_text("Lost")
        visits = change.locator("tbody tr", has_text="CPT visits to places of detention")
        expect(visits.locator(".chip")).to_have_text("Remains")
        page.fill("#after", "1990-01-01")
        page.fill("#before", "1985-01-01")
        page.click("button:has-text('Show')")
        expect(court).to_have_count(0)
        assert tab.faults == []


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("fr", ("au moins, les visites", "Peut-être perdu", "Comité contre la torture")),
        ("ru", ("по меньшей мере", "Возможно, утрачено", "Комитет против пыток")),
    ],
)
def test_the_case_is_told_in_the_language_of_the_reader(
    lang: str, words: tuple[str, ...], chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, dark=True) as tab:
        tab.page.goto(f"{PATH}?lang={lang}&on=2026-11-01")
        for one in words:
            expect(tab.page.locator("main")).to_contain_text(one)
        if lang == "ru":
            # What is claimed is in Russian where it is recorded so, else marked as English.
            claims = tab.page.locator("section[aria-labelledby=reasons] tbody th")
            english = claims.locator("[lang=en]").count()
            assert 0 < english < claims.count()
            tab.check()


def test_each_step_of_the_table_is_drawn_in_its_lane(graph: EmbeddedEngine) -> None:
    question = Catalogue(shipped().queries, prefixes())["timeline-of-a-state-and-an-instrument"]
    given = {"state": "rus", "instrument": "ets-126"}
    found = graph.select(bound(question, given, prefixes(), TODAY).text)
    legend = {"domestic": "At home", "international": "Between States"}
    picture = drawing.Picture("steps", "What happened", "The steps", "The sources")
    canvas = Canvas(picture, TODAY, legend, {}, Links(prefixes()))
    drawn = two_lanes(found, canvas)
    assert drawn.count('class="datum"') == len(found) == 14
    other = bound(question, {**given, "state": "nru"}, prefixes(), TODAY)
    assert two_lanes(graph.select(other.text), canvas) == ""


def test_gaps_are_those_of_the_state_and_the_instrument(graph: EmbeddedEngine) -> None:
    question = Catalogue(shipped().queries, prefixes())["known-gaps-about-a-state"]

    def gaps(**given: str) -> set[str]:
        found = graph.select(bound(question, given, prefixes(), TODAY).text)
        return {str(one).rpartition("/")[2] for one in found.column("gap")}

    assert gaps(state="rus", instrument="ets-126") == {
        "cpt-rus-visit-dates",
        "rus-ets-126-denunciation-law-number",
        "rus-ets-126-denunciation-notification",
        "rus-ets-126-ratification-law-number",
    }
    assert "rus-coe-treaties-law-number" in gaps(state="rus", instrument="ets-005")
    assert gaps(state="fra", instrument="ets-126") == set()
