"""Bodies and rights: whom they reach and bind on a day, and what that rests on."""

import csv
import datetime
import functools
import io
from collections import Counter

import httpx
import pytest
from playwright.sync_api import Browser, expect

import browser as real
import world_tables as tables
from ergaomnes import drawing
from ergaomnes.catalogue import Catalogue, bound
from ergaomnes.engine import Iri, Table, Term
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

TODAY = datetime.date(2026, 11, 23)
BEFORE, AFTER = "2026-09-30", "2026-10-01"
"""The last day before Russia is to have left the ECPT, and the first day after."""
PREFIXES = prefixes()
QUESTIONS = Catalogue(shipped().queries, PREFIXES)
ALL = ("bodies-all", "body-", "right-", "rights-all")
get = functools.partial(httpx.get, timeout=60, headers={"Accept": "text/html"})


def ask(graph: EmbeddedEngine, name: str, **given: str) -> Table:
    return graph.select(bound(QUESTIONS[name], given, PREFIXES, TODAY).text)


def written(term: Term | None) -> str:
    if term is None:
        return ""
    return PREFIXES.short(term.value) if isinstance(term, Iri) else term.value


def column(found: Table, name: str) -> list[str]:
    return [written(one) for one in found.column(name)]


def of(found: Table, key: str, *names: str) -> dict[str, tuple[str, ...]]:
    return {written(row[key]): tuple(written(row[name]) for name in names) for row in found}


def states(found: Table, answer: str, word: str) -> set[str]:
    return {written(row["state"]) for row in found if written(row[answer]) == word}


@pytest.mark.parametrize(
    ("day", "many", "doubted"),
    [
        ("1989-01-31", 0, set()),
        ("1989-02-01", 8, set()),
        (BEFORE, 47, set()),
        (AFTER, 46, {"state:rus"}),
    ],
)
def test_the_committee_of_a_treaty_reaches_its_parties(
    day: str, many: int, doubted: set[str], graph: EmbeddedEngine
) -> None:
    found = ask(graph, "body-reach", body="cpt", day=day)
    within = states(found, "reach", "within reach")
    parties = ask(graph, "parties-of-an-instrument-on-a-day", instrument="ets-126", day=day)
    assert within == states(parties, "standing", "bound") - doubted
    # What the notice did is not settled: from its day on Russia is in doubt.
    assert (len(within), states(found, "reach", "uncertain")) == (many, doubted)
    assert len(set(column(found, "state"))) == len(found.rows)
    told = of(found, "state", "reach", "since", "why")
    # Who had left before 2016 is not recorded; before the treaty was in force nobody could.
    assert told["state:usa"][0] == ("no data" if day == "1989-02-01" else "out of reach")
    if not many:
        assert told["state:fra"] == ("out of reach", "", "it had no power yet")
    for state in doubted:
        assert told[state][2]


@pytest.mark.parametrize("day", ["2007-01-01", "2026-02-03"])
def test_a_body_of_two_treaties_reaches_the_parties_to_either(
    day: str, graph: EmbeddedEngine
) -> None:
    """The Committee against Torture speaks up for its Subcommittee."""
    either = set().union(
        *(tables.bound(one, tables.day_of(day)) for one in ("mtdsg-iv-9", "mtdsg-iv-9-b"))
    )
    found = ask(graph, "body-reach", body="cat-committee", day=day)
    assert states(found, "reach", "within reach") == either
    spt = ask(graph, "body-reach", body="spt", day=day)
    assert states(spt, "reach", "within reach") == tables.bound("mtdsg-iv-9-b", tables.day_of(day))


def test_a_power_over_one_state_reaches_no_other_and_one_over_all_is_not_said_to(
    graph: EmbeddedEngine,
) -> None:
    russia = of(ask(graph, "body-reach", body="sr-russia", day=BEFORE), "state", "reach", "why")
    assert russia.pop("state:rus")[0] == "within reach"
    assert set(russia.values()) == {("out of reach", "its power is limited to another state")}
    early = of(ask(graph, "body-reach", body="sr-russia", day="2022-10-06"), "state", "reach")
    assert early["state:rus"] == ("out of reach",)
    torture = ask(graph, "body-reach", body="sr-torture", day=BEFORE)
    assert states(torture, "reach", "within reach") == {"state:rus"}
    assert {word for [word] in of(torture, "state", "reach").values()} == {
        "within reach",
        "no data",
    }


