"""pySHACL, given what it needs to be quick about a large graph.

It stays the judge of everything: it reads the shapes, walks the paths, tests each constraint and
writes the report. Some things around it spare it work and change no result, which a test proves
beside pySHACL as it comes:

- the facts lie in plain dictionaries, each term made once;
- a property shape gets the targets of the node shapes that name it, so that it is asked about all
  its nodes at once and not about one after the other;
- a nested shape that was asked about a value is not asked about the same value again;
- the query of a SPARQL constraint is asked of Oxigraph once, about all nodes, and searched once
  for what it may not hold.
"""

import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Self

import pyoxigraph as ox
import pyshacl
import rdflib
from pyshacl import helper
from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS
from pyshacl.errors import ReportableRuntimeError
from pyshacl.graph_abstraction import DataGraph
from pyshacl.helper.sparql_query_helper import SPARQLQueryHelper
from pyshacl.monkey import apply_patches
from pyshacl.pytypes import GraphLike, SHACLExecutor
from rdflib.namespace import RDF, SH, XSD, NamespaceManager
from rdflib.query import Result
from rdflib.term import Variable

from ergaomnes.errors import OurFault
from ergaomnes.progress import Tell

Term = rdflib.URIRef | rdflib.BNode | rdflib.Literal

_Rows = tuple[list[Variable], Mapping[Term | None, list[Mapping[Variable, rdflib.term.Identifier]]]]

_THIS = Variable("this")
_TARGETS = (SH.targetClass, SH.targetNode, SH.targetObjectsOf, SH.targetSubjectsOf)
_NESTING = (SH.node, SH["not"], SH.qualifiedValueShape)
_LISTING = (SH["and"], SH["or"], SH.xone)


class _InFull(NamespaceManager):
    """Names in full: pySHACL shortens each for a text beside the report, which nobody reads."""

    def bind(self, *_: object, **__: object) -> None:
        pass

    def normalizeUri(self, rdfTerm: str) -> str:  # noqa: N802, N803 - the names that rdflib gives
        return f"<{rdfTerm}>"


class Facts(rdflib.Graph):
    """A graph in memory, to be filled once and read often."""

    def __init__(self, facts: Iterable[ox.Triple] = ()) -> None:
        super().__init__()
        self.namespace_manager = _InFull(self)
        self._of: dict[Any, dict[Any, dict[Any, None]]] = {}
        self._with: dict[Any, dict[Any, dict[Any, None]]] = {}
        self._given: list[ox.Triple] = []
        self._terms: dict[str, Term] = {}
        self._store: ox.Store | None = None
        self._answers: dict[str, _Rows] = {}
        self._size = 0
        self.include(facts)

    def include(self, facts: Iterable[ox.Triple]) -> None:
        """Add triples as pyoxigraph has them."""
        for fact in facts:
            self._given.append(fact)
            self.add(
                (self._term(fact.subject), self._term(fact.predicate), self._term(fact.object))
            )

    def _term(self, term: object) -> Term:
        # No IRI begins like a literal or a blank node.
        key = term.value if isinstance(term, ox.NamedNode) else str(term)
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = theirs(term)
        return found

    def add(self, triple: tuple[Any, Any, Any]) -> Self:
        """Add a triple."""
        subject, predicate, value = triple
        values = self._of.setdefault(subject, {}).setdefault(predicate, {})
        self._size += value not in values
        values[value] = None
        self._with.setdefault(predicate, {}).setdefault(value, {})[subject] = None
        return self

    def __len__(self) -> int:
        return self._size

    def __contains__(self, triple: object) -> bool:
        return any(True for _ in self.triples(triple))  # type: ignore[arg-type]

    def triples(self, triple: tuple[Any, Any, Any]) -> Iterator[tuple[Any, Any, Any]]:  # type: ignore[override]
        """Give the triples that match; None matches all."""
        subject, predicate, value = triple
        if subject is None:
            for one in list(self._with) if predicate is None else [predicate]:
                by = self._with.get(one, {})
                for each in list(by) if value is None else [value]:
                    for found in list(by.get(each, ())):
                        yield found, one, each
            return
        of = self._of.get(subject, {})
        for one in list(of) if predicate is None else [predicate]:
            values = of.get(one, {})
            if value is None:
                for each in list(values):
                    yield subject, one, each
            elif value in values:
                yield subject, one, value

    def objects(  # type: ignore[override]
        self, subject: object = None, predicate: object = None, unique: bool = False
    ) -> Iterator[object]:
        """Give the values of a property, the most frequent question of all."""
        if subject is None or predicate is None:
            return super().objects(subject, predicate, unique)  # type: ignore[arg-type]
        of = self._of.get(subject)
        return iter(of.get(predicate, ())) if of else iter(())

    # pySHACL gives these arguments by place.
    def query(  # type: ignore[override]
        self,
        text: str,
        _processor: str = "sparql",
        _result: str = "sparql",
        prefixes: Mapping[str, str] | None = None,
        bindings: Mapping[str, Term] | None = None,
        _use_store_provided: bool = True,
    ) -> Result:
        """Answer the query of a SPARQL constraint about one node.

        It is asked once, about every node, which is as good and much faster as long as each row
        says what it is about (https://www.w3.org/TR/shacl/#pre-binding).
        """
        if text not in self._answers:
            self._answers[text] = self._rows_of(text, dict(prefixes or {}))
        if bindings is None or set(bindings) != {"this"}:
            raise OurFault(f"A SPARQL constraint speaks of more than $this: {text}")
        answer = Result("SELECT")
        answer.vars, rows = self._answers[text]
        answer.bindings = list(rows.get(bindings["this"], ()))
        return answer

    def _rows_of(self, text: str, prefixes: dict[str, str]) -> _Rows:
        if self._store is None:
            self._store = ox.Store()
            self._store.bulk_extend(
                ox.Quad(one.subject, one.predicate, one.object) for one in self._given
            )
        solutions = self._store.query(text, prefixes=prefixes)
        assert isinstance(solutions, ox.QuerySolutions)  # noqa: S101 - sh:select is a SELECT
        columns = [Variable(variable.value) for variable in solutions.variables]
        rows: dict[Any, list[Mapping[Variable, rdflib.term.Identifier]]] = defaultdict(list)
        for row in solutions:
            terms = zip(columns, row, strict=True)
            bound = {column: self._term(term) for column, term in terms if term is not None}
            if _THIS not in bound:
                raise OurFault(f"A SPARQL constraint leaves $this open: {text}")
            rows[bound[_THIS]].append(bound)
        return columns, rows


