"""JSON-LD that reads as plain JSON: short names for our terms, one record a subject.

The context is made from the ontology and from what is used; whoever knows no RDF need not open it.
A value that does not fit what the context says of its term is written in full, so that the
document says exactly what the graph says.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from ergaomnes.engine import Iri, Table
from ergaomnes.store import EmbeddedEngine
from ergaomnes.terms import Prefixes

CONTEXT = "context.jsonld"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPE, _LANG_STRING = _RDF + "type", _RDF + "langString"
_STRING, _INTEGER, _BOOLEAN = (_XSD + name for name in ("string", "integer", "boolean"))
_PLAIN = {_STRING, _INTEGER, _BOOLEAN}  # what JSON has a form for
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
_TRUTHS = {"true": True, "false": False}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_ID, _LANGUAGE = "@id", "@language"
_ALIASES = {"id": _ID, "type": "@type"}

DECLARED = """
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX sh: <http://www.w3.org/ns/shacl#>
SELECT ?property ?holds
WHERE {
  { ?property a owl:ObjectProperty . }
  UNION
  {
    ?shape sh:path ?property ;
      sh:datatype ?holds .
    FILTER(ISIRI(?property))
  }
}
ORDER BY ?property ?holds
"""

Json = str | int | bool | dict[str, "Json"] | list["Json"]


@dataclass(frozen=True)
class Context:
    """The short names, and what each stands for."""

    prefixes: Prefixes
    terms: Mapping[str, str]
    """From the IRI of a property or class to its short name."""
    forms: Mapping[str, str]
    """From the IRI of a property to `@id`, `@language` or a datatype, where it has one form."""
    _compacted: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        """Write the context as the file that the document names."""
        entries: dict[str, Json] = {"@version": 1.1}  # type: ignore[dict-item]  # the one float
        entries |= _ALIASES
        for prefix, namespace in self.prefixes.namespaces.items():
            if prefix in _ALIASES:
                continue
            usable = namespace[-1] in ":/?#[]@"
            entries[prefix] = namespace if usable else {"@id": namespace, "@prefix": True}
        for iri, name in sorted(self.terms.items(), key=lambda item: item[1]):
            form = self.forms.get(iri)
            target = iri if ":" in name else self.compact(iri)
            if form is None:
                entries[name] = target
            elif form == _LANGUAGE:
                entries[name] = {"@id": target, "@container": _LANGUAGE}
            else:
                entries[name] = {
                    "@id": target,
                    "@type": form if form == _ID else self.compact(form),
                }
        return json.dumps({"@context": entries}, ensure_ascii=False, indent=2).encode() + b"\n"

    def compact(self, iri: str) -> str:
        """Shorten an IRI with a prefix."""
        if iri not in self._compacted:
            short = self.prefixes.short(iri)
            prefix, _, local = short.partition(":")
            unusable = prefix in _ALIASES or local.startswith("//")
            self._compacted[iri] = iri if unusable else short
        return self._compacted[iri]


def context(triples: Iterable[Triple], engine: EmbeddedEngine, prefixes: Prefixes) -> Context:
    """Make the context for a graph: what the ontology and shapes declare, else what is seen."""
    seen: dict[str, set[str]] = defaultdict(set)
    classes: set[str] = set()
    for triple in triples:
        seen[triple.predicate.value].add(_form(triple.object))
        if triple.predicate.value == _TYPE and isinstance(triple.object, NamedNode):
            classes.add(triple.object.value)
    return context_of(seen, classes, engine.select(DECLARED), prefixes)


def context_of(
    seen: Mapping[str, set[str]], classes: set[str], declarations: Table, prefixes: Prefixes
) -> Context:
    """Make the context from the datatypes seen (`@id` is no datatype) and the rows of DECLARED."""
    declared: dict[str, set[str]] = defaultdict(set)
    for row in declarations:
        subject, holds = row["property"], row["holds"]
        if isinstance(subject, Iri):
            declared[subject.value].add(holds.value if isinstance(holds, Iri) else _ID)
    used = {iri: held for iri, held in seen.items() if iri != _TYPE}
    forms = {}
    for iri in used | declared:
        held = declared.get(iri) or used[iri]
        only = next(iter(held)) if len(held) == 1 else ""
        if only and only not in _PLAIN:
            forms[iri] = _LANGUAGE if only == _LANG_STRING else only
    return Context(prefixes, _names(set(used) | classes, prefixes["erga"], prefixes), forms)


def write_document(
    triples: Iterable[Triple], names: Context, out: IO[bytes], address: str = CONTEXT
) -> None:
    """Write a graph whose triples stand sorted by subject, a record at a time.

    `address` is where the context is found from the document.
    """
    out.write(b'{\n"@context": ' + json.dumps(address).encode() + b',\n"@graph": [')
    for number, record in enumerate(_records(triples, names)):
        out.write(b",\n" if number else b"\n")
        out.write(json.dumps(record, ensure_ascii=False, indent=1).encode())
    out.write(b"\n]\n}\n")


def _names(iris: set[str], own: str, prefixes: Prefixes) -> dict[str, str]:
    """Give each term its local name, ours first; a prefixed name where that is taken."""
    taken = set(prefixes.namespaces) | set(_ALIASES)
    names = {}
    for iri in sorted(iris, key=lambda each: (not each.startswith(own), each)):
        short = prefixes.short(iri)
        name = short.partition(":")[2]
        if _NAME.fullmatch(name) and name not in taken and short != iri:
            taken.add(name)
            names[iri] = name
        elif short != iri:
            names[iri] = short
    return names


def _records(triples: Iterable[Triple], names: Context) -> Iterator[dict[str, Json]]:
    """Give a record for each subject; those of one subject follow one another."""
    subject: NamedNode | BlankNode | None = None
    said: dict[str, list[NamedNode | BlankNode | Literal]] = {}
    for triple in triples:
        if triple.subject != subject:
            if subject is not None:
                yield _record(subject, said, names)
            subject, said = triple.subject, {}  # type: ignore[assignment]  # no triple terms here
        said.setdefault(triple.predicate.value, []).append(triple.object)  # type: ignore[arg-type]
    if subject is not None:
        yield _record(subject, said, names)


def _record(
    subject: NamedNode | BlankNode,
    said: Mapping[str, Sequence[NamedNode | BlankNode | Literal]],
    names: Context,
) -> dict[str, Json]:
    record: dict[str, Json] = {"id": _node(subject, names)}
    if types := said.get(_TYPE):
        record["type"] = _one_or_all([_class(each, names) for each in types])
    entries: dict[str, Json] = {}
    for predicate, objects in said.items():
        if predicate == _TYPE:
            continue
        name, form = names.terms.get(predicate, predicate), names.forms.get(predicate)
        rest = list(objects)
        if form == _LANGUAGE:
            worded = [each for each in rest if isinstance(each, Literal) and each.language]
            rest = [each for each in rest if each not in worded]
            if worded:
                entries[name] = _by_language(worded)
            # The name expects a map of languages: what is in none goes under the whole address.
            name, form = predicate, None
        if rest:
            entries[name] = _one_or_all([_value(each, form, names) for each in rest])
    label = names.terms.get(names.prefixes.iri("skos:prefLabel"), "")
    for name in sorted(entries, key=lambda each: (each != label, each)):
        record[name] = entries[name]
    return record


def _by_language(literals: Sequence[Literal]) -> Json:
    texts: dict[str, list[Json]] = {}
    for each in literals:
        texts.setdefault(each.language or "", []).append(each.value)
    return {language: _one_or_all(found) for language, found in texts.items()}


def _value(term: NamedNode | BlankNode | Literal, form: str | None, names: Context) -> Json:
    if not isinstance(term, Literal):
        node = _node(term, names)
        return node if form == _ID else {"id": node}
    datatype = term.datatype.value
    if term.language:
        return {"@value": term.value, "@language": term.language}
    if datatype == form or (form is None and datatype == _STRING):
        return term.value
    if form is None and datatype == _INTEGER and _WHOLE.fullmatch(term.value):
        return int(term.value)
    if form is None and datatype == _BOOLEAN and term.value in _TRUTHS:
        return _TRUTHS[term.value]
    written: dict[str, Json] = {"@value": term.value}
    return written if datatype == _STRING else {**written, "@type": names.compact(datatype)}


def _class(term: NamedNode | BlankNode | Literal, names: Context) -> Json:
    if isinstance(term, NamedNode) and term.value in names.terms:
        return names.terms[term.value]
    return _node(term, names)


def _node(term: NamedNode | BlankNode | Literal, names: Context) -> str:
    return str(term) if isinstance(term, BlankNode) else names.compact(term.value)


def _form(term: object) -> str:
    if isinstance(term, Literal):
        return term.datatype.value
    return _ID


def _one_or_all(values: list[Json]) -> Json:
    return values[0] if len(values) == 1 else values