def test_the_powers_of_a_body_say_whose_consent_they_need_and_what_is_public(
    graph: EmbeddedEngine,
) -> None:
    """Read in `data/norms/ets-126.ttl` and `mtdsg-iv-9-b.ttl`."""
    columns = ("kind", "visit_consent", "publicity", "operative")
    cpt = of(ask(graph, "body-powers", body="cpt", day=BEFORE), "power", *columns)
    after = "confidential, published with consent"
    assert cpt == {
        "power:cpt-public-statement": (
            "power-kind:public-statement", "visit-consent:not-applicable", "public", "1989-02-01",
        ),
        "power:cpt-reports": (
            "power-kind:visit-report", "visit-consent:not-applicable", after, "1989-02-01",
        ),
        "power:cpt-visits": ("power-kind:visit", "visit-consent:none", after, "1989-02-01"),
    }  # fmt: skip
    spt = of(ask(graph, "body-powers", body="spt", day=BEFORE), "power", *columns)
    assert set(spt) == {"power:spt-reports", "power:spt-visits"}
    assert {each[3] for each in spt.values()} == {"2006-06-22"}
    special = of(ask(graph, "body-powers", body="sr-torture", day=BEFORE), "power", *columns)
    assert special["power:sr-torture-visits"] == (
        "power-kind:visit", "visit-consent:invitation-of-the-state", "", "1985-03-13",
    )  # fmt: skip


@pytest.mark.parametrize("day", ["1995-01-01", BEFORE, AFTER])
def test_the_numbers_of_a_body_are_those_of_its_states(day: str, graph: EmbeddedEngine) -> None:
    listed = of(ask(graph, "bodies-all", day=day), "body", "reached", "unsure")
    assert len(listed) == 17
    for body in ("body:cpt", "body:spt", "body:cat-committee", "body:sr-russia"):
        reach = Counter(column(ask(graph, "body-reach", body=body[5:], day=day), "reach"))
        numbers = tuple(str(reach[one] or "") for one in ("within reach", "uncertain"))
        assert listed[body] == numbers, body
    powers = of(ask(graph, "body-powers", body="cpt", day=day), "power", "reached", "unsure")
    assert set(powers.values()) == {listed["body:cpt"]}


def test_a_list_of_bodies_names_what_gives_them_their_powers(graph: EmbeddedEngine) -> None:
    listed = of(ask(graph, "bodies-all", day="1988-01-01"), "body", "instruments", "powers")
    assert listed["body:cat-committee"] == ("CAT, OPCAT", "4")  # its fifth is of the Protocol
    assert listed["body:cpt"] == ("ECPT", "0")
    assert listed["body:sr-torture"] == ("", "2")
    assert listed["body:committee-of-ministers"][0] == "ECHR"


def test_each_power_rests_on_the_provisions_that_set_it_out(graph: EmbeddedEngine) -> None:
    """Read in `data/norms/mtdsg-iv-9-b.ttl`: 3 provisions of reports, 10 of visits."""
    found = ask(graph, "body-basis", body="spt")
    by_power = Counter(column(found, "power"))
    assert by_power == {"": 1, "power:spt-reports": 3, "power:spt-visits": 10}
    [setting_up] = [row for row in found if row["power"] is None]
    assert written(setting_up["basis"]).endswith("/art-2-1")
    assert written(setting_up["gives"]) == "sets it up"
    special = ask(graph, "body-basis", body="sr-torture")
    assert column(special, "basis") == ["legal-basis:charter-resolution"] * 2
    assert column(special, "power") == [
        "power:sr-torture-visits", "power:sr-torture-communications",
    ]  # fmt: skip
    assert all(column(found, "source"))
    assert all(column(special, "source"))