class Rules:
    """Shapes made ready to be applied to many graphs, one after the other."""

    def __init__(self, name: str, shapes: rdflib.Graph) -> None:
        self.name = name
        self.graph = shapes
        self._graph = Facts()
        for fact in _spread(shapes):
            self._graph.add(fact)
        self._shapes = _Shapes(self._graph)

    def report(self, data: Facts, tell: Tell | None = None) -> rdflib.Graph:
        """Write the W3C report on a graph, telling which of the shapes is applied."""
        self._shapes.start(tell and partial(tell, self.name))
        apply_patches()  # type: ignore[no-untyped-call]
        validator = pyshacl.Validator(
            DataGraph.from_rdflib(data), shacl_graph=self._graph, options={"inplace": True}
        )
        validator.shacl_graph = self._shapes
        try:
            _, report, _ = validator.run()  # type: ignore[no-untyped-call]
        except ReportableRuntimeError as error:
            raise OurFault(f"The shapes cannot be applied: {error}") from error
        finally:
            self._shapes.start(None)
        assert isinstance(report, rdflib.Graph)  # noqa: S101 - as it is written
        return report


class _Shapes(pyshacl.ShapesGraph):
    """Shapes that remember, while one graph is judged, what nested ones said of each value."""

    def __init__(self, graph: rdflib.Graph) -> None:
        super().__init__(graph)
        self._constraints: dict[rdflib.IdentifiedNode, Sequence[tuple[Any, Any]]] = {}
        self.start(None)

    def start(self, tell: Callable[[int, int], None] | None) -> None:
        self._asked: dict[object, _Asked] = {}
        self._tell = tell

    @property
    def shapes(self) -> Iterator[pyshacl.Shape]:
        every = list(super().shapes)
        for done, shape in enumerate(every):
            if self._tell is not None:
                self._tell(done, len(every))
            yield shape

    def predicate_objects(self, s: rdflib.IdentifiedNode) -> Sequence[tuple[Any, Any]]:
        # Read anew for each nested shape and value, to find its constraints.
        if s not in self._constraints:
            self._constraints[s] = [
                (predicate, value)
                for predicate, value in self.graph.predicate_objects(s)
                if predicate in ALL_CONSTRAINT_PARAMETERS
            ]
        return self._constraints[s]

    def lookup_shape_from_node(self, node: rdflib.IdentifiedNode) -> pyshacl.Shape:
        if node not in self._asked:
            self._asked[node] = _Asked(super().lookup_shape_from_node(node))
        return self._asked[node]


