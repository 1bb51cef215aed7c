"""The description of a release in DCAT and VoID: what is in it, counted, with every checksum.

What the dataset and its files are called is said in `data/`; here they are only counted. Addresses
of files are relative, so that the description is right wherever the release is put.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyoxigraph import Literal, NamedNode, Triple

from ergaomnes.engine import Iri, Term
from ergaomnes.store import EmbeddedEngine, theirs
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import write

NAME = "dataset.ttl"
FOLDER = "file:///"  # stands for the folder of the release until the text is written

_DATASET = """
PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
SELECT ?dataset ?title ?about ?license ?publisher
WHERE {
  ?dataset a dcat:Dataset ;
    dcterms:description ?about ;
    dcterms:license ?license ;
    dcterms:publisher ?agent ;
    dcterms:title ?title .
  ?agent skos:prefLabel ?publisher .
  FILTER(LANG(?title) = "en" && LANG(?about) = "en" && LANG(?publisher) = "en")
}
ORDER BY ?dataset ?title ?about ?license ?publisher
LIMIT 1
"""
_FILES = """
PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dcterms: <http://purl.org/dc/terms/>
SELECT ?distribution ?file ?type
WHERE {
  ?dataset a dcat:Dataset ;
    dcat:distribution ?distribution .
  ?distribution dcat:mediaType ?type ;
    dcterms:identifier ?file .
}
ORDER BY ?file
"""
_SAID = """
PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX erga: <https://w3id.org/ergaomnes/def/>
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX schema: <https://schema.org/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX void: <http://rdfs.org/ns/void#>
CONSTRUCT {
  ?dataset ?says ?what ;
    void:vocabulary ?ontology ;
    dcterms:source ?source .
  ?distribution ?told ?as .
  ?source ?names ?name .
}
WHERE {
  ?dataset a dcat:Dataset .
  {
    ?dataset ?says ?what .
    FILTER(?says != dcat:distribution)
  }
  UNION { ?ontology a owl:Ontology . }
  UNION {
    ?dataset dcat:distribution ?distribution .
    ?distribution dcterms:identifier ?file ;
      ?told ?as .
  }
  UNION {
    ?source a erga:Source ;
      ?names ?name .
    FILTER(?names IN (rdf:type, dcterms:license, dcterms:publisher, schema:url, skos:prefLabel))
  }
}
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a release says of itself in one line each."""

    iri: str
    title: str
    about: str
    license_iri: str
    publisher: str


@dataclass(frozen=True, slots=True)
class Format:
    """A form of the whole graph that a release is to have."""

    distribution: str
    file: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a release that is a distribution of the dataset."""

    file: str
    sha256: str
    size: int
    distribution: str
    media_type: str = ""
    """For a file that the data do not describe: its media type, title and what it holds."""
    title: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what; `entities` are the records that the dataset itself names."""

    triples: int
    subjects: int
    objects: int
    entities: int
    properties: Mapping[str, int]
    classes: Mapping[str, int]


@dataclass
class Statistics:
    """Counts of a graph, taken while its triples pass by."""

    triples: int = 0
    properties: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    subjects: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)

    def take(self, triple: Triple, type_iri: str) -> None:
        """Count one triple."""
        self.triples += 1
        self.properties[triple.predicate.value] += 1
        self.subjects.add(str(triple.subject))
        self.objects.add(str(triple.object))
        if triple.predicate.value == type_iri and isinstance(triple.object, NamedNode):
            self.classes[triple.object.value] += 1

    def counts(self, namespace: str) -> Counts:
        """Give what was counted; entities are the subjects in that namespace."""
        return Counts(
            triples=self.triples,
            subjects=len(self.subjects),
            objects=len(self.objects),
            entities=sum(1 for each in self.subjects if each.startswith(f"<{namespace}")),
            properties=self.properties,
            classes=self.classes,
        )


def dataset(engine: EmbeddedEngine) -> Dataset:
    """Read what the data say of the dataset."""
    [row] = engine.select(_DATASET)
    return Dataset(
        _text(row["dataset"]),
        _text(row["title"]),
        _text(row["about"]),
        _text(row["license"]),
        _text(row["publisher"]),
    )


def formats(engine: EmbeddedEngine) -> tuple[Format, ...]:
    """Read which forms a release is to have, by the names of their files."""
    return tuple(
        Format(_text(row["distribution"]), _text(row["file"]), _text(row["type"]))
        for row in engine.select(_FILES)
    )


def described(
    engine: EmbeddedEngine,
    prefixes: Prefixes,
    about: Dataset,
    files: Sequence[Written],
    counts: Statistics,
) -> str:
    """Write the description as Turtle."""
    said = {Triple(theirs(s), theirs(p), theirs(o)) for s, p, o in engine.construct(_SAID)}  # type: ignore[arg-type]
    left_out = _others(said, {file.distribution for file in files}, prefixes)
    made = [triple for triple in said if triple.subject not in left_out]
    made += counted(about.iri, counts.counts(prefixes["id"]), prefixes)
    for file in files:
        made += _file(about, file, prefixes)
    return write(made, prefixes).replace(f"<{FOLDER}", "<")


def _others(
    said: Iterable[Triple], written: set[str], prefixes: Prefixes
) -> set[NamedNode | object]:
    """Give the distributions that were not written."""
    kind, distribution = prefixes.iri("rdf:type"), prefixes.iri("dcat:Distribution")
    return {
        triple.subject
        for triple in said
        if triple.predicate.value == kind
        and triple.object == NamedNode(distribution)
        and isinstance(triple.subject, NamedNode)
        and triple.subject.value not in written
    }


def counted(dataset: str, counts: Counts, prefixes: Prefixes) -> Iterator[Triple]:
    """Give the VoID statistics of a dataset, in partitions by class and by property."""

    def node(curie: str) -> NamedNode:
        return NamedNode(prefixes.iri(curie))

    def number(value: int) -> Literal:
        return Literal(str(value), datatype=node("xsd:integer"))

    whole = NamedNode(dataset)
    yield Triple(whole, node("rdf:type"), node("void:Dataset"))
    yield Triple(whole, node("void:uriSpace"), Literal(prefixes.base))
    for name, value in (
        ("triples", counts.triples),
        ("classes", len(counts.classes)),
        ("properties", len(counts.properties)),
        ("distinctSubjects", counts.subjects),
        ("distinctObjects", counts.objects),
        ("entities", counts.entities),
    ):
        yield Triple(whole, node(f"void:{name}"), number(value))
    yield Triple(whole, node("void:uriRegexPattern"), Literal(f"^{prefixes['id']}"))
    parts: tuple[tuple[str, str, Mapping[str, int]], ...] = (
        ("class", "entities", counts.classes),
        ("property", "triples", counts.properties),
    )
    for sort, measure, found in parts:
        for iri, many in found.items():
            part = NamedNode(f"{dataset}/{sort}/{prefixes.short(iri).replace(':', '-')}")
            yield Triple(whole, node(f"void:{sort}Partition"), part)
            yield Triple(part, node(f"void:{sort}"), NamedNode(iri))
            yield Triple(part, node(f"void:{measure}"), number(many))


def _file(about: Dataset, file: Written, prefixes: Prefixes) -> Iterator[Triple]:
    def node(curie: str) -> NamedNode:
        return NamedNode(prefixes.iri(curie))

    this, checksum = NamedNode(file.distribution), NamedNode(f"{file.distribution}/checksum")
    address = NamedNode(FOLDER + file.file)
    yield Triple(NamedNode(about.iri), node("dcat:distribution"), this)
    yield Triple(this, node("dcat:downloadURL"), address)
    yield Triple(this, node("dcat:accessURL"), address)
    size = Literal(str(file.size), datatype=node("xsd:nonNegativeInteger"))
    yield Triple(this, node("dcat:byteSize"), size)
    yield Triple(this, node("spdx:checksum"), checksum)
    yield Triple(checksum, node("rdf:type"), node("spdx:Checksum"))
    yield Triple(checksum, node("spdx:algorithm"), node("spdx:checksumAlgorithm_sha256"))
    value = Literal(file.sha256, datatype=node("xsd:hexBinary"))
    yield Triple(checksum, node("spdx:checksumValue"), value)
    if not file.media_type:
        return
    yield Triple(this, node("rdf:type"), node("dcat:Distribution"))
    yield Triple(this, node("dcat:mediaType"), NamedNode(file.media_type))
    yield Triple(this, node("dcterms:license"), NamedNode(about.license_iri))
    yield Triple(this, node("dcterms:title"), Literal(file.title, language="en"))
    yield Triple(this, node("dcterms:description"), Literal(file.about, language="en"))


def _text(term: Term | None) -> str:
    assert isinstance(term, Iri) or term is not None  # noqa: S101 - every column is bound
    return str(term)