@pytest.mark.parametrize(
    ("body", "day", "many", "last"),
    [
        ("cpt", "2001-07-09", 1, "1998-01-01"),
        ("cpt", "2001-07-10", 2, "2001-07-10"),
        ("cpt", BEFORE, 12, "2024-11-18"),
        ("cat-committee", BEFORE, 3, "2018-08-08"),
        ("cat-committee", "2012-11-21", 1, "2006-11-23"),
        ("spt", BEFORE, 0, ""),
    ],
)
def test_what_a_body_did_is_told_up_to_the_day(
    body: str, day: str, many: int, last: str, graph: EmbeddedEngine
) -> None:
    """Read in `data/events/rus-monitoring.ttl`."""
    days = column(ask(graph, "body-activities", body=body, day=day), "date")
    assert len(days) == many
    assert days == sorted(days, reverse=True)
    assert days[:1] == ([last] if last else [])


def test_a_refusal_is_a_claim_of_who_makes_it_beside_its_answer(graph: EmbeddedEngine) -> None:
    """Read in `data/claims/russia-reactions.ttl`."""
    columns = ("claim", "said_by", "state", "date")
    assert ask(graph, "body-refusals", body="spt", day=BEFORE).rows == ()
    assert ask(graph, "body-refusals", body="sr-torture", day="2025-09-02").rows == ()
    one = ask(graph, "body-refusals", body="sr-torture", day="2025-09-03")
    assert {tuple(written(row[name]) for name in columns) for row in one} == {
        ("claim:un-experts-access-denied", who, "state:rus", "2025-09-03")
        for who in ("agent:alice-jill-edwards", "agent:mariana-katzarova")
    }
    early = set(column(ask(graph, "body-refusals", body="cpt", day="2024-11-18"), "claim"))
    late = ask(graph, "body-refusals", body="cpt", day=BEFORE)
    assert {"claim:cpt-failure-to-cooperate", "claim:cpt-requests-unanswered"} <= early
    assert "claim:ukr-mfa-access-denied" in set(column(late, "claim")) - early
    answered = [row for row in late if row["answered_by"] is not None]
    assert answered
    assert all(row["answer_statement"] for row in answered)


def test_a_body_looks_into_obligations_for_the_sake_of_rights(graph: EmbeddedEngine) -> None:
    cpt = ask(graph, "body-obligations", body="cpt")
    assert {one.split("/")[0] for one in column(cpt, "provision")} != {""}
    assert all(one.startswith("norm:ets-126") for one in column(cpt, "obligation"))
    powers = of(ask(graph, "body-obligations", body="spt"), "obligation", "powers", "provision")
    assert powers["norm:mtdsg-iv-9-b-art-4-allow-visits"] == ("2", "OPCAT art. 4(1)")
    assert powers["norm:mtdsg-iv-9-b-art-15-no-reprisals"][0] == "1"


@pytest.mark.parametrize("day", ["1976-03-22", "1976-03-23", "1995-01-01", "2026-02-03"])
@pytest.mark.parametrize(
    ("right", "treaties"),
    [
        ("freedom-from-imprisonment-for-debt", ["mtdsg-iv-4"]),
        ("freedom-from-enforced-disappearance", ["mtdsg-iv-16"]),
    ],
)
def test_a_right_binds_whom_the_treaties_bind_that_protect_it(
    right: str, treaties: list[str], day: str, graph: EmbeddedEngine
) -> None:
    parties = set().union(*(tables.bound(one, tables.day_of(day)) for one in treaties))
    found = ask(graph, "right-coverage", right=right, day=day)
    assert states(found, "standing", "bound") == parties
    none = {one for one in of(found, "state", "standing") if one not in parties}
    assert none == states(found, "standing", "not a party") | states(found, "standing", "no data")
    assert {row["treaties"].value for row in found if row["treaties"]} <= {"1"}
    listed = of(ask(graph, "rights-all", day=day), "right", "bound", "unsure", "instruments")
    assert listed[f"right:{right}"] == (str(len(parties) or ""), "", "1")


