"""The embedded engine: shipped files in named graphs, asked as one graph."""

from collections.abc import Iterable
from pathlib import Path

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    NamedNode,
    Quad,
    QueryBoolean,
    QuerySolutions,
    RdfFormat,
    Store,
    Triple,
    serialize,
)
from pyoxigraph import Literal as OxLiteral

from ergaomnes.engine import Answer, Blank, Iri, Literal, Table, Term, Triples, Truth
from ergaomnes.errors import QueryKind, QuerySyntax
from ergaomnes.shipped import Shipped
from ergaomnes.terms import Prefixes
from ergaomnes.turtle import read, triples

OxTerm = NamedNode | BlankNode | OxLiteral


class EmbeddedEngine:
    """An engine over a pyoxigraph store; the default graph of a query is the union of all graphs.

    It neither limits nor guards a query: what strangers send goes through `guard` and `worker`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def of_dump(cls, dump: Path) -> "EmbeddedEngine":
        """Load an N-Quads file into memory."""
        store = Store()
        store.bulk_load(path=str(dump), format=RdfFormat.N_QUADS)
        return cls(store)

    def query(self, text: str) -> Answer:
        """Answer one query."""
        answer = self._run(text)
        if isinstance(answer, QueryBoolean):
            return Truth(bool(answer))
        if isinstance(answer, QuerySolutions):
            columns = tuple(variable.value for variable in answer.variables)
            return Table(columns, tuple(_row(solution, len(columns)) for solution in answer))
        return Triples(tuple(sorted({_triple(found) for found in answer}, key=str)))

    def select(self, text: str) -> Table:
        """Answer a SELECT."""
        answer = self.query(text)
        if not isinstance(answer, Table):
            raise QueryKind(_KINDS[type(answer)], _KINDS[Table])
        return answer

    def ask(self, text: str) -> bool:
        """Answer an ASK."""
        answer = self.query(text)
        if not isinstance(answer, Truth):
            raise QueryKind(_KINDS[type(answer)], _KINDS[Truth])
        return answer.value

    def construct(self, text: str) -> Triples:
        """Answer a CONSTRUCT or DESCRIBE."""
        answer = self.query(text)
        if not isinstance(answer, Triples):
            raise QueryKind(_KINDS[type(answer)], _KINDS[Triples])
        return answer

    def add(self, graph: str, triples: Triples) -> int:
        """Add what no graph says yet to a named graph; give the number of triples that are new."""
        name = NamedNode(graph)
        before = len(self.store)
        for subject, predicate, target in triples:
            node, link, value = theirs(subject), NamedNode(predicate.value), theirs(target)
            if isinstance(node, OxLiteral):
                continue  # a CONSTRUCT drops these too: https://www.w3.org/TR/sparql11-query/#construct
            if next(self.store.quads_for_pattern(node, link, value), None) is None:
                self.store.add(Quad(node, link, value, name))
        return len(self.store) - before

    def _run(self, text: str) -> QuerySolutions | QueryBoolean | Iterable[Triple]:
        try:
            return self.store.query(text, use_default_graph_as_union=True)
        except SyntaxError as error:
            raise QuerySyntax(str(error.msg)) from None


_KINDS: dict[type, str] = {Table: "rows", Truth: "yes or no", Triples: "triples"}


def load_file(store: Store, file: Path, graph: str) -> int:
    """Load one Turtle file into a named graph; give the number of its triples."""
    name = NamedNode(graph)
    found = triples(read(file), str(file))
    store.extend(Quad(one.subject, one.predicate, one.object, name) for one in found)
    return len(found)


def load_shipped(files: Shipped, prefixes: Prefixes) -> Store:
    """Load the shipped files into a store in memory, without the results of the rules."""
    store = Store()
    for file in files.turtle_files():
        load_file(store, file, graph_of(file, files, prefixes))
    return store


def graph_of(file: Path, files: Shipped, prefixes: Prefixes) -> str:
    """Name the graph of a shipped file: each file is one graph, called after its path."""
    return prefixes["graph"] + files.name_of(file)


def canonical_lines(quads: Iterable[Quad]) -> list[bytes]:
    """Write sorted N-Quads lines, blank nodes named by RDFC-1.0: same facts, same bytes."""
    dataset = Dataset(quads)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    text = serialize(dataset, format=RdfFormat.N_QUADS)
    assert text is not None  # noqa: S101 - bytes come back where no output is given
    return sorted(text.splitlines(keepends=True))


def own(term: OxTerm) -> Term:
    """Give one of our terms for one of pyoxigraph's."""
    if isinstance(term, NamedNode):
        return Iri(term.value)
    if isinstance(term, BlankNode):
        return Blank(term.value)
    return Literal(term.value, term.datatype.value, term.language or "")


def theirs(term: Term) -> OxTerm:
    """Give one of pyoxigraph's terms for one of ours."""
    if isinstance(term, Iri):
        return NamedNode(term.value)
    if isinstance(term, Blank):
        return BlankNode(term.value)
    if term.language:
        return OxLiteral(term.value, language=term.language)
    return OxLiteral(term.value, datatype=NamedNode(term.datatype))


def _row(solution: Iterable[object], width: int) -> tuple[Term | None, ...]:
    cells = tuple(_own_or_none(term) for term in solution)
    assert len(cells) == width  # noqa: S101 - a solution has one place for each variable
    return cells


def _own_or_none(term: object) -> Term | None:
    return own(term) if isinstance(term, NamedNode | BlankNode | OxLiteral) else None


def _triple(found: Triple) -> tuple[Term, Iri, Term]:
    return _node(found.subject), Iri(found.predicate.value), _node(found.object)


def _node(term: object) -> Term:
    assert isinstance(term, NamedNode | BlankNode | OxLiteral)  # noqa: S101 - no triple terms here
    return own(term)
