"""Read what engines send over a wire into answers of our own, and write graphs for the wire."""

import json
import re
from collections.abc import Iterable, Mapping

import pyoxigraph as ox

from ergaomnes import media
from ergaomnes.engine import Blank, Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.store import own, theirs
from ergaomnes.terms import Prefixes

# What begins a graph, and how prefixes are declared in it.
_IN_TURTLE = re.compile(rb"(?:@prefix .*\n)*"), re.compile(rb"@prefix ([^:]*):.*\n")
_IN_XML = re.compile(rb"<\?xml.*\n<rdf:RDF[^>]*>"), re.compile(rb' xmlns:([^=]+)="[^"]*"')
_DECLARING = {
    media.TURTLE.media_type: _IN_TURTLE,
    media.TRIG.media_type: _IN_TURTLE,
    media.RDF_XML.media_type: _IN_XML,
}


def table(body: bytes | str) -> Table:
    """Read the answer to a SELECT."""
    found = table_or_truth(body)
    assert isinstance(found, Table)  # noqa: S101 - a SELECT answers with nothing else
    return found


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
        return ours(ox.parse(body, format=read_as))
    except SyntaxError as error:
        raise ValueError(f"it does not parse ({error})") from None


def ours(found: Iterable[ox.Triple | ox.Quad]) -> Triples:
    """Give the triples of an engine in terms of our own, each once, sorted."""
    made = {
        (own(one.subject), Iri(one.predicate.value), own(one.object))
        for one in found
        if not isinstance(one.subject, ox.Triple) and not isinstance(one.object, ox.Triple)
    }
    return Triples(tuple(sorted(made, key=str)))


def graph(found: Triples, written_as: media.Format, prefixes: Prefixes) -> bytes:
    """Write a graph, with the prefixes it uses where the format has any."""
    triples = [ox.Triple(theirs(s), theirs(p), theirs(o)) for s, p, o in found]  # type: ignore[arg-type]
    body = ox.serialize(
        triples,
        format=ox.RdfFormat.from_media_type(written_as.media_type),
        prefixes=dict(prefixes.namespaces),
    )
    assert body is not None  # noqa: S101 - it goes to no file
    return with_used_prefixes(body, written_as.media_type)


def with_used_prefixes(body: bytes, media_type: str) -> bytes:
    """Leave out the prefixes that a graph does not use, and put the others in their order."""
    if media_type not in _DECLARING:
        return body
    beginning, declaration = _DECLARING[media_type]
    begun = beginning.match(body)
    declared = list(declaration.finditer(begun[0])) if begun else []
    if begun is None or not declared:
        return body
    rest = body[begun.end() :]
    used = sorted(one[0] for one in declared if one[1] + b":" in rest)
    before, after = begun[0][: declared[0].start()], begun[0][declared[-1].end() :]
    return b"".join((before, *used, after, rest))
