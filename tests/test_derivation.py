"""The derived graph: the same on two engines, stable, traceable, and never typed by hand."""

from datetime import date

import pytest
from pyoxigraph import Store

from engines import derived, on_oxigraph, slice_on_oxigraph, slice_on_rdflib, stated_slice
from ergaomnes.engine import Iri, Literal
from ergaomnes.rules import derive, read_rules
from ergaomnes.shipped import shipped
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import prefixes

RULES = read_rules(shipped().rule_files())


def iri(curie: str) -> str:
    return prefixes().iri(curie)


def value(subject: str, predicate: str) -> str | None:
    table = on_oxigraph().select(f"SELECT ?o WHERE {{ <{iri(subject)}> <{iri(predicate)}> ?o }}")
    values = [str(found) for found in table.column("o")]
    assert len(values) <= 1, values
    return values[0] if values else None


def test_oxigraph_and_rdflib_derive_the_same_graph() -> None:
    ours, theirs = derived(slice_on_oxigraph()), derived(slice_on_rdflib())
    assert ours
    assert ours == theirs


def test_the_slice_holds_real_work_for_every_rule() -> None:
    """A rule that makes nothing of the slice would be compared with nothing."""
    store = Store()
    store.extend(stated_slice())
    engine = EmbeddedEngine(store)
    idle = {one.rule.name for one in derive(RULES, engine, prefixes()) if not one.new}
    assert idle == set()


def test_every_derived_triple_is_traceable_to_a_rule() -> None:
    """A situation names its rule; of any other property some rule says that it makes it."""
    made = {iri(name) for rule in RULES for name in rule.derives}
    facts = derived(on_oxigraph())
    situations = {s for s, p, _ in facts if p == Iri(iri("erga:derivedByRule"))}
    assert {str(p) for s, p, _ in facts if s not in situations} <= made


@pytest.mark.parametrize(
    ("situation", "start", "end", "not_before"),
    [
        ("situation:participation-rus-ets-126-ratification", "1998-09-01", None, "2026-10-01"),
        ("situation:participation-rus-ets-005-ratification", "1998-05-05", "2022-09-16", None),
        ("situation:participation-rus-mtdsg-iv-9-ratification", "1987-06-26", None, None),
        ("situation:participation-rus-mtdsg-iv-4-ratification", "1976-03-23", None, None),
        ("situation:participation-rus-mtdsg-iv-5-accession", "1992-01-01", None, None),
        ("situation:participation-blr-mtdsg-iv-5-accession", "1992-12-30", "2023-02-08", None),
        ("situation:participation-guy-mtdsg-iv-5-accession-1", "1993-08-10", "1999-04-05", None),
        ("situation:participation-guy-mtdsg-iv-5-accession-2", "1999-04-05", None, None),
        ("situation:participation-jam-mtdsg-iv-5-ratification", "1976-03-23", "1998-01-23", None),
        ("situation:participation-prk-mtdsg-iv-4-accession", "1981-12-14", None, None),
        ("situation:participation-tto-mtdsg-iv-5-accession-1", "1981-02-14", "1998-08-26", None),
        ("situation:participation-tto-mtdsg-iv-5-accession-2", "1998-08-26", "2000-06-27", None),
        ("situation:membership-rus-coe-admission", "1996-02-28", "2022-03-16", None),
    ],
)
def test_a_situation_holds_from_and_until_the_days_the_sources_give(
    situation: str, start: str, end: str | None, not_before: str | None
) -> None:
    assert value(situation, "erga:holdsFrom") == start
    assert value(situation, "erga:holdsUntil") == end
    assert value(situation, "erga:holdsUntilNotBefore") == not_before


def test_the_inquiry_procedure_reaches_russia_only_from_the_withdrawal_of_its_exclusion() -> None:
    found = on_oxigraph().select(
        f"SELECT ?from WHERE {{ ?a <{iri('erga:underPower')}> <{iri('power:cat-inquiry')}> ;"
        f" <{iri('erga:hasParticipant')}> <{iri('state:rus')}> ; <{iri('erga:holdsFrom')}> ?from }}"
    )
    assert [str(start) for start in found.column("from")] == ["1991-10-01"]


@pytest.mark.parametrize(
    ("consent", "notice"),
    [
        ("blr-mtdsg-iv-5-accession", "blr-mtdsg-iv-5-denunciation"),
        ("guy-mtdsg-iv-5-accession-1", "guy-mtdsg-iv-5-denunciation"),
        ("guy-mtdsg-iv-5-accession-2", None),
        ("jam-mtdsg-iv-5-ratification", "jam-mtdsg-iv-5-denunciation"),
        ("prk-mtdsg-iv-4-accession", None),
        ("tto-mtdsg-iv-5-accession-1", "tto-mtdsg-iv-5-denunciation-1"),
        ("tto-mtdsg-iv-5-accession-2", "tto-mtdsg-iv-5-denunciation-2"),
    ],
)
def test_a_notice_ends_the_consent_it_was_given_for_and_no_later_one(
    consent: str, notice: str | None
) -> None:
    """Guyana and Trinidad and Tobago acceded again on the day of their notice."""
    ended_by = value(f"situation:participation-{consent}", "erga:isTerminatedBy")
    assert ended_by == (iri(f"action:{notice}") if notice else None)


def test_a_notice_without_effect_has_no_day_of_effect_and_ends_nothing() -> None:
    notice = "action:prk-mtdsg-iv-4-denunciation"
    assert value(notice, "erga:hasOutcome") == iri("outcome:without-effect")
    assert value(notice, "erga:effectiveDate") is None
    assert value(notice, "erga:computedEffectiveDate") is None


def test_the_day_a_notice_takes_effect_is_computed_where_the_depositary_states_none() -> None:
    basis = {
        state: value(f"action:{state}-denunciation", "erga:hasEffectBasis")
        for state in ("jam-mtdsg-iv-5", "guy-mtdsg-iv-5", "blr-mtdsg-iv-5")
    }
    assert basis == {
        "jam-mtdsg-iv-5": iri("effect-basis:computed"),
        "guy-mtdsg-iv-5": iri("effect-basis:depositary-stated"),
        "blr-mtdsg-iv-5": iri("effect-basis:depositary-stated"),
    }
    for state in basis:
        act = f"action:{state}-denunciation"
        assert value(act, "erga:computedEffectiveDate") == value(act, "erga:effectiveDate")


def test_no_notice_is_made_up_for_the_missing_denunciation() -> None:
    found = on_oxigraph().ask(
        f"ASK {{ ?a a <{iri('erga:Denunciation')}> ;"
        f" <{iri('erga:concernsInstrument')}> <{iri('instrument:ets-126')}> }}"
    )
    assert not found
    assert value("gap:rus-ets-126-denunciation-notification", "erga:computedEffectiveDate") == (
        "2026-10-01"
    )


def test_every_derived_day_is_a_calendar_day() -> None:
    days = [o for _, _, o in derived(on_oxigraph()) if isinstance(o, Literal)]
    for literal in days:
        if literal.datatype == Literal.DATE:
            date.fromisoformat(literal.value)
