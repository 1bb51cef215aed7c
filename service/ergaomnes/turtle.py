"""The one hand that writes Turtle; it changes no fact, or it writes nothing."""

import contextlib
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    Literal,
    NamedNode,
    Quad,
    RdfFormat,
    Triple,
    parse,
)

from ergaomnes.errors import CommentsInTurtle, FactsChanged, NoSuchFile, TurtleSyntax
from ergaomnes.terms import Prefixes

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal

WIDTH = 100
DEEPEST = 40  # anonymous nodes nested deeper than this get a label of their own

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_TYPE, _FIRST, _REST, _NIL = (NamedNode(_RDF + name) for name in ("type", "first", "rest", "nil"))
_ONTOLOGY = NamedNode("http://www.w3.org/2002/07/owl#Ontology")
_LEADING = (
    _TYPE.value,
    *(_SKOS + name for name in ("prefLabel", "altLabel", "definition", "scopeNote", "example")),
)
# Only what the short form gives back letter by letter is written short.
_SHORT_FORMS = {
    _XSD + "integer": re.compile(r"0|-?[1-9][0-9]*"),
    _XSD + "decimal": re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+"),
    _XSD + "boolean": re.compile(r"true|false"),
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TO_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]')
_TO_ESCAPE_LONG = re.compile(
    r'\\|"(?=""|$)|"(?="\Z)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]'
)
_PARSER_WHERE = re.compile(
    r"^Parser error at line \d+ (?:column|between columns?) .*?: ", re.DOTALL
)
_COMMENT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r"|<[^<>\s]*>"
    r"|\\."
    r"|(?P<comment>\#[^\n]*)",
    re.DOTALL,
)


