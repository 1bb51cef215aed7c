"""Media types: what each kind of answer can be written in, and which one a client asked for."""

import re
import xml.parsers.expat
from collections.abc import Sequence
from dataclasses import dataclass

from ergaomnes.errors import BadParameter, BadRequest, NotAcceptable, near


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing an answer: its short name and the media types that mean it."""

    name: str
    media_types: tuple[str, ...]

    @property
    def media_type(self) -> str:
        """The registered media type."""
        return self.media_types[0]


# https://www.w3.org/TR/sparql11-results-json/#mediaType
SPARQL_JSON = Format("json", ("application/sparql-results+json", "application/json"))
# https://www.w3.org/TR/rdf-sparql-XMLres/#mime
SPARQL_XML = Format("xml", ("application/sparql-results+xml", "application/xml", "text/xml"))
# https://www.w3.org/TR/sparql11-results-csv-tsv/#mediaType
CSV = Format("csv", ("text/csv",))
XLSX = Format("xlsx", ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",))
TSV = Format("tsv", ("text/tab-separated-values",))
# https://www.w3.org/TR/turtle/#sec-mediaReg
TURTLE = Format("ttl", ("text/turtle", "application/x-turtle"))
# https://www.w3.org/TR/n-triples/#n-triples-mediatype
N_TRIPLES = Format("nt", ("application/n-triples", "text/plain"))
# https://www.rfc-editor.org/rfc/rfc3870#section-2
RDF_XML = Format("rdf", ("application/rdf+xml", "application/xml", "text/xml"))
# https://www.w3.org/TR/json-ld11/#iana-considerations
JSON_LD = Format("jsonld", ("application/ld+json", "application/json"))
# https://www.w3.org/TR/trig/#sec-mediaReg
TRIG = Format("trig", ("application/trig",))
# https://www.w3.org/TR/n-quads/#n-quads-mediatype
N_QUADS = Format("nq", ("application/n-quads",))
HTML = Format("html", ("text/html", "application/xhtml+xml"))
MARKDOWN = Format("md", ("text/markdown",))
PLAIN_JSON = Format("json", ("application/json",))
# https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
SARIF = Format("sarif", ("application/sarif+json",))

TABLES: tuple[Format, ...] = (SPARQL_JSON, SPARQL_XML, CSV, TSV)
GRAPHS: tuple[Format, ...] = (TURTLE, N_TRIPLES, RDF_XML, JSON_LD)
DATASETS: tuple[Format, ...] = (TRIG, N_QUADS)

_ALIASES = {"turtle": "ttl", "ntriples": "nt", "xml": "rdf", "rdfxml": "rdf", "json": "jsonld"}

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = rf"[ \t]*;[ \t]*(?:({_NAME})[ \t]*=[ \t]*({_NAME}|{_QUOTED}))?"
_RANGE = re.compile(rf"[ \t]*({_NAME})/({_NAME})((?:{_PARAMETER})*)[ \t]*(?:,|$)")
_PARAMETERS = re.compile(_PARAMETER)
_QVALUE = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")
_NOT_A_CONDITION = {("charset", "utf-8")}
_LONGEST_HEADER = 4000


class MalformedAcceptError(ValueError):
    """An `Accept` header that no grammar of RFC 9110 reads."""


@dataclass(frozen=True, slots=True)
class _Range:
    kind: str
    subkind: str
    parameters: frozenset[tuple[str, str]]
    quality: float

    def specificity(self, media_type: str) -> int:
        """Say how closely this range names the media type: 0 when it does not."""
        essence, parameters = _split(media_type)
        kind, _, subkind = essence.partition("/")
        if self.kind == "*":
            return 1
        if self.kind != kind:
            return 0
        if self.subkind == "*":
            return 2
        if self.subkind != subkind or not self.parameters <= parameters:
            return 0
        return 3 + len(self.parameters)


def _split(media_type: str) -> tuple[str, frozenset[tuple[str, str]]]:
    essence, _, rest = media_type.partition(";")
    return essence.strip().lower(), frozenset(_pairs(";" + rest)) if rest else frozenset()


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for name, value in _PARAMETERS.findall(text):
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        if name:
            pairs.append((name.lower(), plain.lower()))
    return pairs


def _ranges(accept: str) -> list[_Range]:
    if len(accept) > _LONGEST_HEADER:
        raise MalformedAcceptError(f"longer than {_LONGEST_HEADER} characters")
    ranges = []
    position = 0
    while position < len(accept):
        if accept[position] in ", \t":
            position += 1
            continue
        found = _RANGE.match(accept, position)
        if found is None:
            raise MalformedAcceptError(accept[position:])
        kind, subkind = found[1].lower(), found[2].lower()
        if kind == "*" and subkind != "*":
            raise MalformedAcceptError(found[0].strip())
        quality, parameters = 1.0, []
        for name, value in _pairs(found[3]):
            if name == "q":
                if not _QVALUE.match(value):
                    raise MalformedAcceptError(found[0].strip())
                quality = float(value)
                break  # What follows the weight is an extension of Accept, not of the type.
            if (name, value) not in _NOT_A_CONDITION and name != "profile":
                parameters.append((name, value))
        ranges.append(_Range(kind, subkind, frozenset(parameters), quality))
        position = found.end()
    return ranges


def choose(accept: str | None, offered: Sequence[str]) -> str | None:
    """Give the offered media type that an `Accept` header prefers (RFC 9110, section 12.5.1).

    The most specific range that names a type decides its weight, a weight of 0 excludes it, and
    among equals the order of `offered` decides. No header, or an empty one, takes the first.
    None means that nothing on offer is acceptable.
    """
    ranges = _ranges(accept or "")
    if not ranges:
        return offered[0] if offered else None
    best, best_quality = None, 0.0
    for media_type in offered:
        closest = max(ranges, key=lambda wanted: (wanted.specificity(media_type), wanted.quality))
        quality = closest.quality if closest.specificity(media_type) else 0.0
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def negotiated(accept: str | None, formats: Sequence[Format]) -> tuple[Format, str] | None:
    """Give the format that an `Accept` header prefers and the media type to name it by.

    Registered media types come before the general ones (`application/json`) of any format.
    """
    depth = max((len(offer.media_types) for offer in formats), default=0)
    meant: dict[str, Format] = {}
    for rank in range(depth):
        for offer in formats:
            if rank < len(offer.media_types):
                meant.setdefault(offer.media_types[rank], offer)
    chosen = choose(accept, list(meant))
    return None if chosen is None else (meant[chosen], chosen)


def named(name: str, formats: Sequence[Format]) -> Format | None:
    """Give the format of a short name (`?format=ttl`) or media type, if it is among these."""
    wanted = name.strip().lower()
    for offer in formats:
        if wanted == offer.name or wanted in offer.media_types:
            return offer
    alias = _ALIASES.get(wanted)
    return next((offer for offer in formats if offer.name == alias), None)


def wanted(accept: str | None, name: str | None, formats: Sequence[Format]) -> tuple[Format, str]:
    """Give the format that a request asks for, by `?format=` or else by its `Accept` field."""
    if name:
        found = named(name, formats)
        if found is None:
            names = [offer.name for offer in formats]
            why = f"the answer can be written as {', '.join(names)}"
            raise BadParameter("format", name[:100], why, near(name, names))
        return found, found.media_type
    try:
        chosen = negotiated(accept, formats)
    except MalformedAcceptError as error:
        raise BadRequest(f"The Accept field is malformed at “{str(error)[:100]}”.") from None
    if chosen is None:
        raise NotAcceptable(offers(formats))
    return chosen


def offers(formats: Sequence[Format]) -> list[str]:
    """List the media types to name in an answer that says what was on offer."""
    return [offer.media_type for offer in formats]


def whole_xml(body: bytes) -> bytes | None:
    """Give XML that a parser reads as it was meant, or None where there is no such XML.

    Control characters, and predicates that no element can be named after, have none. A bare
    carriage return has: a parser would take it for a line feed.
    """
    body = body.replace(b"\r", b"&#13;")
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    try:
        parser.Parse(body, True)
    except xml.parsers.expat.ExpatError:
        return None
    return body


def language(asked: str, accepted: str, known: Sequence[str]) -> str:
    """Give the language that is asked for, or that an `Accept-Language` header prefers.

    The first of those that are known where neither names one of them (RFC 9110, section 12.5.4).
    """
    if asked.lower() in known:
        return asked.lower()
    weighted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:1000].split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.partition("=")[2] or 1)
        except ValueError:
            continue
        primary = tag.strip().lower().partition("-")[0]
        if primary in known and quality > 0:
            weighted.append((-quality, place, primary))
    return min(weighted)[2] if weighted else known[0]