def test_a_right_holds_the_rights_within_it(graph: EmbeddedEngine) -> None:
    """Read in `ontology/schemes/right.ttl` and `data/norms/mtdsg-iv-4-rights.ttl`."""
    family = of(ask(graph, "right-family", right="liberty-and-security"), "member", "relation")
    assert family == {
        "right:civil-and-political-rights": ("above",),
        "right:liberty-and-security": ("this right",),
        "right:freedom-from-imprisonment-for-debt": ("part",),
    }
    debt = "norm:mtdsg-iv-4-art-11-no-prison-for-debt"
    columns = ("system", "provision", "derogation", "within")
    narrow = ask(graph, "right-obligations", right="freedom-from-imprisonment-for-debt")
    told = "organisation:united-nations", "ICCPR art. 11", "not even in an emergency"
    assert of(narrow, "obligation", *columns) == {debt: (*told, "")}
    wide = of(ask(graph, "right-obligations", right="liberty-and-security"), "obligation", *columns)
    assert wide[debt] == (*told, "right:freedom-from-imprisonment-for-debt")
    assert len(wide) > 10
    day = "2026-02-03"
    debts = of(ask(graph, "right-coverage", right="liberty-and-security", day=day), "state")
    assert len(debts) > 190


def test_what_rests_on_no_treaty_protects_a_right_too(graph: EmbeddedEngine) -> None:
    found = of(
        ask(graph, "right-obligations", right="freedom-from-torture"),
        "obligation", "basis", "instrument", "derogation",
    )  # fmt: skip
    assert found["norm:peremptory-prohibition-of-torture"] == (
        "legal-basis:peremptory-norm", "", "not even in an emergency",
    )  # fmt: skip
    assert found["norm:custom-prohibition-of-torture"] == ("legal-basis:custom", "", "")
    fixed = [one for one, told in found.items() if told[2] == "not even in an emergency"]
    listed = of(ask(graph, "rights-all", day="2026-02-03"), "right", "obligations", "non_derogable")
    assert listed["right:freedom-from-torture"] == (str(len(found)), str(len(fixed)))


@pytest.mark.parametrize("day", ["1980-01-01", "2026-02-03"])
def test_who_oversees_a_right_and_how_many_each_power_reaches(
    day: str, graph: EmbeddedEngine
) -> None:
    asked = {"right": "freedom-from-imprisonment-for-debt", "day": day}
    found = of(ask(graph, "right-oversight", **asked), "power", "body", "reached", "obligations")
    parties = len(tables.bound("mtdsg-iv-4", tables.day_of(day)))
    complaints = len(tables.bound("mtdsg-iv-5", tables.day_of(day)))
    assert set(found) == {"power:hrc-individual", "power:hrc-inter-state", "power:hrc-reports"}
    assert found["power:hrc-reports"] == ("body:human-rights-committee", str(parties), "1")
    assert found["power:hrc-individual"][1] == str(complaints)
    wider = set(
        column(ask(graph, "right-oversight", right="freedom-from-torture", day=day), "body")
    )
    assert {"body:cpt", "body:spt", "body:sr-torture", "body:ecthr"} <= wider


def test_the_tree_of_rights_is_that_of_the_scheme(graph: EmbeddedEngine) -> None:
    """Count the concepts and the top concepts in `ontology/schemes/right.ttl`."""
    text = (shipped().ontology / "schemes" / "right.ttl").read_text("utf-8")
    broader = column(ask(graph, "rights-all", day="2026-02-03"), "broader")
    assert len(broader) == text.count("a skos:Concept ;")
    assert broader.count("") == 8