def read(file: Path) -> str:
    """Read a text file as UTF-8, line ends as they are."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise NoSuchFile(str(file), "there is no such file") from None
    except IsADirectoryError:
        raise NoSuchFile(str(file), "this is a folder") from None
    except OSError as error:
        raise NoSuchFile(str(file), error.strerror or "it cannot be read") from None
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise TurtleSyntax(str(file), line, column, "this is not UTF-8 text") from None


def triples(text: str, file: str = "text") -> list[Triple]:
    """Parse Turtle; a fault is a TurtleSyntax with file, line and column."""
    found: list[Triple] = []
    try:
        # The label of a blank node is the file's own: two files may both call one `_:b1`.
        for quad in parse(text.encode("utf-8"), format=RdfFormat.TURTLE, rename_blank_nodes=True):
            if isinstance(quad.object, Triple):
                raise TurtleSyntax(file, 1, 1, "triple terms (RDF 1.2) are not used here")
            found.append(quad.triple)
    except SyntaxError as error:
        why = _PARSER_WHERE.sub("", error.msg).strip()
        raise TurtleSyntax(file, error.lineno or 1, error.offset or 1, why) from None
    return found


def comment_lines(text: str) -> list[int]:
    """Give the lines on which a comment stands."""
    return [
        text.count("\n", 0, found.start()) + 1
        for found in _COMMENT.finditer(text)
        if found["comment"] is not None
    ]


def canonical(statements: Iterable[Triple]) -> frozenset[str]:
    """Give the facts of a graph, blank nodes named by RDFC-1.0, so that graphs can be compared."""
    return frozenset(str(quad) for quad in _canonicalised(statements))


def formatted(
    text: str, prefixes: Prefixes, *, file: str = "text", drop_comments: bool = False
) -> str:
    """Give the same facts in the house form."""
    before = triples(text, file)
    if not drop_comments and (lines := comment_lines(text)):
        raise CommentsInTurtle(file, lines)
    return write(before, prefixes, file=file)


def write(statements: Iterable[Triple], prefixes: Prefixes, *, file: str = "text") -> str:
    """Write a graph in the house form; raise FactsChanged when the text would say anything else."""
    facts = _canonicalised(statements)
    text = _Page(facts, prefixes).text()
    before = frozenset(str(quad) for quad in facts)
    try:
        after = canonical(triples(text, file))
    except TurtleSyntax as error:
        raise FactsChanged(file, sorted(before), [str(error)]) from error
    if before != after:
        raise FactsChanged(file, sorted(before - after), sorted(after - before))
    return text


def replace(file: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".new")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        temporary.chmod(mode)
        temporary.replace(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _canonicalised(statements: Iterable[Triple]) -> Dataset:
    dataset = Dataset(Quad(one.subject, one.predicate, one.object) for one in statements)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return dataset


@dataclass
class _Page:
    """One graph on its way to text."""

    facts: Dataset
    prefixes: Prefixes
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.about: dict[Node, dict[NamedNode, list[Term]]] = defaultdict(dict)
        self.uses: dict[BlankNode, int] = defaultdict(int)
        for quad in self.facts:
            self.about[quad.subject].setdefault(quad.predicate, []).append(quad.object)
            if isinstance(quad.object, BlankNode):
                self.uses[quad.object] += 1
        self.cells = self._cells()
        self.labels = self._labels()

    def text(self) -> str:
        named = sorted(
            (node for node in self.about if isinstance(node, NamedNode)),
            key=lambda node: (_ONTOLOGY not in self.about[node].get(_TYPE, ()), node.value),
        )
        blocks = [self._block(self._iri(node), node) for node in named]
        blocks += [
            self._block(label, node) for node, label in self.labels.items() if self.about.get(node)
        ]
        blocks += sorted(
            self._block("[]", node)
            for node in self.about
            if isinstance(node, BlankNode) and node not in self.labels and not self.uses[node]
        )
        declared = "".join(
            f"@prefix {prefix}: <{self.prefixes[prefix]}> .\n" for prefix in sorted(self.used)
        )
        return "\n".join([declared, *blocks] if declared else blocks)

    # which anonymous nodes need a label

    def _labels(self) -> dict[BlankNode, str]:
        """Label what is used twice, stands in a cycle or is nested too deep."""
        everything = sorted(
            {node for node in self.about if isinstance(node, BlankNode)} | set(self.uses),
            key=lambda node: int(node.value.removeprefix("c14n")),
        )
        labelled = {node for node in everything if self.uses[node] > 1}
        placed = set(labelled)
        self._place([node for node in self.about if isinstance(node, NamedNode)], placed, labelled)
        self._place(sorted(labelled, key=str), placed, labelled)
        roots = [node for node in everything if not self.uses[node]]
        placed.update(roots)
        self._place(roots, placed, labelled)
        for node in everything:
            if node not in placed:  # only what stands in a cycle is left
                labelled.add(node)
                placed.add(node)
                self._place([node], placed, labelled)
        in_order = (node for node in everything if node in labelled)
        return {node: f"_:b{number}" for number, node in enumerate(in_order, start=1)}

    def _place(
        self, roots: Iterable[Node], placed: set[BlankNode], labelled: set[BlankNode]
    ) -> None:
        """Follow the nodes that can be nested under the roots."""
        waiting: list[tuple[Node, int]] = [(root, 0) for root in roots]
        while waiting:
            node, depth = waiting.pop()
            for predicate, objects in self.about.get(node, {}).items():
                for target in objects:
                    if not isinstance(target, BlankNode) or target in placed:
                        continue
                    placed.add(target)
                    # The cells of a list stand beside one another, not inside one another.
                    inner = depth if predicate == _REST and target in self.cells else depth + 1
                    if inner > DEEPEST:
                        labelled.add(target)
                        inner = 0
                    waiting.append((target, inner))

    def _cells(self) -> set[BlankNode]:
        """Give the cells of lists that end, walking back from their ends."""
        cells: set[BlankNode] = set()
        ends: list[BlankNode] = []
        before: dict[Term, BlankNode] = {}
        for node, said in self.about.items():
            if not isinstance(node, BlankNode) or said.keys() != {_FIRST, _REST}:
                continue
            if len(said[_FIRST]) == len(said[_REST]) == 1:
                before[said[_REST][0]] = node
                if said[_REST][0] == _NIL:
                    ends.append(node)
        for end in ends:
            cell: BlankNode | None = end
            while cell is not None:
                cells.add(cell)
                cell = before.get(cell) if self.uses[cell] == 1 else None
        return cells

    def _members(self, node: BlankNode) -> list[Term] | None:
        """Give the members of a list that can be written in brackets, else None."""
        members: list[Term] = []
        here: Term = node
        while here != _NIL:
            if not isinstance(here, BlankNode) or here in self.labels or here not in self.cells:
                return None
            members.append(self.about[here][_FIRST][0])
            here = self.about[here][_REST][0]
        return members

    # writing

    def _block(self, subject: str, node: Node) -> str:
        return f"{subject}\n{self._body(node, '  ')}.\n"

    def _body(self, node: Node, indent: str) -> str:
        return "".join(
            self._line(predicate, objects, indent)
            for predicate, objects in sorted(self.about[node].items(), key=self._predicate_order)
        )

    def _line(self, predicate: NamedNode, objects: list[Term], indent: str) -> str:
        name = "a" if predicate == _TYPE else self._iri(predicate)
        if len(objects) == 1:
            return f"{indent}{name} {self._term(objects[0], indent)} ;\n"
        inner = indent + "  "
        written = sorted((_object_order(each), self._term(each, inner)) for each in objects)
        return f"{indent}{name}\n" + " ,\n".join(inner + text for _, text in written) + " ;\n"

    def _predicate_order(self, item: tuple[NamedNode, list[Term]]) -> tuple[int, str]:
        iri = item[0].value
        place = _LEADING.index(iri) if iri in _LEADING else len(_LEADING)
        return place, self.prefixes.curie(iri) or f"<{iri}>"

    def _term(self, term: Term, indent: str) -> str:
        if isinstance(term, NamedNode):
            return "()" if term == _NIL else self._iri(term)
        if isinstance(term, Literal):
            return self._literal(term)
        if term in self.labels:
            return self.labels[term]
        members = self._members(term)
        return self._anonymous(term, indent) if members is None else self._list(members, indent)

    def _iri(self, node: NamedNode) -> str:
        prefix, curie = self.prefixes.prefix_of(node.value), self.prefixes.curie(node.value)
        if prefix is None or curie is None:
            return str(node)
        self.used.add(prefix)
        return curie

    def _literal(self, literal: Literal) -> str:
        value, datatype = literal.value, literal.datatype
        if literal.language:
            # The suffix holds a base direction too, where there is one.
            return quoted(value) + _suffix(literal)
        if datatype.value == _XSD + "string":
            return quoted(value)
        short = _SHORT_FORMS.get(datatype.value)
        if short and short.fullmatch(value):
            return value
        return f"{quoted(value)}^^{self._iri(datatype)}"

    def _list(self, members: list[Term], indent: str) -> str:
        inner = indent + "  "
        written = [self._term(member, inner) for member in members]
        line = f"( {' '.join(written)} )"
        if "\n" not in line and len(indent) + len(line) < WIDTH - 30:
            return line
        return "(\n" + "".join(f"{inner}{text}\n" for text in written) + f"{indent})"

    def _anonymous(self, node: BlankNode, indent: str) -> str:
        if not self.about.get(node):
            return "[]"
        body = self._body(node, indent + "  ")
        if body.count("\n") == 1:
            line = f"[ {body.strip().removesuffix(' ;')} ]"
            if len(indent) + len(line) < WIDTH - 30:
                return line
        return f"[\n{body}{indent}]"


def quoted(value: str) -> str:
    """Write a string; one with line breaks in three quotes, so that it can be read."""
    if "\n" in value:
        return f'"""{_TO_ESCAPE_LONG.sub(_escape, value)}"""'
    return f'"{_TO_ESCAPE.sub(_escape, value)}"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04X}"


def _suffix(literal: Literal) -> str:
    written = str(literal)
    return written[written.rindex('"') + 1 :]


def _object_order(term: Term) -> tuple[int, str, str, str]:
    if isinstance(term, NamedNode):
        return 0, "", term.value, ""
    if isinstance(term, Literal):
        return 1, term.language or "", term.value, term.datatype.value
    return 2, "", "", ""
