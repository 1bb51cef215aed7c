import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergaomnes import media
from ergaomnes.errors import BadParameter, BadRequest, NotAcceptable
from ergaomnes.media import MalformedAcceptError, choose, named, negotiated, wanted, whole_xml

JSON, XML = media.SPARQL_JSON.media_type, media.SPARQL_XML.media_type
OFFERED = (JSON, XML, "text/csv", "text/turtle")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        (" , ,", JSON),
        ("*/*", JSON),  # star
        ("text/*", "text/csv"),  # substar
        ("text/turtle", "text/turtle"),
        ("TEXT/Turtle", "text/turtle"),
        ("text/turtle;charset=utf-8", "text/turtle"),
        ("application/pdf", None),
        ("application/pdf, */*;q=0.1", JSON),
        (f"{JSON};q=0, */*", XML),  # specific exclusion
        ("*/*;q=0", None),  # wildcard exclusion
        ("text/*;q=0, */*", JSON),
        ("text/*;q=0, text/turtle, */*;q=0.1", "text/turtle"),
        (f"*/*;q=0, {XML}", XML),
        ("text/csv;q=0.5, text/turtle;q=0.9", "text/turtle"),  # explicit priority
        ("text/csv;q=0.9, text/turtle;q=0.9", "text/csv"),
        ("text/csv;q=0.001, text/turtle;q=0.000", "text/csv"),
        ("text/csv;header=absent, text/turtle;q=0.1", "text/turtle"),
        ('text/turtle;q=1;note="a, b;q=0"', "text/turtle"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    ],
)
def test_the_preferred_type_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert choose(accept, OFFERED) == chosen


def test_a_range_with_parameters_is_closer_than_one_without() -> None:
    offered = ("text/csv;header=present", "text/csv;header=absent")
    assert choose("text/csv;header=absent, text/csv;q=0.5", offered) == offered[1]
    assert choose("text/csv;header=present;q=0.1, text/csv;q=0.5", offered) == offered[1]


@pytest.mark.parametrize(
    "accept",
    [
        "text",
        "text/",
        "/",
        "*/turtle",
        "text/csv;q=2",
        "text/csv;q=-1",
        "text/csv;q=",
        "a b/c",
        '"',
    ],
)
def test_a_header_that_no_grammar_reads_is_malformed(accept: str) -> None:
    with pytest.raises(MalformedAcceptError):
        choose(accept, OFFERED)
    with pytest.raises(BadRequest):
        wanted(accept, None, media.TABLES)


def test_the_registered_type_goes_before_the_general_one() -> None:
    assert negotiated("*/*", media.TABLES) == (media.SPARQL_JSON, JSON)
    assert negotiated("application/json", media.TABLES) == (media.SPARQL_JSON, "application/json")
    assert negotiated("text/xml", media.GRAPHS) == (media.RDF_XML, "text/xml")
    assert negotiated("application/json", media.GRAPHS) == (media.JSON_LD, "application/json")


@pytest.mark.parametrize("formats", [media.TABLES, (*media.GRAPHS, *media.DATASETS)])
def test_every_format_answers_to_its_name_and_its_types(formats: tuple[media.Format, ...]) -> None:
    for one in formats:
        assert named(one.name, formats) == one
        assert named(one.media_type.upper(), formats) == one
        assert negotiated(one.media_type, formats) == (one, one.media_type)


def test_short_names_have_their_usual_aliases() -> None:
    assert named("turtle", media.GRAPHS) == media.TURTLE
    assert named("xml", media.GRAPHS) == media.RDF_XML
    assert named("xml", media.TABLES) == media.SPARQL_XML
    assert named("json", media.GRAPHS) == media.JSON_LD
    assert named("csv", media.GRAPHS) is None


def test_the_name_goes_before_the_header() -> None:
    assert wanted("text/turtle", "csv", media.TABLES) == (media.CSV, "text/csv")
    with pytest.raises(BadParameter, match="csv"):
        wanted(None, "cvs", media.TABLES)
    with pytest.raises(NotAcceptable):
        wanted("text/turtle", None, media.TABLES)


def test_xml_is_whole_or_none() -> None:
    assert whole_xml(b"<a>one\rtwo</a>") == b"<a>one&#13;two</a>"
    assert whole_xml(b"<a>\x01</a>") is None
    assert whole_xml("<a>\ufffe</a>".encode()) is None
    assert whole_xml(b"<a><x: xmlns:x='http://e/'/></a>") is None


names = st.from_regex(r"[a-z]{1,4}/[a-z]{1,4}", fullmatch=True)


@given(st.text())
def test_any_header_gives_a_choice_or_is_malformed(accept: str) -> None:
    with contextlib.suppress(MalformedAcceptError):
        assert choose(accept, OFFERED) in (*OFFERED, None)


@given(st.lists(names, min_size=1, unique=True), st.data())
def test_the_heaviest_of_exact_types_is_chosen(offered: list[str], data: st.DataObject) -> None:
    weights = data.draw(
        st.lists(st.integers(0, 1000), min_size=len(offered), max_size=len(offered))
    )
    pairs = list(zip(offered, weights, strict=True))
    shuffled = data.draw(st.permutations(pairs))
    accept = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in shuffled)
    best = max(weights)
    expected = None if best == 0 else offered[weights.index(best)]
    assert choose(accept, offered) == expected
