"""What the endpoint says of itself: SPARQL 1.1 Service Description, VoID, DCAT, example queries.

What the dataset is called and who publishes it is said in `data/`; here it is counted, and told
where it can be asked and fetched. Addresses are those under which the caller came.
"""

import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ergaomnes import media, results
from ergaomnes.catalogue import Catalogue, described
from ergaomnes.description import counted
from ergaomnes.engine import Iri, Literal, Term, Triples
from ergaomnes.known import Known
from ergaomnes.settings import Settings

DUMP = "/dump.nq"
EXAMPLES = "/queries"
SPARQL = "/sparql"
STORE = "/store"

# https://www.w3.org/ns/formats/
_FORMATS = "http://www.w3.org/ns/formats/"
_WRITTEN = {
    media.SPARQL_JSON: "SPARQL_Results_JSON",
    media.SPARQL_XML: "SPARQL_Results_XML",
    media.CSV: "SPARQL_Results_CSV",
    media.TSV: "SPARQL_Results_TSV",
    media.TURTLE: "Turtle",
    media.N_TRIPLES: "N-Triples",
    media.RDF_XML: "RDF_XML",
    media.JSON_LD: "JSON-LD",
    media.TRIG: "TriG",
    media.N_QUADS: "N-Quads",
}
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")

Scope = Mapping[str, Any]
Triple = tuple[Term, Iri, Term]


