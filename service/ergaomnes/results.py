"""Read what engines send over a wire into answers of our own."""

import json
from collections.abc import Mapping

import pyoxigraph as ox

from ergaomnes.engine import Blank, Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.store import own


def table_or_truth(body: bytes | str) -> Table | Truth:
    """Read SPARQL 1.1 Query Results JSON; ValueError says what is wrong with it."""
    try:
        read = json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(read, dict) or not isinstance(read.get("head"), dict):
        raise ValueError("it has no head, as SPARQL results have")
    if isinstance(read.get("boolean"), bool):
        return Truth(read["boolean"])
    try:
        columns = tuple(str(name) for name in read["head"]["vars"])
        rows = tuple(
            tuple(_term(row[name]) if name in row else None for name in columns)
            for row in read["results"]["bindings"]
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("its rows are not those of SPARQL results") from None
    return Table(columns, rows)


def _term(written: Mapping[str, str]) -> Term:
    kind, value = written["type"], written["value"]
    if kind == "uri":
        return Iri(value)
    if kind == "bnode":
        return Blank(value)
    if kind in ("literal", "typed-literal"):
        if "xml:lang" in written:
            return Literal(value, Literal.LANG_STRING, written["xml:lang"].lower())
        return Literal(value, written.get("datatype", Literal.STRING))
    raise KeyError(kind)


def triples(body: bytes | str, media_type: str) -> Triples:
    """Read a graph; ValueError says what is wrong with it."""
    read_as = ox.RdfFormat.from_media_type(media_type)
    if read_as is None:
        raise ValueError(f"{media_type} is no RDF that is read here")
    try:
        found = {
            (own(one.subject), Iri(one.predicate.value), own(one.object))
            for one in ox.parse(body, format=read_as)
            if not isinstance(one.subject, ox.Triple) and not isinstance(one.object, ox.Triple)
        }
    except SyntaxError as error:
        raise ValueError(f"it does not parse ({error})") from None
    return Triples(tuple(sorted(found, key=str)))
