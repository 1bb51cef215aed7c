import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyoxigraph import NamedNode, RdfFormat, Store, parse

from ergaomnes.errors import NotACurie, UnknownPrefix
from ergaomnes.shipped import shipped
from ergaomnes.terms import Prefixes, escape_local, prefixes

OURS = "https://w3id.org/ergaomnes/"


def test_the_table_is_what_a_parser_reads_in_the_same_file(table: Prefixes) -> None:
    store = Store()
    store.load(path=str(shipped().prefixes), format=RdfFormat.TURTLE)
    rows = store.query(
        "PREFIX sh: <http://www.w3.org/ns/shacl#>"
        "SELECT ?p ?n WHERE { [] sh:declare ?d . ?d sh:prefix ?p ; sh:namespace ?n }"
    )
    parsed = {row["p"].value: row["n"].value for row in rows}  # type: ignore[union-attr]  # rows of a SELECT
    assert dict(table.namespaces) == parsed
    assert table.base == OURS


def test_no_two_prefixes_share_a_namespace(table: Prefixes) -> None:
    assert len(set(table.namespaces.values())) == len(table.namespaces)


@pytest.mark.parametrize(
    ("iri", "curie"),
    [
        (f"{OURS}id/state/rus", "state:rus"),
        (f"{OURS}id/provision/ets-126/art-8-2", r"provision:ets-126\/art-8-2"),
        (f"{OURS}id/clause-rule/ets-126-withdrawal", "clause:ets-126-withdrawal"),
        (f"{OURS}graph/data/actions/rus", r"graph:data\/actions\/rus"),
        (f"{OURS}id/unheard-of/x", r"id:unheard-of\/x"),
        ("http://www.wikidata.org/entity/Q159", "wd:Q159"),
        (f"{OURS}def/1a.b.", r"erga:1a.b\."),
        (f"{OURS}def/100%25", "erga:100%25"),
        (f"{OURS}def/-x", r"erga:\-x"),
    ],
)
def test_an_iri_and_its_prefixed_name_lead_to_one_another(
    table: Prefixes, iri: str, curie: str
) -> None:
    assert table.curie(iri) == curie
    assert table.iri(curie) == iri


@pytest.mark.parametrize("iri", [f"{OURS}def/", "https://example.org/x", f"{OURS}prefix/sh"])
def test_an_iri_outside_the_table_has_no_prefixed_name(table: Prefixes, iri: str) -> None:
    assert table.curie(iri) is None
    assert table.short(iri) == iri


def test_people_read_and_type_names_without_escapes(table: Prefixes) -> None:
    iri = f"{OURS}id/provision/ets-126/art-8"
    assert table.short(iri) == "provision:ets-126/art-8"
    assert table.iri("provision:ets-126/art-8") == iri


@pytest.mark.parametrize("text", ["https://example.org/x", "<https://example.org/x>"])
def test_a_whole_iri_stays_as_it_is(table: Prefixes, text: str) -> None:
    assert table.iri(text) == "https://example.org/x"


def test_an_unknown_prefix_is_named_with_the_near_ones(table: Prefixes) -> None:
    with pytest.raises(UnknownPrefix, match="stat:") as caught:
        table.iri("stat:rus")
    assert "state:" in caught.value.remedy


@pytest.mark.parametrize("text", ["rus", "", "<no"])
def test_what_is_no_name_at_all_is_refused(table: Prefixes, text: str) -> None:
    with pytest.raises(NotACurie):
        table.iri(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_every_escaped_name_is_read_back_by_a_parser(local: str) -> None:
    escaped, iri = escape_local(local), f"https://e.example/{local}"
    assume(escaped is not None and is_iri(iri))
    text = f"@prefix e: <https://e.example/> . e:{escaped} e:p e:o ."
    (found,) = parse(text.encode(), format=RdfFormat.TURTLE)
    assert found.subject == NamedNode(iri)


def is_iri(text: str) -> bool:
    try:
        list(parse(f"<{text}> <p:p> <p:o> .".encode(), format=RdfFormat.N_TRIPLES))
    except SyntaxError:
        return False
    return True


def test_ordinary_slugs_need_no_escape_but_for_the_slash() -> None:
    assert re.fullmatch(r"[^\\]*", escape_local("rus-ets-126-denunciation") or "\\")
    assert escape_local("a/b") == r"a\/b"


def test_the_packaged_table_is_read_once() -> None:
    assert prefixes() is prefixes()