class Endpoint:
    """What can be said of the endpoint over one pool of readers."""

    def __init__(self, known: Known, catalogue: Catalogue) -> None:
        self.known = known
        self.catalogue = catalogue
        self.prefixes = catalogue.prefixes

    async def service(self, base: str) -> Triples:
        """Describe the service and its dataset with every named graph."""
        whole = (await self.known.counts()).triples
        graphs = await self.known.graphs()
        dataset = await self.dataset(base)
        settings = self.known.readers.settings
        return _sorted([*dataset, *self._service(base, whole, graphs.items(), settings)])

    async def dataset(self, base: str) -> Triples:
        """Describe the dataset, with its statistics and where it is asked and fetched."""
        rows = await self.known.dataset()
        said = [(row[0], row[1], row[2]) for row in rows]
        facts = [(s, p, o) for s, p, o in said if s and isinstance(p, Iri) and o]
        counts = await self.known.counts()
        [dataset] = {
            s.value
            for s, p, o in facts
            if isinstance(s, Iri) and (p, o) == (self._iri("rdf:type"), self._iri("dcat:Dataset"))
        }
        places = dict(self._places(facts, base))
        forms = {o for s, p, o in facts if p == self._iri("dcat:distribution")}
        kept = [fact for fact in facts if not {fact[0], fact[2]} & (forms - places.keys())]
        statistics = results.ours(counted(dataset, counts, self.prefixes))
        return _sorted([*kept, *self._found_at(Iri(dataset), places, base), *statistics])

    def examples(self, base: str) -> Triples:
        """Give every question as executable SPARQL that is to be sent to this endpoint."""
        found: list[Triple] = []
        for question in self.catalogue:
            found += described(question, self.prefixes)
            query = Iri(self.prefixes["query"] + question.name)
            found.append((query, self._iri("schema:target"), Iri(base + SPARQL)))
        return _sorted(found)

    async def summary(self, base: str) -> str:
        """Say in Markdown what this is and how to use it, as https://llmstxt.org/ has it."""
        whole, graphs = (await self.known.counts()).triples, len(await self.known.graphs())
        facts = [row for row in await self.known.dataset() if _is_english(row[2])]
        title, about = (
            next((str(value) for _, said, value in facts if said == self._iri(name)), "")
            for name in ("dcterms:title", "dcterms:description")
        )
        questions = "\n".join(
            f"- [{one.title}]({base}/questions/{one.name}): {one.question}"
            for one in self.catalogue
        )
        return f"""# {title}

> {about}

{whole:,} facts in {graphs} named graphs, each with its source. A day is asked about, never assumed.
What is contested is a claim by somebody; what is not known is "no data", never "no". Identifiers
begin with {self.prefixes.base} and answer under {base} too.

## Ask

- [SPARQL 1.1 endpoint]({base}{SPARQL}): GET with `query=`, or POST; the default graph is the union
- [Questions]({base}/questions): ready-made, with parameters, as JSON or CSV
- [Ontology]({base}/def/): what the classes and properties mean
- [Example queries]({base}{EXAMPLES}): the questions as SPARQL, in Turtle
- [Description]({base}/void): VoID and DCAT with statistics, licence and publisher
- [Dump]({base}{DUMP}): every fact as N-Quads
- [OpenAPI]({base}/openapi.json): this service for programs

## Questions

{questions}
"""

    def _places(self, facts: Iterable[Triple], base: str) -> Iterator[tuple[Term, Iri]]:
        """Give the addresses of those forms of the whole that the service sends."""
        names = {s: str(o) for s, p, o in facts if p == self._iri("dcterms:identifier")}
        for form, said, media_type in facts:
            if said != self._iri("dcat:mediaType") or form not in names:
                continue
            name = str(media_type).removeprefix(_MEDIA_TYPES)
            if name == media.N_QUADS.media_type:
                yield form, Iri(base + DUMP)
            for written_as in (media.TURTLE, media.N_TRIPLES, media.RDF_XML):
                if name == written_as.media_type:
                    yield form, Iri(f"{base}{STORE}?default&format={written_as.name}")

    def _found_at(self, dataset: Iri, places: dict[Term, Iri], base: str) -> Iterator[Triple]:
        iri = self._iri
        access = Iri(f"{base}{SPARQL}#access")
        yield dataset, iri("void:sparqlEndpoint"), Iri(base + SPARQL)
        yield dataset, iri("void:vocabulary"), Iri(self.prefixes["erga"])
        for form, place in places.items():
            yield form, iri("dcat:downloadURL"), place
            yield form, iri("dcat:accessURL"), place
            yield dataset, iri("void:dataDump"), place
        yield access, iri("rdf:type"), iri("dcat:DataService")
        yield access, iri("dcterms:title"), Literal("SPARQL", Literal.LANG_STRING, "en")
        yield access, iri("dcat:endpointURL"), Iri(base + SPARQL)
        yield access, iri("dcat:endpointDescription"), Iri(base + SPARQL)
        yield access, iri("dcat:servesDataset"), dataset
        yield access, iri("dcterms:conformsTo"), Iri("http://www.w3.org/TR/sparql11-protocol/")

    def _service(
        self, base: str, whole: int, graphs: Iterable[tuple[str, int]], settings: Settings
    ) -> Iterator[Triple]:
        iri = self._iri
        endpoint = base + SPARQL
        service, dataset, union = (Iri(f"{endpoint}#{name}") for name in ("it", "dataset", "union"))
        limits = (
            f"A query may take {settings.time_limit:g} s, and an answer have"
            f" {settings.row_limit:,} rows and {settings.answer_limit:,} bytes. SERVICE may name"
            f" {settings.service_allowed or 'no other endpoint'}; graphs of elsewhere are refused."
        )
        yield service, iri("rdf:type"), iri("sd:Service")
        yield service, iri("sd:endpoint"), Iri(endpoint)
        yield service, iri("sd:supportedLanguage"), iri("sd:SPARQL11Query")
        yield service, iri("sd:feature"), iri("sd:UnionDefaultGraph")
        yield service, iri("sd:defaultDataset"), dataset
        yield service, iri("rdfs:comment"), Literal(limits, Literal.LANG_STRING, "en")
        yield service, iri("rdfs:seeAlso"), Iri(base + EXAMPLES)
        for name in _WRITTEN.values():
            yield service, iri("sd:resultFormat"), Iri(_FORMATS + name)
        yield dataset, iri("rdf:type"), iri("sd:Dataset")
        yield dataset, iri("sd:defaultGraph"), union
        yield from self._sized(union, whole)
        for graph, facts in graphs:
            local = graph.removeprefix(self.prefixes["graph"])
            named, content = Iri(f"{endpoint}#named/{local}"), Iri(f"{endpoint}#graph/{local}")
            yield dataset, iri("sd:namedGraph"), named
            yield named, iri("rdf:type"), iri("sd:NamedGraph")
            yield named, iri("sd:name"), Iri(graph)
            yield named, iri("sd:graph"), content
            yield from self._sized(content, facts)

    def _sized(self, graph: Iri, facts: int) -> Iterator[Triple]:
        yield graph, self._iri("rdf:type"), self._iri("sd:Graph")
        yield graph, self._iri("void:triples"), Literal(str(facts), Literal.INTEGER)

    def _iri(self, curie: str) -> Iri:
        return Iri(self.prefixes.iri(curie))


def editing(query: str) -> str:
    """Give the path of the page that has a query in its editor, without asking it."""
    return f"{SPARQL}?{urllib.parse.urlencode({'edit': '1', 'query': query.strip()})}"


def address(scope: Scope) -> str:
    """Give the public address of the service, without a slash at its end.

    It is what the settings say, or else the address under which the caller came.
    """
    if public := scope.get("public_url"):
        return str(public)
    host = field(scope, b"host")
    if not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = name if port is None else f"{name}:{port}"
    root: str = scope.get("root_path", "")
    return f"{scope.get('scheme', 'http')}://{host}{root.rstrip('/')}"


def field(scope: Scope, name: bytes) -> str:
    """Give a field of the request; what is sent in several lines is one list."""
    return b", ".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def _is_english(value: Term | None) -> bool:
    return isinstance(value, Literal) and value.language == "en"


def _sorted(found: Iterable[Triple]) -> Triples:
    return Triples(tuple(sorted(set(found), key=str)))