def test_each_row_is_answered_once_and_all_words_are_there(graph: EmbeddedEngine) -> None:
    for question in QUESTIONS:
        if question.name.startswith(ALL):
            given = {"body": "cpt", "right": "freedom-from-torture", "day": AFTER}
            fit = {one: text for one, text in given.items() if one in question.parameters}
            found = ask(graph, question.name, **fit)
            rows = [tuple(map(written, row)) for row in found.rows]
            assert rows
            assert len(set(rows)) == len(rows), question.name
            assert tuple(found.columns) == tuple(question.columns)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_reader_finds_who_may_look_inside_and_what_that_rests_on(
    scripts: bool, chromium: Browser, home: str
) -> None:
    with real.tab(chromium, home, scripts=scripts) as tab:
        page = tab.page
        page.goto(f"/?lang=en&on={AFTER}")
        page.get_by_role("navigation").first.get_by_role("link", name="Bodies").click()
        page.fill("#on", AFTER)
        page.click("button:has-text('Show')")
        rows = page.locator("section[aria-labelledby=bodies] tbody tr")
        expect(rows).to_have_count(17)
        cpt = rows.filter(has_text="Prevention of Torture and Inhuman")
        expect(cpt.locator("td[data-label='Uncertain']")).to_have_text("1")
        cpt.locator("th a").click()
        expect(page.locator("#on")).to_have_value(AFTER)
        expect(page.locator(".lead")).to_contain_text("reaches 46 states")
        expect(page.locator(".lead")).to_contain_text("Of 1 it is uncertain")
        reach = page.locator("section[aria-labelledby=reach]")
        if drawing.has_map():
            expect(reach.locator("svg")).to_contain_text("Russian Federation: Uncertain")
            reach.locator("summary").first.click()
        russia = reach.locator("tbody tr", has_text="Russian Federation")
        expect(russia).to_contain_text("last known on")
        refusals = page.locator("section[aria-labelledby=refusals]")
        expect(refusals).to_contain_text("Ministry of Foreign Affairs of Ukraine")
        reach.locator(".made summary").click()
        address = reach.get_by_role("link", name="CSV").get_attribute("href")
        taken = list(csv.DictReader(io.StringIO(page.request.get(f"{home}{address}").text())))
        assert Counter(row["reach"] for row in taken)["within reach"] == 46
        right = page.get_by_role("link", name="freedom from torture and ill-treatment").first
        right.click()
        expect(page.locator("h1")).to_have_text("freedom from torture and ill-treatment")
        expect(page.locator("#on")).to_have_value(AFTER)
        expect(page.locator(".lead")).to_contain_text("rests on no treaty")
        page.get_by_role("link", name="All rights").click()
        tree = page.locator("section[aria-labelledby=rights]")
        debt = tree.locator("li li li", has_text="freedom from imprisonment for debt")
        expect(debt).to_contain_text("1 obligation · 1 of them never set aside")
        assert tab.faults == []


@pytest.mark.parametrize(
    ("path", "lang"),
    [
        ("/bodies", "fr"),
        ("/bodies", "ru"),
        ("/body/cpt", "en"),
        ("/body/cpt", "ru"),
        ("/rights", "fr"),
        ("/scheme/right/freedom-from-torture", "en"),
        ("/scheme/right/freedom-from-torture", "ru"),
    ],
)
def test_each_page_is_for_everybody(path: str, lang: str, chromium: Browser, home: str) -> None:
    with real.tab(chromium, home, dark=lang == "fr") as tab:
        tab.page.goto(f"{path}?lang={lang}&on={AFTER}")
        expect(tab.page.locator("html")).to_have_attribute("lang", lang)
        tab.check()


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("/right/fair-trial?on=2020-01-01", "/scheme/right/fair-trial?on=2020-01-01"),
        ("/body/CPT", "/body/cpt"),
    ],
)
def test_a_body_or_right_is_found_by_another_address(typed: str, path: str, home: str) -> None:
    answer = get(home + typed)
    assert (answer.status_code, answer.headers["location"]) == (301, path)


@pytest.mark.parametrize(
    "path",
    ["/body/nothing", "/body/%3Cb%3E", "/scheme/right/nothing", "/scheme/right/%22%3E%3Cscript%3E"],
)
def test_what_is_not_there_is_told(path: str, home: str) -> None:
    answer = get(home + path)
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text
    strange = httpx.get(f"{home}/right/%3Cscript%3E%0d%0aX:y", headers={"Accept": "text/html"})
    assert strange.status_code == 301
    assert "x" not in strange.headers


def test_the_pictures_of_reach_can_be_taken_away(home: str) -> None:
    bars = get(f"{home}/embed/bodies/bodies.svg", params={"on": AFTER, "lang": "fr"})
    assert "Comité contre la torture" in bars.text
    if drawing.has_map():
        for page, name, of_what in (("body", "reach", "cpt"), ("right", "coverage", "fair-trial")):
            asked = {page: of_what, "on": AFTER}
            svg = get(f"{home}/embed/{page}/{name}.svg", params=asked)
            assert svg.headers["content-type"].startswith("image/svg+xml")
            assert AFTER in svg.text