class _Asked(pyshacl.Shape):
    """A shape that another one refers to."""

    def __init__(self, shape: pyshacl.Shape) -> None:
        path = shape.path()  # type: ignore[no-untyped-call]  # as pySHACL has it
        super().__init__(shape.sg, shape.node, p=shape.is_property_shape, path=path)
        self._said: dict[object, tuple[bool, list[object]]] = {}

    def validate(
        self,
        executor: SHACLExecutor,
        target_graph: GraphLike,
        focus: Any = None,  # noqa: ANN401 - one term here, and a list of them in the shape itself
        _evaluation_path: list[Any] | None = None,
    ) -> tuple[bool, list[object]]:
        if focus not in self._said:
            self._said[focus] = super().validate(executor, target_graph, focus, _evaluation_path)
        return self._said[focus]


class _Query(SPARQLQueryHelper):
    """The query of a constraint; pySHACL searches its text anew for each node."""

    _sound: ClassVar[set[str]] = set()

    def check_invalid_sparql(
        self, sparql_text: str, valuenode: object = None, extravars: object = None
    ) -> bool:
        if sparql_text not in self._sound:
            check = super().check_invalid_sparql
            check(sparql_text, valuenode, extravars)  # type: ignore[no-untyped-call]
            self._sound.add(sparql_text)
        return True


# The one place at which pySHACL says which class reads a query.
helper.SPARQLQueryHelperCls = _Query  # type: ignore[attr-defined]


class _Unordered(rdflib.Literal):
    """A literal such as "2021-02-30"^^xsd:date, which is neither before nor after any other.

    rdflib raises TypeError when it is compared; by the standard a pair that cannot be compared is a
    result of sh:lessThan (https://www.w3.org/TR/shacl/#LessThanConstraintComponent).
    """

    __slots__ = ()

    def __lt__(self, _: object) -> bool:
        return False

    def __le__(self, _: object) -> bool:
        return False

    def __gt__(self, _: object) -> bool:
        return False

    def __ge__(self, _: object) -> bool:
        return False


def theirs(term: object) -> Term:
    """Give rdflib's term for one of pyoxigraph's, with its lexical form untouched."""
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return rdflib.BNode(term.value)
    assert isinstance(term, ox.Literal)  # noqa: S101 - triple terms are refused when parsing
    if term.language:
        return rdflib.Literal(term.value, lang=term.language)
    datatype = rdflib.URIRef(term.datatype.value)
    # rdflib holds "x" and "x"^^xsd:string apart, and RDF 1.1 does not: one form for both.
    if datatype == XSD.string:
        return rdflib.Literal(term.value)
    made = rdflib.Literal(term.value, datatype=datatype, normalize=False)
    if made.ill_typed:
        return _Unordered(term.value, datatype=datatype, normalize=False)
    return made


def _spread(shapes: rdflib.Graph) -> set[tuple[object, object, object]]:
    """Let each property shape have the targets of the node shapes that name it.

    By https://www.w3.org/TR/shacl/#PropertyConstraintComponent the results are the same. A shape
    is left as it is when others refer to it, when it is a class too, or when it matters which
    properties it names.
    """
    referred = {value for predicate in _NESTING for value in shapes.objects(None, predicate)}
    for predicate in _LISTING:
        for members in shapes.objects(None, predicate):
            referred |= set(shapes.items(members))
    facts: set[tuple[object, object, object]] = set(shapes)
    for shape, named in shapes.subject_objects(SH.property):
        targets = [
            (predicate, value)
            for predicate in _TARGETS
            for value in shapes.objects(shape, predicate)
        ]
        as_it_is = (
            shape in referred
            or set(shapes.objects(shape, RDF.type)) != {SH.NodeShape}
            or (shape, SH.closed, None) in shapes
            or (shape, SH.deactivated, None) in shapes
            or (named, SH.qualifiedValueShapesDisjoint, None) in shapes
        )
        if targets and not as_it_is:
            facts.remove((shape, SH.property, named))
            facts |= {(named, predicate, value) for predicate, value in targets}
    return facts


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a graph be made and judged without what only costs time."""
    # rdflib logs a traceback for each "2021-02-30"^^xsd:date; the shapes report it in words. And
    # while millions of small things are made, looking for cycles among them finds none.
    logger = logging.getLogger("rdflib.term")
    before, logger.disabled = logger.disabled, True
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        logger.disabled = before
        if collects:
            gc.enable()
